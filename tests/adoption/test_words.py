"""SKUs, names and what is for sale follow the shop: as a set, and without a wait."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from activities.inventory.adoption import steps
from activities.inventory.adoption.plan import Elsewhere, Plan
from activities.inventory.adoption.script import BLOCKED_SECONDS, LATE_WORDS_MAX
from activities.inventory.database.errors import LedgerUnavailable
from activities.inventory.history_records import HistoryPeriod
from holdfast_client.contract.outcomes import Denied, Held
from tests.adoption.adopted import Adopted, opened_ledger
from tests.adoption.conftest import OpenAdopted
from tests.inventory.functions import rewrite_function

# Where each shop has the SKU of a product, and where its figures.
WORDS = {"a": "products", "c": "inventory_product"}
FIGURES = {"a": ("products", "id"), "c": ("inventory_stock", "product_id")}


def _rename(shop: Adopted, product: int, sku: str, by: psycopg.Connection | None = None) -> None:
    table = WORDS[shop.letter]
    (by or shop.sql).execute(f"UPDATE {table} SET sku = %s WHERE id = %s", [sku, product])


def _touch(shop: Adopted, product: int, by: psycopg.Connection) -> None:
    """Let a transaction of the shop's have the row of a product's stock."""
    table, key = FIGURES[shop.letter]
    by.execute(f"UPDATE {table} SET updated_at = now() WHERE {key} = %s", [product])


def _create(shop: Adopted, sku: str, units: int) -> None:
    if shop.letter == "a":
        shop.code(f'Product.create!(sku: "{sku}", name: "P", stock_quantity: {units})')
    else:
        shop.code(f"made = Product.objects.create(sku='{sku}', name='P', price=1)")
        shop.code(f"Stock.objects.create(product=made, quantity={units})")


def _delete(shop: Adopted, sku: str) -> None:
    if shop.letter == "c":
        shop.sql.execute(
            "DELETE FROM inventory_stock WHERE product_id = "
            "(SELECT id FROM inventory_product WHERE sku = %s)",
            [sku],
        )
    shop.sql.execute(f"DELETE FROM {WORDS[shop.letter]} WHERE sku = %s", [sku])


def _reserved(shop: Adopted) -> dict[str, int]:
    """Return what is reserved in the shop's rows, by the SKU that each has there."""
    table, key = FIGURES[shop.letter]
    rows = shop.sql.execute(
        f"SELECT p.sku, f.reserved_quantity FROM {table} AS f "
        f"JOIN {WORDS[shop.letter]} AS p ON p.id = f.{key}"
    )
    return dict(rows.fetchall())


def _waiting(shop: Adopted) -> int:
    return int(shop.owner("SELECT count(*) FROM holdfast.late_words")[0][0])


@pytest.fixture(params=["a", "c"])
def shop(open_adopted: OpenAdopted, request: pytest.FixtureRequest) -> Adopted:
    """A shop with ten of A, three of B and five of C."""
    shop = open_adopted(request.param)
    for sku, units in (("A", 10), ("B", 3), ("C", 5)):
        _create(shop, sku, units)
    shop.adopt()
    return shop


@pytest.fixture
def shop_c(open_adopted: OpenAdopted) -> Adopted:
    """Shop C with the same, and a column beside the SKU that says what is for sale."""
    shop = open_adopted("c")
    for sku, units in (("A", 10), ("B", 3), ("C", 5)):
        _create(shop, sku, units)
    shop.sql.execute("ALTER TABLE inventory_product ADD is_active boolean NOT NULL DEFAULT true")
    active = Elsewhere(table="public.inventory_product", column="is_active", via="product_id")
    stock = shop.plan.stock.model_copy(update={"active": active})
    steps.apply(shop.engine, Plan.model_validate({**shop.plan.model_dump(), "stock": stock}))
    return shop


