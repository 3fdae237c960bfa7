"""The way back: nothing of Holdfast stays in the shop's tables, and the figures do."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import psycopg
import pytest

from activities.inventory.adoption import steps
from activities.inventory.adoption.plan import Plan
from activities.inventory.adoption.script import triggers_of
from activities.inventory.adoption.standing import ROWS_LISTED_MAX, drain
from activities.inventory.adoption.steps import AdoptionRefused
from activities.inventory.records import StockRow
from holdfast_client.contract.outcomes import Held
from tests.adoption.adopted import Adopted, opened_ledger, patiently
from tests.adoption.conftest import OpenAdopted
from tests.inventory.functions import rewrite_function
from tests.limits import HANG_SECONDS
from worker.embedded import postgres_cluster


def dumped(shop: Adopted, schema: str, *options: str) -> str:
    """Return what `pg_dump` says of a schema, but for the word that it makes up for each dump."""
    program = Path(postgres_cluster._programs_root()) / "bin" / "pg_dump"
    told = subprocess.run(
        [program, "--schema", schema, *options, shop.url.replace("+psycopg", "")],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return "\n".join(line for line in told.splitlines() if "restrict" not in line)


@pytest.fixture
def shop(open_adopted: OpenAdopted) -> Adopted:
    shop = open_adopted("a")
    shop.code('Product.create!(sku: "MUG", name: "Mug", stock_quantity: 10, reserved_quantity: 2)')
    return shop


@pytest.mark.parametrize("letter", ["a", "b", "c", "d"])
def test_the_shops_schema_is_the_same_before_it_is_adopted_and_after_it_is_left(
    open_adopted: OpenAdopted, letter: str
):
    shop = open_adopted(letter)
    public, ledger = dumped(shop, "public"), dumped(shop, "holdfast", "--schema-only")
    shop.adopt()
    assert dumped(shop, "public") != public
    assert steps.leave(shop.engine, shop.plan) == 0
    assert dumped(shop, "public") == public
    assert dumped(shop, "holdfast", "--schema-only") == ledger


MADE = {
    "a": (
        'mug = Product.create!(sku: "MUG", name: "Mug", stock_quantity: 10)\n'
        "CartItem.create!(cart: Cart.create!, product: mug, quantity: 3)"
    ),
    "b": (
        'mug = Product.objects.create(sku="MUG", name="Mug", total_stock=10)\n'
        'cart = Cart.objects.create(session_key="1")\n'
        "CartItem.objects.create(cart=cart, product=mug, quantity=3)"
    ),
    "c": (
        'mug = Product.objects.create(sku="MUG", name="Mug", price=5)\n'
        "Stock.objects.create(product=mug, quantity=10)\n"
        'CartItem.objects.create(cart_id="1", product=mug, quantity=3)'
    ),
    "d": (
        "mug = Product.objects.create(name='Mug', price=5)\n"
        "ann = User.objects.create(username='ann')\n"
        "cart = Cart.objects.get_or_create_for_user(ann)[0]\n"
        "CartItem.objects.create(cart=cart, product=mug, quantity=3)"
    ),
}


@pytest.mark.parametrize("letter", MADE)
def test_the_schema_is_the_same_after_sales_holds_and_changes_of_carts(
    open_adopted: OpenAdopted, letter: str
):
    shop = open_adopted(letter)
    shop.code(MADE[letter])
    schemas = [(each, dumped(shop, each, "--schema-only")) for each in ("public", "holdfast")]
    shop.adopt()
    sku = "MUG" if letter != "d" else "product_1"
    if letter == "d":
        shop.ledger.load_stock([StockRow("product-1", "main", 10)])
    for checkout in ("paid", "cancelled", "expired", "committed", "held"):
        assert isinstance(shop.reserve(checkout, "1", None, **{sku: 1}), Held)
    shop.close("paid")
    shop.close("cancelled", "cancelled")
    shop.expire_now("expired")
    shop.close("committed", "committed")
    assert dumped(shop, "public", "--schema-only") != schemas[0][1]
    assert steps.leave(shop.engine, shop.plan) == 2
    for schema, before in schemas:
        assert dumped(shop, schema, "--schema-only") == before


def test_figures_stay_as_they_are_and_can_be_adopted_again(shop: Adopted):
    shop.adopt()
    shop.reserve("c1", MUG=3)
    assert steps.leave(shop.engine, shop.plan) == 3
    assert shop.code("Product.pluck(:stock_quantity, :reserved_quantity)") == [[10, 5]]
    assert shop.item("MUG") == (10, 5, 2)
    shop.code('Product.find_by!(sku: "MUG").reserve_stock!(1)')
    assert shop.item("MUG") == (10, 5, 2)
    shop.adopt()
    assert shop.item("MUG") == (10, 6, 3)
    shop.close("c1")
    assert shop.code("Product.pluck(:stock_quantity, :reserved_quantity)") == [[7, 3]]
    assert shop.breaches() == []


def test_what_the_shop_has_lost_is_drained_in_both(shop: Adopted):
    shop.adopt()
    take_off = partial(drain, shop.engine, shop.plan, "MUG", actor="sam")
    drained = patiently(lambda: take_off(2, reason="carts of last year"))
    assert (drained.drained, drained.reserved, drained.shop_reserved) == (True, 0, 0)
    assert shop.code("Product.pluck(:reserved_quantity)") == [0]
    again = patiently(lambda: take_off(1, reason="once more"))
    assert (again.drained, again.reserved) == (False, 0)
    with pytest.raises(AdoptionRefused, match=r"no row of public\.products has the SKU CUP"):
        drain(shop.engine, shop.plan, "CUP", 1, reason="lost", actor="sam")
    assert shop.breaches() == []


def test_an_adoption_that_was_broken_off_goes_on_where_it_was(
    shop: Adopted, monkeypatch: pytest.MonkeyPatch
):
    shop.sql.execute(
        "INSERT INTO products (name, sku, stock_quantity, created_at, updated_at) "
        "SELECT 'P', 'P-' || i, i, now(), now() FROM generate_series(1, 30) AS i"
    )
    monkeypatch.setattr(steps, "PAGE_ROWS_MAX", 10)

    class Interrupted(Exception):
        pass

    def interrupt(rows: int) -> None:
        if rows == 20:
            raise Interrupted

    with pytest.raises(Interrupted):
        steps.apply(shop.engine, shop.plan, interrupt)
    assert shop.standing().done_at is None
    # The shop goes on meanwhile, in rows that are in and in rows that are not.
    shop.sql.execute("UPDATE products SET stock_quantity = stock_quantity + 100")
    assert steps.apply(shop.engine, shop.plan).rows == 11
    assert shop.standing().rows == 31
    assert shop.item("P-30") == (130, 0, 0)
    assert shop.breaches() == []


def test_a_page_that_took_long_is_followed_by_a_smaller_one_and_one_that_did_not_by_a_larger():
    assert steps.next_page_rows(250, 0.2) == 125
    assert steps.next_page_rows(12, 9.0) == steps.PAGE_ROWS_MIN
    assert steps.next_page_rows(125, 0.1) == 125
    assert steps.next_page_rows(125, 0.01) == 250
    assert steps.next_page_rows(250, 0.01) == 250


def test_a_row_that_the_shop_has_is_not_waited_for_with_others_in_hand(shop: Adopted):
    with ThreadPoolExecutor() as threads, psycopg.connect(shop.shop_url) as busy:
        shop.sql.execute(
            "INSERT INTO products (name, sku, stock_quantity, created_at, updated_at) "
            "SELECT 'P', 'P-' || i, i, now(), now() FROM generate_series(1, 30) AS i"
        )
        busy.execute("SELECT FROM products WHERE sku = 'P-30' FOR UPDATE")
        adopting = threads.submit(steps.apply, shop.engine, shop.plan)
        while shop.owner("SELECT to_regclass('holdfast.adoption')")[0][0] is None:
            shop.sql.execute("UPDATE products SET stock_quantity = 11 WHERE sku = 'MUG'")
        for _ in range(20):
            shop.sql.execute("UPDATE products SET stock_quantity = 12 WHERE sku = 'MUG'")
            assert not waiting_for_rows(shop)
        busy.rollback()
        assert adopting.result(timeout=HANG_SECONDS).rows == 31
    assert shop.breaches() == []


def waiting_for_rows(shop: Adopted) -> bool:
    """Say whether the ledger waits for a lock."""
    return bool(
        shop.owner(
            "SELECT FROM pg_stat_activity WHERE datname = current_database() "
            "AND wait_event_type = 'Lock' AND query LIKE '%adopt_page%'"
        )
    )


def test_another_plan_is_neither_applied_beside_it_nor_left_in_its_place(shop: Adopted):
    shop.adopt()
    document = shop.plan.model_dump()
    other = Plan.model_validate({**document, "stock": {**document["stock"], "location": "shop"}})
    with pytest.raises(AdoptionRefused, match="another plan is applied"):
        steps.apply(shop.engine, other)
    with pytest.raises(AdoptionRefused, match="another plan is applied"):
        steps.leave(shop.engine, other)
    steps.leave(shop.engine, shop.plan)
    with pytest.raises(AdoptionRefused, match="nothing is adopted"):
        steps.leave(shop.engine, shop.plan)


async def test_the_reconciler_finds_a_switch_that_a_restore_has_turned(shop: Adopted):
    shop.adopt()
    async with opened_ledger(shop) as ledger:
        assert await ledger.drift() == ()
        shop.sql.execute("ALTER TABLE products DISABLE TRIGGER ALL")
        shop.sql.execute("ALTER TABLE products ENABLE TRIGGER ALL")
        turned = {breach.subject for breach in await ledger.drift()}
        own = [trigger for trigger, table in triggers_of(shop.plan) if "products" in table]
        assert turned == {f'trigger {trigger} on "public"."products"' for trigger in own}
        shop.sql.execute("DROP TRIGGER zz_holdfast_keep ON products")
        assert any("is missing" in breach.finding for breach in await ledger.drift())


async def test_without_the_check_of_switches_one_that_is_off_is_found_by_nobody(shop: Adopted):
    """The positive control: the shop's writes are followed no more, and no figure differs yet."""
    shop.adopt()
    rewrite_function(
        shop.engine, "find_shop_breaches", "WHERE t.tgenabled IS DISTINCT FROM 'A'", "WHERE false"
    )
    shop.owner("ALTER TABLE public.products DISABLE TRIGGER zz_holdfast_follow")
    async with opened_ledger(shop) as ledger:
        assert await ledger.drift() == ()
    assert shop.breaches() == []


