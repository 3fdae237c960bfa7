"""What a shop's table comes to refuse is counted, and no checkout waits or fails for it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from activities.inventory.adoption import linked_script
from activities.inventory.database.errors import LedgerFailed
from activities.inventory.grouping.grouped_ledger import GroupedLedger
from activities.inventory.records import Closing, HoldExtension
from holdfast_client.contract.outcomes import Fulfilled, Held
from tests.adoption.adopted import Adopted, opened_ledger, without_budget
from tests.adoption.conftest import OpenAdopted
from tests.inventory.shop import states

STATUS = "Cart.order(:id).pluck(:status)"
ROWS = "list(StockReservation.objects.order_by('id').values_list('product__sku', 'quantity'))"
HOLDS = "public.inventory_stockreservation"


@pytest.fixture
def shop_a(open_adopted: OpenAdopted) -> Adopted:
    """Shop A with ten mugs, and two carts of which the first takes no status but active."""
    shop = open_adopted("a")
    shop.code('mug = Product.create!(sku: "MUG", name: "Mug", stock_quantity: 10)')
    shop.code('cup = Product.create!(sku: "CUP", name: "Cup", stock_quantity: 10)')
    shop.code("Cart.create!; Cart.create!")
    shop.adopt()
    shop.sql.execute("ALTER TABLE carts ADD CHECK (id <> 1 OR status = 'active')")
    shop.reserve("c1", "1", MUG=1)
    shop.reserve("c2", "2", MUG=1)
    return shop


def misfits(shop: Adopted) -> list[tuple[str, str, str]]:
    """Return key, column and what was to be written, of what was counted."""
    rows = shop.standing().put_back_rows
    return sorted((row["key"], row["column_name"], row["written"]) for row in rows)


def test_a_cart_that_takes_no_status_keeps_nobody_from_being_paid(shop_a: Adopted):
    paid = [Closing(id, "fulfilled", "", "", f"pay-{id}") for id in ("c1", "c2")]
    outcomes = [state.outcome for state in states(shop_a.ledger.close(paid))]
    assert all(isinstance(outcome, Fulfilled) for outcome in outcomes)
    assert shop_a.code(STATUS) == ["active", "checked_out"]
    assert shop_a.item("MUG") == (8, 0, 0)
    ((key, column, written),) = misfits(shop_a)
    assert (key, column) == ("checkout/c1", "public.carts.status")
    assert written.startswith("checked_out (new row for relation")
    assert shop_a.breaches() == []


async def test_a_cart_that_takes_no_status_keeps_nobodys_hold_from_being_swept(shop_a: Adopted):
    without_budget(shop_a)
    shop_a.owner("UPDATE holdfast.reservations SET expires_at = now() - interval '1 minute'")
    async with opened_ledger(shop_a) as ledger:
        assert await ledger.expire_overdue(2.0) == 2
    assert shop_a.item("MUG") == (10, 0, 0)
    assert shop_a.code(STATUS) == ["active", "abandoned"]
    assert [column for _, column, _ in misfits(shop_a)] == ["public.carts.status"]


async def test_a_figure_that_is_refused_is_the_failure_of_its_own_checkout_alone(shop_a: Adopted):
    without_budget(shop_a)
    shop_a.reserve("c3", None, CUP=1)
    shop_a.sql.execute("ALTER TABLE products ADD CHECK (sku <> 'CUP' OR stock_quantity >= 10)")
    async with opened_ledger(shop_a) as ledger:
        grouped = GroupedLedger(ledger)
        asked = [Closing(id, "fulfilled", "", "", f"pay-{id}") for id in ("c1", "c2", "c3")]
        answers = await asyncio.gather(*map(grouped.close, asked), return_exceptions=True)
    assert isinstance(answers[2], LedgerFailed)
    assert not any(isinstance(answer, BaseException) for answer in answers[:2])
    assert shop_a.item("MUG") == (8, 0, 0)
    assert shop_a.item("CUP") == (10, 1, 0)
    assert shop_a.breaches() == []


@pytest.fixture
def shop_b(open_adopted: OpenAdopted) -> Adopted:
    shop = open_adopted("b")
    shop.code('mug = Product.objects.create(sku="MUG", name="Mug", total_stock=100)')
    shop.code('cup = Product.objects.create(sku="CUP", name="Cup", total_stock=100)')
    shop.adopt()
    return shop


def test_a_row_of_a_hold_that_is_refused_is_not_there_and_the_hold_is(shop_b: Adopted):
    shop_b.sql.execute(f"ALTER TABLE {HOLDS} ADD CONSTRAINT few CHECK (quantity <= 2)")
    held = shop_b.reserve("c1", "s-1", MUG=40, CUP=1)
    assert isinstance(held, Held)
    assert shop_b.code(ROWS) == [["CUP", 1]]
    ((key, column, written),) = misfits(shop_b)
    assert (key, column) == ("checkout/c1", HOLDS)
    assert written.startswith("40 (new row for relation")
    # More than once where it had to wait for the stock: its deadline is shown, too.
    assert shop_b.standing().put_back >= 1
    # The next change of the hold tries again.
    shop_b.sql.execute(f"ALTER TABLE {HOLDS} DROP CONSTRAINT few")
    later = held.expires_at + timedelta(seconds=60)
    shop_b.ledger.extend([HoldExtension("c1", later, "e1")])
    assert sorted(shop_b.code(ROWS)) == [["CUP", 1], ["MUG", 40]]
    assert shop_b.breaches() == []


def test_a_row_that_cannot_follow_its_hold_is_taken_out(shop_b: Adopted):
    held = shop_b.reserve("c1", "s-1", MUG=2)
    assert isinstance(held, Held)
    shop_b.sql.execute(
        f"ALTER TABLE {HOLDS} ADD CHECK (expires_at <= '{held.expires_at.isoformat()}')"
    )
    later = held.expires_at + timedelta(seconds=60)
    shop_b.ledger.extend([HoldExtension("c1", later, "e1")])
    assert shop_b.code(ROWS) == []
    assert [key for key, _, _ in misfits(shop_b)] == ["checkout/c1"]
    shop_b.close("c1")
    assert shop_b.item("MUG") == (98, 0, 0)


def test_a_row_that_cannot_be_taken_out_keeps_no_hold_from_ending(shop_b: Adopted):
    shop_b.reserve("c1", "s-1", MUG=2)
    shop_b.sql.execute(
        f"CREATE TABLE notes (id bigint REFERENCES {HOLDS}); "
        f"INSERT INTO notes SELECT id FROM {HOLDS}"
    )
    shop_b.close("c1")
    assert shop_b.item("MUG") == (98, 0, 0)
    ((key, _, written),) = misfits(shop_b)
    assert key == "checkout/c1"
    assert written.startswith("gone (update or delete on table")


def test_a_cart_whose_lines_cannot_be_cleared_is_paid(shop_b: Adopted):
    shop_b.code('cart = Cart.objects.create(session_key="s-1")')
    shop_b.code("CartItem.objects.create(cart=cart, product=mug, quantity=2)")
    shop_b.sql.execute(
        "CREATE TABLE notes (id bigint REFERENCES orders_cartitem); "
        "INSERT INTO notes SELECT id FROM orders_cartitem"
    )
    shop_b.reserve("c1", "s-1", MUG=2)
    assert isinstance(shop_b.close("c1"), Fulfilled)
    assert shop_b.code("CartItem.objects.count()") == 1
    ((key, column, _),) = misfits(shop_b)
    assert (key, column) == ("checkout/c1", "public.orders_cartitem")


LONG = "s" * 41  # no session's key is so long


@pytest.fixture
def few_misfits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let three rows be kept where there are a thousand, and two be forgotten at once."""
    monkeypatch.setitem(linked_script.MISFIT_LIMITS, "misfits_kept_max", "3")
    monkeypatch.setitem(linked_script.MISFIT_LIMITS, "misfits_at_once_max", "2")


