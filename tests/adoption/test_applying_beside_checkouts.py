"""A page of `adopt apply` is about to take a row in, while checkouts want its stock item."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor

import psycopg
import pytest
from sqlalchemy import make_url

from activities.inventory.adoption import steps
from activities.inventory.adoption.script import SHOP_WAIT_MS_MAX
from activities.inventory.database.errors import LedgerGaveWay
from holdfast_client.contract.outcomes import Held, Outcome
from tests.adoption.adopted import PATIENCE, Adopted
from tests.adoption.conftest import OpenAdopted
from tests.inventory.functions import rewrite_function

IN_THE_QUEUE = """SELECT FROM pg_stat_activity
                  WHERE wait_event_type = 'Lock' AND query LIKE :like
                    AND :by = ANY(pg_blocking_pids(pid))"""
RESERVE = "%reserve_what_fits%"


@pytest.fixture
def shop(open_adopted: OpenAdopted) -> Adopted:
    """Shop A, which was left with its stock in the ledger; nothing of it is taken in again yet."""
    shop = open_adopted("a")
    shop.code('Product.create!(sku: "MUG", name: "Mug", stock_quantity: 10)')
    shop.adopt()
    steps.leave(shop.engine, shop.plan)
    shop.adopt()
    take_out(shop)
    return shop


def take_out(shop: Adopted) -> None:
    """Let the next page take all rows in once more."""
    shop.owner("DELETE FROM holdfast.adopted_rows")
    shop.owner("UPDATE holdfast.adoption SET last_key = NULL, done_at = NULL")


def waits(shop: Adopted, like: str, connection: psycopg.Connection[object]) -> bool:
    """Whether such a statement waits for this connection, and not for one that is through."""
    return bool(shop.owner(IN_THE_QUEUE, like=like, by=connection.info.backend_pid))


def wait_for(shop: Adopted, like: str, connection: psycopg.Connection[object]) -> None:
    while not waits(shop, like, connection):
        time.sleep(0.005)


def both_behind_a_page(shop: Adopted, checkout_id: str) -> tuple[Future[Outcome], float]:
    """Let a reserve and a write of the shop wait for a page, and the write be through first.

    Returns:
        What the reserve was told, and how long the shop's commit took.
    """
    url = make_url(shop.url).set(drivername="postgresql").render_as_string(hide_password=False)
    with (
        psycopg.connect(url) as page,
        psycopg.connect(shop.shop_url) as own,
        ThreadPoolExecutor() as threads,
    ):
        page.execute("SELECT holdfast.adopt_page(10)")
        reserve = threads.submit(shop.reserve, checkout_id, MUG=1)
        wait_for(shop, RESERVE, page)
        write = threads.submit(
            own.execute, "UPDATE products SET stock_quantity = stock_quantity + 1"
        )
        wait_for(shop, "UPDATE products%", page)
        page.commit()
        write.result()
        # The shop has the row. The reserve has the stock item and wants the row, or it is over.
        while not (reserve.done() or waits(shop, RESERVE, own)):
            time.sleep(0.005)
        began = time.monotonic()
        own.commit()
        return reserve, time.monotonic() - began


def test_the_shop_waits_for_no_checkout_that_found_the_row_too_late(shop: Adopted) -> None:
    reserve, _ = both_behind_a_page(shop, "c1")
    with pytest.raises(LedgerGaveWay, match="came to MUG while its stock was waited for"):
        reserve.result()
    assert isinstance(shop.reserve("c1", MUG=1), Held)
    assert (shop.item("MUG"), shop.breaches()) == ((11, 1, 0), [])


def test_without_that_one_of_both_is_the_victim_of_a_deadlock(shop: Adopted) -> None:
    """The positive control: or the shop has waited for as long as it takes to find one."""
    rewrite_function(shop.engine, "write_shop_row", "= 'yes' THEN", "= 'never' THEN")
    for trial in range(PATIENCE):
        try:
            reserve, took = both_behind_a_page(shop, f"c{trial}")
        except psycopg.errors.DeadlockDetected:
            return
        if took * 1_000 > SHOP_WAIT_MS_MAX:
            return
        # On a busy machine the reserve may have given way for another reason, or been there first.
        assert isinstance(reserve.exception(), LedgerGaveWay) or isinstance(reserve.result(), Held)
        take_out(shop)
    pytest.fail("the shop was never in the way of the ledger")