def test_the_audit_finds_rows_that_were_written_past_the_switches(shop: Adopted):
    shop.adopt()
    shop.owner("ALTER TABLE public.products DISABLE TRIGGER USER")
    shop.sql.execute("UPDATE products SET stock_quantity = 11")
    found = [breach for breach in shop.ledger.audit() if breach.subject == "MUG at main"]
    assert [breach.finding for breach in found] == ["total 10 and reserved 2, in the shop 11 and 2"]


def test_what_was_written_past_the_switches_counts_before_the_ledger_writes_over_it(shop: Adopted):
    shop.adopt()
    shop.owner("ALTER TABLE public.products DISABLE TRIGGER USER")
    shop.sql.execute("UPDATE products SET stock_quantity = 9")
    shop.reserve("c1", MUG=1)
    assert shop.item("MUG") == (9, 3, 2)
    assert shop.kinds("MUG")[-2:] == [("shop", -1, 0), ("reserve", 0, 1)]
    rows = shop.sql.execute("SELECT stock_quantity, reserved_quantity FROM products").fetchall()
    assert rows == [(9, 3)]


@pytest.mark.parametrize(
    ("column", "told"),
    [
        ("stock_quantity", "MUG at main: total 10 and reserved 2, in the shop none and 2"),
        ("reserved_quantity", "MUG at main: total 10 and reserved 2, in the shop 10 and none"),
    ],
)
def test_a_figure_that_is_null_is_another_than_its_stock_items(
    shop: Adopted, column: str, told: str
):
    shop.sql.execute(f"ALTER TABLE products ALTER {column} DROP NOT NULL")
    shop.adopt()
    shop.owner("ALTER TABLE public.products DISABLE TRIGGER USER")
    shop.sql.execute(f"UPDATE products SET {column} = NULL")
    assert f"I5 {told}" in shop.breaches()
    assert told in shop.standing().breaches