@pytest.fixture
def other(shop_c: Adopted) -> Iterator[psycopg.Connection]:
    """Another transaction of shop C's, which has the row of A's stock."""
    with psycopg.connect(shop_c.shop_url) as connection:
        _touch(shop_c, 1, connection)
        yield connection


def test_two_that_change_places_in_one_transaction_keep_their_rows(shop: Adopted):
    shop.reserve("c0", A=1)
    with shop.sql.transaction():
        for product, sku in ((1, "T"), (2, "A"), (1, "B")):
            _rename(shop, product, sku)
    assert (shop.item("A"), shop.item("B")) == ((3, 0, 0), (10, 1, 0))
    assert isinstance(shop.reserve("c1", A=2), Held)
    assert isinstance(shop.reserve("c2", B=5), Held)
    assert _reserved(shop) == {"A": 2, "B": 6, "C": 0}
    assert (shop.put_back(), _waiting(shop), shop.breaches()) == ([], 0, [])


def test_two_that_change_places_in_one_transaction_after_the_other_do_so_too(shop: Adopted):
    for product, sku in ((1, "T"), (2, "A"), (1, "B")):
        _rename(shop, product, sku)
    assert (shop.item("A"), shop.item("B")) == ((3, 0, 0), (10, 0, 0))
    assert (shop.put_back(), _waiting(shop), shop.breaches()) == ([], 0, [])


def test_three_that_go_round_come_out_right(shop: Adopted):
    with shop.sql.transaction():
        for product, sku in ((1, "T"), (3, "A"), (2, "C"), (1, "B")):
            _rename(shop, product, sku)
    assert [shop.item(sku)[0] for sku in "ABC"] == [5, 10, 3]
    assert (shop.put_back(), shop.breaches()) == ([], [])


@pytest.mark.parametrize("at_once", [True, False])
def test_the_sku_of_a_deleted_product_can_be_given_to_another(shop: Adopted, at_once: bool):
    shop.reserve("c1", B=2)
    shop.reserve("c2", A=4)
    shop.close("c2")
    if at_once:
        with shop.sql.transaction():
            _delete(shop, "A")
            _rename(shop, 2, "A")
    else:
        _delete(shop, "A")
        _rename(shop, 2, "A")
    assert shop.item("A") == (3, 2, 0)
    assert isinstance(shop.reserve("c3", A=1), Held)
    shop.close("c1")
    assert (shop.put_back(), shop.breaches()) == ([], [])
    # What the deleted one did stays its own.
    ((former,),) = shop.owner("SELECT sku FROM holdfast.stock_items WHERE sku LIKE 'A (former %)'")
    assert [kind for kind, _, _ in shop.kinds(former)] == ["shop", "reserve", "fulfil", "shop"]
    told = shop.ledger.item_history(former, "main", HistoryPeriod(limit=10))
    assert told
    assert len(told.movements) == 4
    timeline = shop.ledger.timeline("c2")
    assert timeline
    assert former in timeline.model_dump_json()


def test_a_new_product_has_the_item_of_the_deleted_one_with_its_sku(shop: Adopted):
    _delete(shop, "A")
    _create(shop, "A", 7)
    assert shop.item("A") == (7, 0, 0)
    assert [total for _, total, _ in shop.kinds("A")] == [10, -10, 7]
    assert shop.breaches() == []


@pytest.fixture
def shop_without_unique(open_adopted: OpenAdopted) -> Adopted:
    """Shop A as it would be if it had forgotten that a SKU is unique."""
    shop = open_adopted("a")
    shop.sql.execute("DROP INDEX index_products_on_sku")
    for sku, units in (("A", 10), ("B", 3)):
        _create(shop, sku, units)
    shop.adopt()
    return shop


def _look_again(shop: Adopted) -> None:
    shop.owner(
        f"UPDATE holdfast.late_words SET again_at = again_at - interval '{BLOCKED_SECONDS} s'"
    )
    shop.reserve("look", unknown=1)


