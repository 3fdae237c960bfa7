"""Left and adopted again, or with other policies: nothing that was sold comes back."""

from __future__ import annotations

import pytest

from activities.inventory.adoption import steps
from activities.inventory.adoption.plan import Plan
from activities.inventory.adoption.steps import AdoptionRefused
from activities.inventory.records import StockRow
from holdfast_client.contract.outcomes import Denied
from tests.adoption.adopted import Adopted
from tests.adoption.conftest import OpenAdopted
from tests.adoption.test_both_ways import receive

FIGURES = "Product.order(:id).pluck(:stock_quantity, :reserved_quantity)"


@pytest.fixture
def shop(open_adopted: OpenAdopted) -> Adopted:
    """Shop A with ten mugs, of which its own code has reserved two, adopted."""
    shop = open_adopted("a")
    shop.code('Product.create!(sku: "MUG", name: "Mug", stock_quantity: 10, reserved_quantity: 2)')
    shop.adopt()
    return shop


def leave(shop: Adopted) -> None:
    steps.leave(shop.engine, shop.plan)


def put_back(shop: Adopted) -> list[tuple[str, str, str]]:
    """Return column, what the row said, and what it says."""
    rows = shop.standing().put_back_rows
    return sorted((row["column_name"], row["written"], row["kept"]) for row in rows)


def test_what_was_sold_between_leave_and_apply_does_not_come_back(shop: Adopted):
    leave(shop)
    shop.reserve("c1", MUG=3)
    shop.close("c1")
    assert shop.code(FIGURES) == [[10, 2]]
    assert steps.check(shop.engine, shop.plan) == []
    shop.adopt()
    assert shop.item("MUG") == (7, 2, 2)
    assert shop.code(FIGURES) == [[7, 2]]
    assert put_back(shop) == [("stock_quantity", "10", "7")]
    assert shop.breaches() == []


def test_what_the_shop_sold_meanwhile_counts_beside_it(shop: Adopted):
    shop.reserve("held", MUG=1)
    leave(shop)
    shop.reserve("c1", MUG=2)
    shop.close("c1")
    shop.reserve("c2", MUG=1)
    shop.sql.execute("UPDATE products SET stock_quantity = 8, reserved_quantity = 2")
    shop.adopt()
    # Two sold here and two there; one held from before, one since, and one of the shop's own.
    assert shop.item("MUG") == (6, 3, 1)
    assert shop.code(FIGURES) == [[6, 3]]
    assert shop.breaches() == []


def test_a_hold_that_ended_meanwhile_is_not_reserved_for_ever(shop: Adopted):
    shop.reserve("c1", MUG=3)
    shop.reserve("c2", MUG=1)
    leave(shop)
    shop.close("c1", "cancelled")
    shop.close("c2")
    assert shop.code(FIGURES) == [[10, 6]]
    shop.adopt()
    assert shop.item("MUG") == (9, 2, 2)
    assert shop.code(FIGURES) == [[9, 2]]
    assert shop.breaches() == []


def test_left_and_adopted_twice_each_sale_counts_once(shop: Adopted):
    for number in (1, 2):
        leave(shop)
        shop.reserve(f"c{number}", MUG=2)
        shop.close(f"c{number}")
        shop.adopt()
    assert shop.item("MUG") == (6, 2, 2)
    assert shop.code(FIGURES) == [[6, 2]]


def test_a_correction_that_the_row_may_have_or_not_is_named(shop: Adopted):
    leave(shop)
    shop.reserve("c1", MUG=3)
    shop.close("c1")
    receive(shop, "d1", 5)
    told = (
        "public.products row 1 (MUG): total 10, of which checkouts have sold 3 since `leave`, and "
        "12 in the ledger, where it was corrected meanwhile: bring both to what is there"
    )
    assert steps.check(shop.engine, shop.plan) == [told]
    with pytest.raises(AdoptionRefused, match="bring both to what is there"):
        shop.adopt()
    shop.sql.execute("UPDATE products SET stock_quantity = 15")
    shop.adopt()
    assert shop.item("MUG") == (12, 2, 2)
    assert shop.code(FIGURES) == [[12, 2]]


