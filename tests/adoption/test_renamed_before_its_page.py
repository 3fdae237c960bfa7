"""An apply is under way, and the shop renames a row, or deletes one, that it has not come to."""

from __future__ import annotations

from functools import partial
from typing import Final

import psycopg
import pytest

from activities.inventory.adoption import steps
from activities.inventory.adoption.plan import Plan
from activities.inventory.records import StockRow
from holdfast_client.contract.fields import SKU_LENGTH_MAX
from holdfast_client.contract.outcomes import Denied, Held
from tests.adoption.adopted import Adopted
from tests.adoption.conftest import OpenAdopted
from tests.adoption.half_applied import OpenSold, apply_held_before, figures, half_applied
from tests.adoption.test_adopting_again import Interrupted, interrupt
from tests.inventory.databases import as_worker

FIRST_WITH_VIRTUAL_COLUMNS: Final = 180_000


@pytest.fixture
def open_sold(open_adopted: OpenAdopted, monkeypatch: pytest.MonkeyPatch) -> OpenSold:
    return partial(half_applied, open_adopted, monkeypatch)


@pytest.mark.parametrize(
    ("letter", "table"), [("a", "products"), ("c", "inventory_product")], ids=["own", "elsewhere"]
)
def test_a_row_that_is_renamed_takes_what_was_sold_with_it(
    open_sold: OpenSold, letter: str, table: str
):
    shop = open_sold(letter)
    shop.sql.execute(f"UPDATE {table} SET sku = 'BOWL' WHERE sku = 'CUP'")
    shop.adopt()
    assert figures(shop) == {"BOWL": 7, "MUG": 10, "PEN": 9}
    assert isinstance(shop.reserve("c2", CUP=1), Denied)
    assert shop.breaches() == []


def test_two_rows_that_change_their_names_take_each_what_was_sold_of_it(open_sold: OpenSold):
    shop = open_sold("a")
    with shop.sql.transaction():
        for sku, other in (("CUP", "-"), ("PEN", "CUP"), ("-", "PEN")):
            shop.sql.execute("UPDATE products SET sku = %s WHERE sku = %s", [other, sku])
    shop.adopt()
    assert figures(shop) == {"CUP": 9, "MUG": 10, "PEN": 7}
    assert shop.breaches() == []


def test_stock_that_comes_to_be_another_products_takes_what_was_sold_with_it(open_sold: OpenSold):
    shop = open_sold("c")
    shop.code("Product.objects.create(sku='BOWL', name='Bowl', price=1)")
    shop.sql.execute(
        "UPDATE inventory_stock SET product_id = (SELECT id FROM inventory_product "
        "WHERE sku = 'BOWL') WHERE product_id = (SELECT id FROM inventory_product "
        "WHERE sku = 'CUP')"
    )
    shop.adopt()
    assert figures(shop) == {"BOWL": 7, "MUG": 10, "PEN": 9}
    assert shop.breaches() == []


def test_what_is_deleted_is_not_for_sale_any_more(open_sold: OpenSold):
    shop = open_sold("a")
    shop.sql.execute("DELETE FROM products WHERE sku = 'CUP'")
    shop.adopt()
    assert figures(shop) == {"CUP": 0, "MUG": 10, "PEN": 9}
    assert isinstance(shop.reserve("c2", CUP=1), Denied)
    assert shop.breaches() == []


def test_what_checkouts_hold_is_not_deleted(open_sold: OpenSold):
    shop = open_sold("a")
    shop.reserve("c2", CUP=1)
    with pytest.raises(psycopg.errors.ForeignKeyViolation, match="held by checkouts"):
        shop.sql.execute("DELETE FROM products WHERE sku = 'CUP'")
    shop.adopt()
    assert figures(shop) == {"CUP": 7, "MUG": 10, "PEN": 9}
    assert shop.breaches() == []


def test_a_new_row_with_the_name_of_one_that_was_renamed_is_another(open_sold: OpenSold):
    shop = open_sold("a")
    with shop.sql.transaction():
        shop.sql.execute("UPDATE products SET sku = 'BOWL' WHERE sku = 'CUP'")
        shop.sql.execute(
            "INSERT INTO products (name, sku, stock_quantity, created_at, updated_at) "
            "VALUES ('C', 'CUP', 4, now(), now())"
        )
    shop.adopt()
    assert figures(shop) == {"BOWL": 7, "CUP": 4, "MUG": 10, "PEN": 9}
    assert shop.breaches() == []