@pytest.mark.usefixtures("few_misfits")
def test_of_a_shop_that_never_has_room_the_latest_rows_are_kept_and_all_are_counted(
    shop_b: Adopted,
):
    for number in range(20):
        shop_b.reserve(f"c{number}", LONG, MUG=1)
    found = shop_b.standing()
    latest = [f"checkout/c{number}" for number in (19, 18, 17)]
    assert [row["key"] for row in found.put_back_rows] == latest
    assert (found.put_back, found.put_back_rows_left_out) == (20, 0)


@pytest.mark.usefixtures("few_misfits")
def test_nobody_waits_for_who_forgets_and_what_is_left_is_caught_up_with(shop_b: Adopted):
    with shop_b.engine.begin() as forgetting:
        forgetting.exec_driver_sql("SELECT FROM holdfast.adoption FOR NO KEY UPDATE")
        for number in range(10):
            assert isinstance(shop_b.reserve(f"c{number}", LONG, MUG=1), Held)
        assert len(misfits(shop_b)) == 10
    for number in range(10, 20):
        shop_b.reserve(f"c{number}", LONG, MUG=1)
    assert len(misfits(shop_b)) == 3
    assert shop_b.standing().put_back == 20


@pytest.mark.usefixtures("few_misfits")
def test_what_was_put_back_to_rows_of_stock_is_never_forgotten_for_checkouts(shop_b: Adopted):
    shop_b.sql.execute("UPDATE inventory_product SET reserved_stock = total_stock + 1")
    shop_b.sql.execute("UPDATE inventory_product SET reserved_stock = 0")
    for number in range(5):
        assert isinstance(shop_b.reserve(f"c{number}", LONG, MUG=1), Held)
    assert shop_b.put_back()[-2:] == [("CUP", "reserved_stock", 1), ("MUG", "reserved_stock", 1)]
