"""A shop deletes a product while a checkout is about to hold it, also where it keeps no figures."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from activities.inventory.adoption import steps
from activities.inventory.adoption.plan import Plan
from activities.inventory.records import StockRow
from tests.adoption.adopted import Adopted, without_budget
from tests.adoption.conftest import OpenAdopted
from tests.inventory.databases import as_worker
from tests.inventory.functions import rewrite_function

STOCKS = {"without figures": {}, "with figures": {"total": "total", "reserved": "reserved"}}
RESERVE = """
SELECT holdfast.reserve_what_fits(
       '{c1}', '{NULL}', '{NULL}', '{00}', '{900}', '{1}', '{A}', '{main}', '{2}')
"""


@pytest.fixture(params=STOCKS, ids=list(STOCKS))
def shop(open_adopted: OpenAdopted, request: pytest.FixtureRequest) -> Adopted:
    """Five of A, five of B."""
    shop = open_adopted("a")
    shop.sql.execute(
        "CREATE TABLE goods (id integer PRIMARY KEY, sku text NOT NULL, "
        "total integer NOT NULL DEFAULT 5, reserved integer NOT NULL DEFAULT 0)"
    )
    shop.sql.execute("INSERT INTO goods VALUES (1, 'A'), (2, 'B')")
    figures = STOCKS[request.param]
    writes = dict.fromkeys(figures, "shared")
    stock = {"table": "goods", "sku": "sku", **figures}
    steps.apply(shop.engine, Plan.model_validate({"stock": stock, "writes": writes}))
    if not figures:
        shop.ledger.load_stock([StockRow(sku, "main", 5) for sku in "AB"])
    return shop


@pytest.fixture
def ledger(shop: Adopted) -> Iterator[psycopg.Connection]:
    """A transaction of the ledger's that a test goes through by hand."""
    with psycopg.connect(as_worker(shop.url)) as connection:
        yield connection


def until_somebody_waits(shop: Adopted, where: str) -> None:
    while not shop.owner(f"SELECT FROM pg_stat_activity WHERE {where}"):
        time.sleep(0.005)


def test_what_a_checkout_has_just_held_is_not_deleted(
    shop: Adopted, ledger: psycopg.Connection
) -> None:
    without_budget(shop)  # the ledger stands there until the deletion waits for it
    with ThreadPoolExecutor() as threads:
        ledger.execute(RESERVE)
        pid = shop.sql.info.backend_pid
        deletion = threads.submit(shop.sql.execute, "DELETE FROM goods WHERE id = 1")
        until_somebody_waits(shop, f"pid = {pid} AND wait_event_type = 'Lock'")
        ledger.commit()
        with pytest.raises(psycopg.errors.ForeignKeyViolation, match="2 units of A are held"):
            deletion.result()
    assert shop.item("A")[1] == 2
    assert shop.breaches() == []


def test_a_ledger_that_thinks_does_not_keep_a_deletion_waiting(
    shop: Adopted, ledger: psycopg.Connection
) -> None:
    ledger.execute("SELECT holdfast.lock_stock(ARRAY['A'], ARRAY['main'])")
    shop.sql.execute("DELETE FROM goods WHERE id = 1")
    # Where the server came late with the one, the whole transaction's time is over first.
    with pytest.raises(
        (psycopg.errors.IdleInTransactionSessionTimeout, psycopg.errors.TransactionTimeout)
    ):
        ledger.execute("SELECT 1")
    assert shop.breaches() == []


def test_a_row_whose_key_has_just_changed_is_looked_for_again(
    shop: Adopted, ledger: psycopg.Connection
) -> None:
    rewrite_function(
        shop.engine,
        "lock_shop_rows",
        "IF cardinality(wanted) = 0 THEN",
        "PERFORM pg_advisory_xact_lock_shared(1); IF cardinality(wanted) = 0 THEN",
    )
    with psycopg.connect(shop.superuser_url) as gate, ThreadPoolExecutor() as threads:
        gate.execute("SELECT pg_advisory_xact_lock(1)")
        locks = threads.submit(
            ledger.execute, "SELECT holdfast.lock_stock(ARRAY['A'], ARRAY['main'])"
        )
        until_somebody_waits(shop, "wait_event = 'advisory'")
        shop.sql.execute("UPDATE goods SET id = 9 WHERE id = 1")
        gate.rollback()
        locks.result()
    with psycopg.connect(shop.shop_url) as other, pytest.raises(psycopg.errors.LockNotAvailable):
        other.execute("SELECT FROM goods WHERE id = 9 FOR UPDATE NOWAIT")