def test_what_was_sold_of_a_sku_that_no_row_has_any_more_is_named(shop: Adopted):
    leave(shop)
    shop.reserve("c1", MUG=3)
    shop.close("c1")
    shop.sql.execute("UPDATE products SET sku = 'CUP'")
    (told,) = steps.check(shop.engine, shop.plan)
    assert told.startswith(
        "public.products: no row has the SKU MUG any more, of which 7 are in the ledger, and "
        "checkouts have sold 3 since `leave`"
    )
    shop.sql.execute("UPDATE products SET sku = 'MUG'")
    shop.adopt()
    assert shop.item("MUG") == (7, 2, 2)


@pytest.mark.parametrize(
    "change", ["UPDATE products SET sku = 'CUP'", "DELETE FROM products"], ids=["renamed", "gone"]
)
def test_what_no_row_has_any_more_is_named_though_nothing_was_sold(shop: Adopted, change: str):
    shop.ledger.load_stock([StockRow("OWN", "main", 5)])
    leave(shop)
    shop.sql.execute(change)
    (told,) = steps.check(shop.engine, shop.plan)
    assert "no row has the SKU MUG any more, of which 10 are in the ledger" in told
    with pytest.raises(AdoptionRefused, match="count the SKU down"):
        shop.adopt()
    shop.ledger.load_stock([StockRow("MUG", "main", 2)])
    shop.adopt()
    assert isinstance(shop.reserve("c1", MUG=1), Denied)
    assert shop.breaches() == []


def test_what_is_held_of_what_no_row_has_is_named_until_it_ends(shop: Adopted):
    shop.reserve("c1", MUG=10)
    leave(shop)
    shop.sql.execute("UPDATE products SET sku = 'CUP', reserved_quantity = 0")
    assert "no row has the SKU MUG any more" in steps.check(shop.engine, shop.plan)[0]


class Interrupted(Exception):
    pass


def interrupt(_: int) -> None:
    raise Interrupted


def sell_before_the_second_page(shop: Adopted, monkeypatch: pytest.MonkeyPatch) -> None:
    """Adopt again, one row a page, break it off after the first, and sell of both."""
    shop.code('Product.create!(sku: "CUP", name: "Cup", stock_quantity: 10)')
    leave(shop)
    monkeypatch.setattr(steps, "PAGE_ROWS_MAX", 1)
    with pytest.raises(Interrupted):
        steps.apply(shop.engine, shop.plan, interrupt)
    shop.reserve("c1", MUG=1, CUP=3)
    shop.close("c1")


def test_what_is_sold_before_a_rows_page_does_not_come_back(
    shop: Adopted, monkeypatch: pytest.MonkeyPatch
):
    sell_before_the_second_page(shop, monkeypatch)
    assert shop.code(FIGURES) == [[9, 2], [10, 0]]
    shop.adopt()
    assert shop.code(FIGURES) == [[9, 2], [7, 0]]
    assert shop.item("CUP") == (7, 0, 0)
    assert shop.breaches() == []


def test_leaving_what_was_broken_off_takes_the_rest_in_first(
    shop: Adopted, monkeypatch: pytest.MonkeyPatch
):
    sell_before_the_second_page(shop, monkeypatch)
    leave(shop)
    shop.adopt()
    assert shop.code(FIGURES) == [[9, 2], [7, 0]]


def test_without_what_checkouts_have_moved_it_comes_back(
    shop: Adopted, monkeypatch: pytest.MonkeyPatch
):
    """The positive control: the row as it stands is taken for all that there is."""
    leave(shop)
    shop.reserve("c1", MUG=3)
    shop.close("c1")
    monkeypatch.setattr(steps, "read_left", lambda *_: 9_999)
    shop.adopt()
    assert shop.item("MUG") == (10, 2, 2)


def test_policies_change_in_place_beside_running_checkouts(shop: Adopted):
    shop.reserve("c1", MUG=3)
    changed = shop.plan_with(total="ledger", reserved="refuse")
    assert steps.check(shop.engine, changed) == []
    applied = steps.apply(shop.engine, changed)
    assert (applied.rows, applied.already, applied.policies) == (0, False, True)
    assert steps.apply(shop.engine, changed).already
    shop.sql.execute("UPDATE products SET stock_quantity = 99")
    assert shop.code(FIGURES) == [[10, 5]]
    with pytest.raises(Exception, match=r"reserved_quantity of MUG is kept by Holdfast"):
        shop.sql.execute("UPDATE products SET reserved_quantity = 0")
    shop.close("c1")
    assert shop.item("MUG") == (7, 2, 2)
    steps.apply(shop.engine, shop.plan)
    shop.sql.execute("UPDATE products SET stock_quantity = stock_quantity + 1")
    assert shop.item("MUG") == (8, 2, 2)
    assert shop.breaches() == []
    steps.leave(shop.engine, changed)


