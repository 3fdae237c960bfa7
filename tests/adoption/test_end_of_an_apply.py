"""An apply comes to its end while the shop goes on: nothing is forgotten on the way."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

import psycopg
import pytest
from sqlalchemy import Connection

from activities.inventory.adoption import steps
from holdfast_client.contract.outcomes import Denied, Held
from tests.adoption.adopted import Adopted
from tests.adoption.conftest import OpenAdopted
from tests.adoption.half_applied import OpenSold, figures, half_applied
from tests.inventory.databases import as_worker

MAKE_CUP: Final = (
    "INSERT INTO products (id, name, sku, stock_quantity, created_at, updated_at) "
    "VALUES (-1, 'P', 'CUP', 10, now(), now())"
)
BLOCKED_BY: Final = "SELECT FROM pg_stat_activity WHERE :by = ANY(pg_blocking_pids(pid))"


@pytest.fixture
def open_sold(open_adopted: OpenAdopted, monkeypatch: pytest.MonkeyPatch) -> OpenSold:
    return partial(half_applied, open_adopted, monkeypatch)


def test_a_row_whose_link_is_not_committed_when_its_deletion_is_concluded_keeps_its_item(
    open_sold: OpenSold,
):
    shop = open_sold("a")
    shop.sql.execute("DELETE FROM products WHERE sku = 'CUP'")
    with psycopg.connect(shop.shop_url) as own, ThreadPoolExecutor() as threads:
        # Before the rows that are in: no page comes to it.
        own.execute(MAKE_CUP)
        own.execute("SET CONSTRAINTS ALL IMMEDIATE")
        end = threads.submit(shop.owner, "SELECT holdfast.follow_former_skus(50)")
        while not (end.done() or shop.owner(BLOCKED_BY, by=own.info.backend_pid)):
            time.sleep(0.005)
        own.commit()
        end.result()
    shop.adopt()
    assert figures(shop) == {"CUP": 7, "MUG": 10, "PEN": 9}
    assert isinstance(shop.reserve("c2", CUP=7), Held)
    assert shop.breaches() == []


def write_while_its_item_is_held(shop: Adopted, statement: str) -> None:
    """Let the shop write the row of the cup, whose words have to wait then."""
    with psycopg.connect(as_worker(shop.url)) as ledger:
        ledger.execute("SELECT holdfast.lock_stock(ARRAY['CUP'], ARRAY['main'])")
        shop.sql.execute(statement)
        ledger.rollback()
    assert shop.owner("SELECT FROM holdfast.late_words")


def test_a_row_whose_words_wait_at_the_end_lacks_what_was_sold_of_it(
    open_sold: OpenSold, monkeypatch: pytest.MonkeyPatch
):
    """It is made anew before the rows that are in, and then somebody of the shop has it."""
    shop, end = open_sold("a"), steps._end
    tries: list[bool] = []

    def tried(connection: Connection) -> bool:
        tries.append(end(connection))
        return tries[-1]

    monkeypatch.setattr(steps, "_end", tried)
    shop.sql.execute("DELETE FROM products WHERE sku = 'CUP'")
    write_while_its_item_is_held(shop, MAKE_CUP)
    with psycopg.connect(shop.shop_url) as other, ThreadPoolExecutor() as threads:
        other.execute("SELECT FROM products WHERE id = -1 FOR UPDATE")
        apply = threads.submit(shop.adopt)
        while not (apply.done() or len(tries) > 2):
            time.sleep(0.005)
        other.rollback()
        apply.result()
    assert tries[:2] == [False, False]
    assert figures(shop) == {"CUP": 7, "MUG": 10, "PEN": 9}
    assert shop.breaches() == []


def test_what_is_deleted_at_the_very_end_is_not_for_sale_any_more(
    open_sold: OpenSold, monkeypatch: pytest.MonkeyPatch
):
    """A row behind those that are in, which has no item yet, when no more deletions were seen."""
    shop, follow = open_sold("a"), steps._follow_deleted
    deletions = iter(["DELETE FROM products WHERE id = -1"])

    def followed(connection: Connection) -> bool:
        is_more = follow(connection)
        if not is_more:
            for deletion in deletions:
                shop.sql.execute(deletion)
        return is_more

    monkeypatch.setattr(steps, "_follow_deleted", followed)
    write_while_its_item_is_held(shop, "UPDATE products SET id = -1 WHERE sku = 'CUP'")
    shop.adopt()
    assert figures(shop) == {"CUP": 0, "MUG": 10, "PEN": 9}
    assert isinstance(shop.reserve("c2", CUP=1), Denied)
    assert shop.breaches() == []


def test_a_product_that_takes_its_stock_along_is_not_for_sale_any_more(open_sold: OpenSold):
    shop = open_sold("c")
    ((constraint,),) = shop.owner(
        "SELECT conname FROM pg_constraint "
        "WHERE conrelid = 'inventory_stock'::regclass AND contype = 'f'"
    )
    shop.sql.execute(
        f'ALTER TABLE inventory_stock DROP CONSTRAINT "{constraint}", ADD FOREIGN KEY (product_id) '
        "REFERENCES inventory_product ON DELETE CASCADE"
    )
    shop.reserve("c2", CUP=1)
    with pytest.raises(psycopg.errors.ForeignKeyViolation, match="held by checkouts"):
        shop.sql.execute("DELETE FROM inventory_product WHERE sku = 'CUP'")
    shop.close("c2", "cancelled")
    shop.sql.execute("DELETE FROM inventory_product WHERE sku = 'CUP'")
    shop.adopt()
    assert figures(shop) == {"CUP": 0, "MUG": 10, "PEN": 9}
    assert isinstance(shop.reserve("c3", CUP=1), Denied)
    assert shop.breaches() == []


def test_what_is_renamed_elsewhere_and_deleted_at_once_is_held_by_its_first_name(
    open_sold: OpenSold,
):
    shop = open_sold("c")

    def archive() -> None:
        with shop.sql.transaction():
            shop.sql.execute("UPDATE inventory_product SET sku = 'OLD' WHERE sku = 'CUP'")
            shop.sql.execute(
                "DELETE FROM inventory_stock USING inventory_product AS p "
                "WHERE p.id = product_id AND p.sku = 'OLD'"
            )

    shop.reserve("c2", CUP=1)
    with pytest.raises(psycopg.errors.ForeignKeyViolation, match="held by checkouts"):
        archive()
    shop.close("c2", "cancelled")
    archive()
    shop.adopt()
    assert figures(shop) == {"CUP": 0, "MUG": 10, "PEN": 9}
    assert shop.breaches() == []


def test_a_sold_out_item_that_a_row_brings_along_is_given_to_no_other(open_sold: OpenSold):
    """Its product has another name by now, and another product has the one that it had."""
    shop = open_sold("c")
    shop.reserve("c2", CUP=7)
    shop.close("c2")
    shop.code(
        "product = Product.objects.create(sku='Z', name='Z', price=1)\n"
        "Stock.objects.create(product=product, quantity=4)"
    )
    with psycopg.connect(shop.shop_url) as other:
        other.execute(
            "SELECT FROM inventory_stock AS s JOIN inventory_product AS p ON p.id = s.product_id "
            "WHERE p.sku = 'CUP' FOR UPDATE OF s"
        )
        with shop.sql.transaction():
            shop.sql.execute("UPDATE inventory_product SET sku = 'BOWL' WHERE sku = 'CUP'")
            shop.sql.execute("UPDATE inventory_product SET sku = 'CUP' WHERE sku = 'Z'")
    shop.adopt()
    assert figures(shop)["BOWL"] == 0
    assert isinstance(shop.reserve("c3", BOWL=1), Denied)
    assert shop.breaches() == []