def test_the_shop_waits_for_no_other_that_names_the_same_product(open_sold: OpenSold):
    """One takes the stock away, the other gives its product a name: neither wants the other's."""
    shop = open_sold("c")
    with psycopg.connect(shop.shop_url) as other:
        other.execute(
            "DELETE FROM inventory_stock USING inventory_product AS p "
            "WHERE p.id = product_id AND p.sku = 'CUP'"
        )
        shop.sql.execute("UPDATE inventory_product SET sku = 'BOWL' WHERE sku = 'CUP'")
    shop.adopt()
    assert "BOWL" not in figures(shop)
    assert isinstance(shop.reserve("c2", CUP=1), Denied)
    assert shop.breaches() == []


def test_while_its_stock_is_being_held_a_rename_waits_for_nobody(open_sold: OpenSold):
    """The ledger has the item and no row, so nothing bounds it but its session."""
    shop = open_sold("a")
    with psycopg.connect(as_worker(shop.url)) as ledger:
        ledger.execute("SELECT holdfast.lock_stock(ARRAY['CUP'], ARRAY['main'])")
        shop.sql.execute("UPDATE products SET sku = 'BOWL' WHERE sku = 'CUP'")
        ledger.rollback()
    shop.adopt()
    assert figures(shop) == {"BOWL": 7, "MUG": 10, "PEN": 9}
    assert shop.breaches() == []


def rename_and_delete(shop: Adopted) -> None:
    with shop.sql.transaction():
        shop.sql.execute("UPDATE products SET sku = 'OLD' WHERE sku = 'CUP'")
        shop.sql.execute("DELETE FROM products WHERE sku = 'OLD'")


def test_what_is_renamed_and_deleted_at_once_is_held_by_its_first_name(open_sold: OpenSold):
    shop = open_sold("a")
    shop.reserve("c2", CUP=1)
    with pytest.raises(psycopg.errors.ForeignKeyViolation, match="held by checkouts"):
        rename_and_delete(shop)
    shop.close("c2", "cancelled")
    rename_and_delete(shop)
    shop.adopt()
    assert figures(shop) == {"CUP": 0, "MUG": 10, "PEN": 9}
    assert shop.breaches() == []


def test_what_is_made_under_the_key_of_a_deleted_row_is_another(open_sold: OpenSold):
    """An import that deletes all, and makes all anew from its first key on."""
    shop = open_sold("a")
    rows = shop.sql.execute(
        "SELECT id, sku FROM products WHERE sku <> 'MUG' ORDER BY id"
    ).fetchall()
    shop.sql.execute("DELETE FROM products WHERE sku <> 'MUG'")
    for (key, _), (_, sku) in zip(rows, reversed(rows), strict=True):
        shop.sql.execute(
            "INSERT INTO products (id, name, sku, stock_quantity, created_at, updated_at) "
            "VALUES (%s, 'P', %s, 10, now(), now())",
            [key, sku],
        )
    shop.adopt()
    assert figures(shop) == {"CUP": 7, "MUG": 10, "PEN": 9}
    assert shop.breaches() == []


def test_goods_of_the_ledgers_own_are_not_taken_out_of_sale(open_sold: OpenSold):
    shop = open_sold("a")
    shop.ledger.load_stock([StockRow("GIFT", "main", 5)])
    with shop.sql.transaction():
        shop.sql.execute(
            "INSERT INTO products (name, sku, stock_quantity, created_at, updated_at) "
            "VALUES ('G', 'GIFT', 1, now(), now())"
        )
        shop.sql.execute("DELETE FROM products WHERE sku = 'GIFT'")
    shop.adopt()
    assert figures(shop) == {"CUP": 7, "GIFT": 5, "MUG": 10, "PEN": 9}


@pytest.mark.parametrize(
    "look", ["skus := ARRAY(SELECT r.sku", "PERFORM holdfast.link_by_former_skus(keys);"]
)
def test_a_rename_between_two_looks_of_a_page_is_followed(open_sold: OpenSold, look: str):
    """The SKU stands in another table, whose row the page does not have."""
    shop = open_sold("c")
    with apply_held_before(shop, "link_shop_rows", look):
        shop.sql.execute("UPDATE inventory_product SET sku = 'BOWL' WHERE sku = 'CUP'")
    assert figures(shop) == {"BOWL": 7, "MUG": 10, "PEN": 9}
    assert shop.breaches() == []