def test_a_sku_that_two_rows_have_is_a_breach_for_as_long_as_they_have_it(
    shop_without_unique: Adopted,
):
    shop = shop_without_unique
    _rename(shop, 2, "A")
    assert shop.item("A") == (10, 0, 0)
    assert [breach for breach in shop.breaches() if "called A" in breach]
    assert shop.put_back() == [("B", "sku", 1)]
    _look_again(shop)
    assert shop.put_back() == [("B", "sku", 1)]
    assert [breach for breach in shop.breaches() if "called A" in breach]
    _rename(shop, 1, "Z")
    _look_again(shop)
    assert (shop.item("A"), shop.item("Z")) == ((3, 0, 0), (10, 0, 0))
    assert shop.breaches() == []


def test_goods_of_the_ledgers_own_keep_their_sku(shop: Adopted):
    shop.owner("INSERT INTO holdfast.stock_items (sku, total_quantity) VALUES ('OWN', 4)")
    _rename(shop, 1, "OWN")
    assert (shop.item("OWN"), shop.item("A")) == ((4, 0, 0), (10, 0, 0))
    assert any("is row 1 of" in breach for breach in shop.breaches())


def test_words_of_a_row_that_somebody_of_the_shop_has_wait_and_the_shop_does_not(
    shop_c: Adopted, other: psycopg.Connection
):
    _rename(shop_c, 1, "NEW")  # it returns, though the row is taken
    assert (_waiting(shop_c), shop_c.breaches()) == (1, [])
    with pytest.raises(LedgerUnavailable):
        shop_c.reserve("c1", A=1)
    other.rollback()
    assert isinstance(shop_c.reserve("c1", NEW=1), Held)
    assert isinstance(shop_c.reserve("c2", A=1), Denied)
    assert (shop_c.item("NEW"), _waiting(shop_c), shop_c.breaches()) == ((10, 1, 0), 0, [])


def test_one_look_at_a_row_does_for_all_that_was_noted_while_somebody_had_it(
    shop_c: Adopted, other: psycopg.Connection
):
    _touch(shop_c, 1, other)
    for number in range(LATE_WORDS_MAX * 5):
        _rename(shop_c, 1, f"N-{number}")
    _rename(shop_c, 1, "A")
    assert _waiting(shop_c) > LATE_WORDS_MAX * 5
    other.rollback()
    assert isinstance(shop_c.reserve("c1", A=1), Held)
    assert _waiting(shop_c) == 0


def test_who_has_the_row_follows_what_has_been_renamed_by_its_end(
    shop_c: Adopted, other: psycopg.Connection
):
    _rename(shop_c, 1, "NEW")
    other.execute("UPDATE inventory_stock SET quantity = 12 WHERE product_id = 1")
    other.commit()
    assert (shop_c.item("NEW"), shop_c.breaches()) == ((12, 0, 0), [])


def test_what_the_shop_has_taken_out_of_sale_is_not_sold_though_the_word_waits(
    shop_c: Adopted, other: psycopg.Connection
):
    shop_c.sql.execute("UPDATE inventory_product SET is_active = false WHERE id = 1")
    with ThreadPoolExecutor() as threads:
        reserve = threads.submit(shop_c.reserve, "c1", A=1)
        time.sleep(0.05)
        other.rollback()
        try:
            answer = reserve.result()
        except LedgerUnavailable:
            answer = shop_c.reserve("c1", A=1)
    assert isinstance(answer, Denied)
    assert answer.shortages[0].reason == "inactive"


def test_without_the_look_it_would_be_sold(shop_c: Adopted, other: psycopg.Connection):
    """The positive control."""
    rewrite_function(shop_c.engine, "follow_late_words", "cardinality(notes) > 0", "false")
    rewrite_function(shop_c.engine, "follow_late_words", "RETURN EXISTS", "RETURN false AND EXISTS")
    shop_c.sql.execute("UPDATE inventory_product SET is_active = false WHERE id = 1")
    other.rollback()
    assert isinstance(shop_c.reserve("c1", A=1), Held)


