"""Followed though no figure changed: another product, an old snapshot, a row that comes late."""

from __future__ import annotations

import psycopg
import pytest

from activities.inventory.adoption import steps
from activities.inventory.adoption.plan import Plan
from activities.inventory.records import StockRow
from holdfast_client.contract.outcomes import Denied, Held
from tests.adoption.conftest import OpenAdopted

STOCK = {
    "table": "variants",
    "sku": "sku",
    "active": {"table": "models", "column": "is_active", "via": "model_id"},
}
FIGURES = {"total": "total", "reserved": "reserved"}
POLICIES = {"total": "shared", "reserved": "shared"}


@pytest.mark.parametrize("figures", [{}, FIGURES], ids=["without figures", "with figures"])
def test_a_row_that_comes_to_be_of_a_product_that_is_not_for_sale_is_not_sold(
    open_adopted: OpenAdopted, figures: dict[str, str]
):
    shop = open_adopted("a")
    shop.sql.execute("CREATE TABLE models (id integer PRIMARY KEY, is_active boolean NOT NULL)")
    shop.sql.execute(
        "CREATE TABLE variants (id integer PRIMARY KEY, sku text NOT NULL, "
        "model_id integer NOT NULL, total integer NOT NULL DEFAULT 5, "
        "reserved integer NOT NULL DEFAULT 0)"
    )
    shop.sql.execute("INSERT INTO models VALUES (1, true), (2, false)")
    shop.sql.execute("INSERT INTO variants VALUES (1, 'V1', 1)")
    writes = POLICIES if figures else {}
    plan = Plan.model_validate({"stock": {**STOCK, **figures}, "writes": writes})
    steps.apply(shop.engine, plan)
    if not figures:
        shop.ledger.load_stock([StockRow("V1", "main", 5)])
    shop.sql.execute("UPDATE variants SET model_id = 2")
    assert isinstance(shop.reserve("c1", V1=1), Denied)
    shop.sql.execute("UPDATE variants SET model_id = 1")
    assert isinstance(shop.reserve("c2", V1=1), Held)
    assert shop.breaches() == []
    shop.sql.execute("ALTER TABLE variants RENAME model_id TO product_id")
    assert any("column model_id" in each for each in shop.standing().breaches)


def test_a_sale_of_the_shops_from_an_old_snapshot_is_followed(open_adopted: OpenAdopted):
    """Its row is as it was, and the stock item has another name by now."""
    shop = open_adopted("c")
    shop.code("product = Product.objects.create(sku='MUG', name='Mug', price=1)")
    shop.code("Stock.objects.create(product=Product.objects.get(), quantity=10)")
    shop.adopt()
    with psycopg.connect(shop.shop_url) as old:
        old.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        old.execute("SELECT FROM inventory_stock")
        shop.sql.execute("UPDATE inventory_product SET name = 'Big mug'")
        old.execute("UPDATE inventory_stock SET quantity = quantity - 3")
    assert isinstance(shop.reserve("c1", MUG=8), Denied)
    assert isinstance(shop.reserve("c2", MUG=7), Held)
    assert shop.item("MUG") == (7, 7, 0)
    assert shop.breaches() == []


def test_the_holds_of_an_item_are_shown_when_a_row_of_the_shop_comes_for_it(
    open_adopted: OpenAdopted,
):
    shop = open_adopted("b")
    shop.adopt()
    shop.ledger.load_stock([StockRow("MUG", "main", 5)])
    shop.reserve("c1", "s-1", MUG=2)
    shop.code('Product.objects.create(sku="MUG", name="Mug", total_stock=5)')
    shown = "SELECT quantity, session_key FROM inventory_stockreservation"
    assert shop.sql.execute(shown).fetchall() == [(2, "s-1")]
    shop.close("c1")
    assert shop.sql.execute(shown).fetchall() == []
    assert (shop.item("MUG"), shop.breaches()) == ((3, 0, 0), [])


def test_a_deletion_from_a_snapshot_that_is_too_old_to_be_followed_fails(
    open_adopted: OpenAdopted,
):
    shop = open_adopted("c")
    shop.code("product = Product.objects.create(sku='MUG', name='Mug', price=1)")
    shop.code("Stock.objects.create(product=Product.objects.get(), quantity=10)")
    shop.adopt()
    old = psycopg.connect(shop.shop_url)
    old.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    old.execute("SELECT FROM inventory_stock")
    shop.sql.execute("UPDATE inventory_product SET name = 'Big mug'")
    old.execute("DELETE FROM inventory_stock")
    with pytest.raises(psycopg.errors.SerializationFailure):
        old.commit()
    old.close()
    assert isinstance(shop.reserve("c1", MUG=10), Held)
    assert shop.breaches() == []