def test_a_sku_that_is_generated_is_adopted_and_renamed(open_adopted: OpenAdopted):
    shop = open_adopted("a")
    shop.sql.execute(
        "CREATE TABLE goods (id integer PRIMARY KEY, code text NOT NULL, total integer NOT NULL, "
        "sku text GENERATED ALWAYS AS ('G-' || code) STORED)"
    )
    shop.sql.execute("INSERT INTO goods VALUES (1, 'A', 5)")
    document = {"table": "goods", "sku": "sku", "total": "total"}
    plan = Plan.model_validate({"stock": document, "writes": {"total": "shared"}})
    assert steps.check(shop.engine, plan) == []
    steps.apply(shop.engine, plan)
    shop.sql.execute("UPDATE goods SET code = 'B'")
    assert figures(shop) == {"G-B": 5}
    assert shop.breaches() == []


def test_a_sku_too_long_for_an_index_is_noted_when_its_row_is_deleted(
    open_adopted: OpenAdopted, monkeypatch: pytest.MonkeyPatch
):
    shop = open_adopted("a")
    shop.sql.execute("CREATE TABLE goods (id integer PRIMARY KEY, sku text NOT NULL)")
    shop.sql.execute("INSERT INTO goods VALUES (1, 'A'), (2, 'B')")
    monkeypatch.setattr(steps, "PAGE_ROWS_MAX", 1)
    plan = Plan.model_validate({"stock": {"table": "goods", "sku": "sku"}})
    with pytest.raises(Interrupted):
        steps.apply(shop.engine, plan, interrupt)
    # What compresses well would fit.
    shop.sql.execute(
        "INSERT INTO goods "
        "SELECT 3, string_agg(md5(n::text), '') FROM generate_series(1, 300) AS g(n)"
    )
    shop.sql.execute("DELETE FROM goods WHERE id = 3")
    ((noted,),) = shop.owner("SELECT length(sku) FROM holdfast.former_skus")
    assert noted == SKU_LENGTH_MAX + 1


def test_a_sku_that_is_computed_when_it_is_read_is_refused(open_adopted: OpenAdopted):
    shop = open_adopted("a")
    ((version,),) = shop.owner("SELECT current_setting('server_version_num')::integer")
    if version < FIRST_WITH_VIRTUAL_COLUMNS:
        # There is no such column there; the embedded server is newer, and has them.
        pytest.skip("this Postgres stores all that is generated")
    shop.sql.execute(
        "CREATE TABLE goods (id integer PRIMARY KEY, code text NOT NULL, total integer NOT NULL, "
        "sku text GENERATED ALWAYS AS ('G-' || code) VIRTUAL)"
    )
    document = {"table": "goods", "sku": "sku", "total": "total"}
    plan = Plan.model_validate({"stock": document, "writes": {"total": "shared"}})
    (obstacle,) = steps.check(shop.engine, plan)
    assert obstacle == (
        "stock.sku: public.goods.sku is generated when it is read, and no trigger is told that it "
        "changes: let it be STORED"
    )


def test_what_was_deleted_before_its_page_is_out_of_sale_where_the_shop_keeps_no_figures(
    open_adopted: OpenAdopted, monkeypatch: pytest.MonkeyPatch
):
    shop = open_adopted("a")
    shop.sql.execute("CREATE TABLE goods (id integer PRIMARY KEY, sku text NOT NULL)")
    shop.sql.execute("INSERT INTO goods VALUES (1, 'A'), (2, 'B')")
    shop.ledger.load_stock([StockRow(sku, "main", 5) for sku in "AB"])
    monkeypatch.setattr(steps, "PAGE_ROWS_MAX", 1)
    plan = Plan.model_validate({"stock": {"table": "goods", "sku": "sku"}})
    with pytest.raises(Interrupted):
        steps.apply(shop.engine, plan, interrupt)
    shop.sql.execute("DELETE FROM goods WHERE sku = 'B'")
    steps.apply(shop.engine, plan)
    assert isinstance(shop.reserve("c1", B=1), Denied)
    shop.sql.execute("INSERT INTO goods VALUES (3, 'B')")
    assert isinstance(shop.reserve("c2", B=1), Held)


def test_a_row_that_comes_while_its_deletion_is_concluded_keeps_its_item(open_sold: OpenSold):
    """Made anew when the end of the apply has the notes in hand, and not let go yet."""
    shop = open_sold("a")
    shop.sql.execute("DELETE FROM products WHERE sku = 'CUP'")
    with apply_held_before(shop, "follow_former_skus", "PERFORM holdfast.let_items_go(gone);"):
        shop.sql.execute(
            "INSERT INTO products (name, sku, stock_quantity, created_at, updated_at) "
            "VALUES ('P', 'CUP', 10, now(), now())"
        )
    shop.owner("SELECT holdfast.follow_late_words(NULL, NULL)")
    # It lacks what the deleted one lacked.
    assert figures(shop)["CUP"] == 7
    assert isinstance(shop.reserve("c2", CUP=7), Held)
    assert shop.breaches() == []