def test_what_the_shop_has_written_when_policies_change_is_kept_to_the_new_ones(shop: Adopted):
    with shop.sql.transaction():
        shop.sql.execute("UPDATE products SET stock_quantity = 99")
        steps.apply(shop.engine, shop.plan_with(total="ledger"))
    assert shop.code(FIGURES) == [[10, 2]]
    assert shop.put_back() == [("MUG", "stock_quantity", 1)]
    assert shop.breaches() == []


def test_of_many_rows_that_do_not_agree_the_rest_is_counted(open_adopted: OpenAdopted):
    shop = open_adopted("a")
    shop.code('(1..25).each { |n| Product.create!(sku: "P-#{n}", name: "P", stock_quantity: 10) }')
    shop.adopt()
    leave(shop)
    shop.ledger.load_stock([StockRow(f"P-{n}", "main", 7) for n in range(1, 26)])
    told = steps.check(shop.engine, shop.plan)
    assert len(told) == 21
    assert told[-1] == "public.products: 5 more rows that do not agree with the ledger"


def test_of_many_writes_that_were_put_back_those_to_rows_of_stock_are_listed_first(shop: Adopted):
    shop.owner(
        "INSERT INTO holdfast.put_back_writes (key, sku, column_name, written_by, last_at) "
        "SELECT 'checkout/c' || n, '', 'user_id', 'shop', now() + interval '1 hour' "
        "FROM generate_series(1, 60) AS n"
    )
    shop.sql.execute("UPDATE products SET reserved_quantity = 11")
    standing = shop.standing()
    assert standing.put_back_rows[0]["column_name"] == "reserved_quantity"
    assert (len(standing.put_back_rows), standing.put_back_rows_left_out) == (50, 11)


def test_what_was_another_tables_is_none_of_this_ones_business(shop: Adopted):
    leave(shop)
    shop.sql.execute("CREATE TABLE goods (id integer PRIMARY KEY, sku text, total integer)")
    shop.sql.execute("INSERT INTO goods VALUES (1, 'CUP', 5)")
    document = {"table": "goods", "sku": "sku", "total": "total"}
    other = Plan.model_validate({"stock": document, "writes": {"total": "shared"}})
    assert steps.check(shop.engine, other) == []
    steps.apply(shop.engine, other)
    steps.leave(shop.engine, other)
    shop.sql.execute("UPDATE goods SET sku = 'PEN'")
    assert [each for each in steps.check(shop.engine, other) if "CUP" in each]
    assert not [each for each in steps.check(shop.engine, other) if "MUG" in each]


def test_what_came_with_nothing_and_was_received_is_named_too(shop: Adopted):
    shop.code('Product.create!(sku: "CUP", name: "Cup", stock_quantity: 0)')
    receive(shop, "d1", 10, "CUP")
    leave(shop)
    shop.sql.execute("UPDATE products SET sku = 'BOWL' WHERE sku = 'CUP'")
    assert "no row has the SKU CUP any more" in steps.check(shop.engine, shop.plan)[0]


def test_what_was_deleted_while_adopted_may_be_the_ledgers_own_by_now(shop: Adopted):
    shop.code('Product.create!(sku: "CUP", name: "Cup", stock_quantity: 3)')
    shop.sql.execute("DELETE FROM products WHERE sku = 'CUP'")
    receive(shop, "d1", 10, "CUP")
    leave(shop)
    assert steps.check(shop.engine, shop.plan) == []


def test_what_was_sold_since_its_own_table_was_left_counts(shop: Adopted):
    leave(shop)
    shop.reserve("c1", MUG=3)
    shop.close("c1")
    shop.sql.execute("CREATE TABLE goods (id integer PRIMARY KEY, sku text, total integer)")
    document = {"table": "goods", "sku": "sku", "total": "total"}
    other = Plan.model_validate({"stock": document, "writes": {"total": "shared"}})
    steps.apply(shop.engine, other)
    steps.leave(shop.engine, other)
    shop.adopt()
    assert (shop.item("MUG"), shop.code(FIGURES)) == ((7, 2, 2), [[7, 2]])
