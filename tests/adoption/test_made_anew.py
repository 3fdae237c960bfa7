"""Rows that the shop deletes and makes anew while an apply is unfinished: each sale counts once."""

from __future__ import annotations

from contextlib import nullcontext

import pytest

from activities.inventory.adoption import steps
from tests.adoption.adopted import Adopted
from tests.adoption.conftest import OpenAdopted
from tests.adoption.test_adopting_again import Interrupted, interrupt, leave

STOCK = "Product.order(:sku).pluck(:sku, :stock_quantity)"


@pytest.fixture
def shop(open_adopted: OpenAdopted, monkeypatch: pytest.MonkeyPatch) -> Adopted:
    """Shop A with ten each of MUG, which is taken in, and CUP, whose page is still to come."""
    shop = open_adopted("a")
    for sku in ("MUG", "CUP"):
        shop.code(f'Product.create!(sku: "{sku}", name: "P", stock_quantity: 10)')
    shop.adopt()
    leave(shop)
    monkeypatch.setattr(steps, "PAGE_ROWS_MAX", 1)
    with pytest.raises(Interrupted):
        steps.apply(shop.engine, shop.plan, interrupt)
    return shop


def sell(shop: Adopted, checkout_id: str, sku: str, units: int) -> None:
    shop.reserve(checkout_id, None, None, **{sku: units})
    shop.close(checkout_id)


def make_anew(shop: Adopted, sku: str, *, at_once: bool = True) -> None:
    """Delete a row and write it again with what it said, as an import does."""
    ((units,),) = shop.sql.execute(
        "SELECT stock_quantity FROM products WHERE sku = %s", [sku]
    ).fetchall()
    with shop.sql.transaction() if at_once else nullcontext():
        shop.sql.execute("DELETE FROM products WHERE sku = %s", [sku])
        shop.sql.execute(
            "INSERT INTO products (sku, name, stock_quantity, created_at, updated_at) "
            "VALUES (%s, 'P', %s, now(), now())",
            [sku, units],
        )


@pytest.mark.parametrize("at_once", [True, False])
def test_what_was_sold_of_a_row_that_was_in_already_counts_once(shop: Adopted, at_once: bool):
    sell(shop, "c1", "MUG", 3)
    make_anew(shop, "MUG", at_once=at_once)
    assert shop.item("MUG") == (7, 0, 0)
    assert shop.code(STOCK) == [["CUP", 10], ["MUG", 7]]
    sell(shop, "c2", "MUG", 2)
    make_anew(shop, "MUG", at_once=at_once)
    assert shop.item("MUG") == (5, 0, 0)
    shop.adopt()
    assert shop.code(STOCK) == [["CUP", 10], ["MUG", 5]]
    assert (shop.put_back(), shop.breaches()) == ([], [])


@pytest.mark.parametrize("at_once", [True, False])
def test_a_row_that_was_not_in_lacks_what_was_sold_also_when_it_is_made_anew(
    shop: Adopted, at_once: bool
):
    sell(shop, "c1", "CUP", 3)
    assert shop.code(STOCK) == [["CUP", 10], ["MUG", 10]]
    make_anew(shop, "CUP", at_once=at_once)
    assert shop.item("CUP") == (7, 0, 0)
    # From now on it is in.
    sell(shop, "c2", "CUP", 1)
    make_anew(shop, "CUP", at_once=at_once)
    shop.adopt()
    assert shop.item("CUP") == (6, 0, 0)
    assert shop.code(STOCK) == [["CUP", 6], ["MUG", 10]]
    assert shop.breaches() == []


def test_what_the_shop_alone_has_touched_is_in_before_its_page(shop: Adopted):
    sell(shop, "c1", "CUP", 3)
    shop.sql.execute("UPDATE products SET stock_quantity = stock_quantity - 1 WHERE sku = 'CUP'")
    assert shop.item("CUP") == (6, 0, 0)
    make_anew(shop, "CUP")
    assert shop.item("CUP") == (6, 0, 0)
    shop.adopt()
    assert shop.code(STOCK) == [["CUP", 6], ["MUG", 10]]


def test_left_and_adopted_again_it_lacks_what_was_sold_since(shop: Adopted):
    sell(shop, "c1", "MUG", 3)
    make_anew(shop, "MUG")
    leave(shop)
    sell(shop, "c2", "MUG", 2)
    make_anew(shop, "MUG")
    shop.adopt()
    assert shop.item("MUG") == (5, 0, 0)
    assert shop.code(STOCK) == [["CUP", 10], ["MUG", 5]]
    assert shop.breaches() == []