def test_what_a_plan_has_no_column_for_is_no_breach(shop: Adopted):
    """A row says nothing of it; the stock item has it."""
    document = shop.plan.model_dump()
    stock = {**document["stock"], "reserved": None}
    writes = {**document["writes"], "reserved": None}
    plan = Plan.model_validate({**document, "stock": stock, "writes": writes})
    steps.apply(shop.engine, plan)
    shop.reserve("c1", MUG=3)
    assert shop.breaches() == []
    assert shop.standing().breaches == ()


def test_status_names_the_rows_that_differ_and_no_more_than_it_lists(shop: Adopted):
    shop.sql.execute(
        "INSERT INTO products (name, sku, stock_quantity, created_at, updated_at) "
        "SELECT 'P', 'P-' || i, i, now(), now() FROM generate_series(1, 60) AS i"
    )
    shop.adopt()
    assert shop.standing().breaches == ()
    shop.owner("ALTER TABLE public.products DISABLE TRIGGER zz_holdfast_keep")
    shop.owner("ALTER TABLE public.products DISABLE TRIGGER zz_holdfast_follow")
    shop.sql.execute("UPDATE products SET stock_quantity = stock_quantity + 1")
    told = shop.standing().breaches
    assert sum(" is switched off" in each for each in told) == 2
    assert sum(" in the shop " in each for each in told) == ROWS_LISTED_MAX