def test_two_that_change_places_while_one_is_taken_are_not_taken_for_each_other(
    shop_c: Adopted, other: psycopg.Connection
):
    with shop_c.sql.transaction():
        for product, sku in ((1, "T"), (2, "A"), (1, "B")):
            _rename(shop_c, product, sku)
    for sku in ("A", "B"):
        with pytest.raises(LedgerUnavailable):
            shop_c.reserve(f"early-{sku}", None, None, **{sku: 1})
    other.rollback()
    assert isinstance(shop_c.reserve("c1", A=2), Held)
    assert isinstance(shop_c.reserve("c2", B=5), Held)
    assert _reserved(shop_c) == {"A": 2, "B": 5, "C": 0}
    assert shop_c.breaches() == []


async def test_the_reconciler_follows_what_nobody_asks_for(
    shop_c: Adopted, other: psycopg.Connection
):
    _rename(shop_c, 1, "NEW")
    async with opened_ledger(shop_c) as ledger:
        await ledger.follow_shop()
        assert _waiting(shop_c) == 1
        other.rollback()
        await ledger.follow_shop()
    assert (shop_c.item("NEW"), _waiting(shop_c)) == ((10, 0, 0), 0)


async def test_words_that_nobody_follows_for_minutes_are_a_breach(
    shop_c: Adopted, other: psycopg.Connection
):
    _rename(shop_c, 1, "NEW")
    async with opened_ledger(shop_c) as ledger:
        assert await ledger.drift() == ()
        shop_c.owner("UPDATE holdfast.late_words SET noted_at = noted_at - interval '6 minutes'")
        (breach,) = await ledger.drift()
    assert "row 1 of public.inventory_stock: its words have waited" in str(breach)


def test_who_renames_never_waits_for_who_sells_nor_the_other_way_round_for_ever(shop_c: Adopted):
    """Each with its first, each wanting the other's: whose end has begun waits for nobody."""
    with (
        psycopg.connect(shop_c.shop_url) as renamer,
        psycopg.connect(shop_c.shop_url) as seller,
        ThreadPoolExecutor() as threads,
    ):
        for each in (renamer, seller):
            each.execute("SET CONSTRAINTS ALL IMMEDIATE")
        _rename(shop_c, 1, "NEW-A", renamer)
        seller.execute("UPDATE inventory_stock SET quantity = 4 WHERE product_id = 2")
        renaming = threads.submit(_rename, shop_c, 2, "NEW-B", renamer)
        selling = threads.submit(
            seller.execute, "UPDATE inventory_stock SET quantity = 9 WHERE product_id = 1"
        )
        renaming.result()
        renamer.commit()
        selling.result()
        seller.commit()
    shop_c.reserve("look", unknown=1)
    assert (shop_c.item("NEW-A"), shop_c.item("NEW-B")) == ((9, 0, 0), (4, 0, 0))
    assert shop_c.breaches() == []


def test_two_that_want_each_others_skus_without_a_rule_of_the_shops_own_wait_for_neither(
    shop_without_unique: Adopted,
):
    shop = shop_without_unique
    with (
        psycopg.connect(shop.shop_url) as one,
        psycopg.connect(shop.shop_url) as two,
        ThreadPoolExecutor() as threads,
    ):
        for each, product, sku in ((one, 1, "X"), (two, 2, "Y")):
            each.execute("SET CONSTRAINTS ALL IMMEDIATE")
            _rename(shop, product, sku, each)
        wishes = [
            threads.submit(_rename, shop, 1, "Y", one),
            threads.submit(_rename, shop, 2, "X", two),
        ]
        for wish in wishes:
            wish.result()
        one.commit()
        two.commit()
    _look_again(shop)
    assert (shop.item("Y"), shop.item("X")) == ((10, 0, 0), (3, 0, 0))
    assert shop.breaches() == []
