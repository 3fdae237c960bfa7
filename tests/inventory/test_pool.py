"""Connections for coroutines: bounded, given up at the first sign, and nothing is left open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

import psycopg
import pytest

from activities.inventory.async_ledger import AsyncLedger
from activities.inventory.database import pool as pools
from activities.inventory.database.async_carrier import carry_out
from activities.inventory.database.calls import BEGIN, COMMIT, Call, Steps, in_transaction, scalar
from activities.inventory.database.errors import (
    ConnectionLost,
    LedgerUnavailable,
    LedgerUnreachable,
)
from activities.inventory.database.pool import LedgerPool
from tests.faults.lines import proxy_to, url_through
from tests.inventory.pools import opened_pool
from tests.inventory.shop import Shop, checkout
from tests.limits import HANG_SECONDS
from tests.workflows.waiting import until

_PID: Final = Call("SELECT pg_backend_pid()")
_BUSY: Final = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
    "AND pid <> pg_backend_pid() AND (state LIKE 'idle in transaction%' OR state = 'active')"
)
_TURN: Final = "SELECT pg_advisory_xact_lock(1)"
_WAITING: Final = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory'"
_END_POOL: Final = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pooled'"
)
_OF_POOL: Final = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pooled'"


@pytest.fixture
async def pool(shop: Shop) -> AsyncIterator[LedgerPool]:
    async with opened_pool(shop.engine, application_name="pooled") as pool:
        yield pool


async def pid_of(pool: LedgerPool) -> int:
    return int(await carry_out(pool, scalar(_PID)))


def hold_and(call: Call) -> Steps[None]:
    """Lock the stock in a transaction, and then make a call that comes to no end."""
    yield BEGIN
    yield Call("SELECT 1 FROM holdfast.stock_items FOR UPDATE")
    yield call
    yield COMMIT


async def is_quiet(shop: Shop) -> bool:
    return bool(shop.sql(_BUSY)[0][0] == 0)


async def test_one_after_the_other_uses_one_connection(pool: LedgerPool) -> None:
    assert len({await pid_of(pool) for _ in range(5)}) == 1


async def test_there_are_no_more_connections_than_the_bound(shop: Shop) -> None:
    async with opened_pool(shop.engine, connections_max=2, application_name="pooled") as pool:
        slow = Call("SELECT pg_sleep(0.02)")
        await asyncio.gather(*(carry_out(pool, scalar(slow)) for _ in range(10)))
        assert shop.sql(_OF_POOL)[0][0] == 2


async def test_a_pool_without_a_free_connection_says_so(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "POOL_WAIT_SECONDS", 0.05)
    async with opened_pool(shop.engine, connections_max=1) as pool:
        taken = await pool.take()
        with pytest.raises(LedgerUnreachable, match="no database connection"):
            await pid_of(pool)
        await pool.give_back(taken)
        assert await pid_of(pool)


async def test_an_operation_that_fails_leaves_nothing_open_and_keeps_its_connection(
    pool: LedgerPool, shop: Shop
) -> None:
    shop.stock(MUG=1)
    before = await pid_of(pool)

    def fail() -> Steps[None]:
        yield Call("SELECT 1 FROM holdfast.stock_items FOR UPDATE")
        raise KeyError("of our own")

    with pytest.raises(KeyError):
        await carry_out(pool, in_transaction(fail()))
    assert await is_quiet(shop)
    assert await pid_of(pool) == before


async def test_a_cancellation_leaves_no_transaction_open_and_no_lock(
    pool: LedgerPool, shop: Shop
) -> None:
    shop.stock(MUG=5)
    url = shop.engine.url.set(drivername="postgresql")
    with psycopg.connect(url.render_as_string(hide_password=False)) as stranger:
        stranger.execute(_TURN)
        work = asyncio.create_task(carry_out(pool, hold_and(Call(_TURN))))
        await until(lambda: shop.sql(_WAITING)[0][0] == 1)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
    await until(lambda: is_quiet(shop))
    (answer,) = await AsyncLedger(pool).reserve([checkout("c1", MUG=1)])
    assert not isinstance(answer, Exception)
    assert answer.outcome.status == "held"


async def test_one_connection_that_is_found_ended_takes_its_elders_along(
    pool: LedgerPool, shop: Shop
) -> None:
    taken = [await pool.take() for _ in range(4)]
    for each in taken:
        await pool.give_back(each)
    shop.sql(_END_POOL)
    with pytest.raises(ConnectionLost):
        await pid_of(pool)
    assert all(each.closed for each in taken)
    assert await pid_of(pool)


async def test_a_call_that_meets_an_ended_connection_goes_on_afresh(
    pool: LedgerPool, shop: Shop
) -> None:
    shop.stock(MUG=5)
    ledger = AsyncLedger(pool)
    await ledger.reserve([checkout("c1", MUG=1)])
    shop.sql(_END_POOL)
    (answer,) = await ledger.reserve([checkout("c2", MUG=1)])
    assert not isinstance(answer, Exception)
    assert answer.outcome.status == "held"


async def test_connections_grow_no_older_than_the_bound(
    pool: LedgerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await pid_of(pool)
    monkeypatch.setattr(pools, "CONNECTION_AGE_SECONDS_MAX", 0)
    assert await pid_of(pool) != first


async def test_an_answer_that_does_not_come_is_waited_for_within_the_bound(shop: Shop) -> None:
    url = shop.engine.url.render_as_string(hide_password=False)
    with proxy_to(url) as proxy:
        silent = LedgerPool(url_through(proxy, url), connections_max=1, statement_timeout_ms=100)
        assert await pid_of(silent)
        proxy.blackhole()
        async with asyncio.timeout(HANG_SECONDS):
            with pytest.raises(LedgerUnavailable):
                await pid_of(silent)
        proxy.mend()
        await silent.close()


async def test_closing_waits_for_what_is_under_way(shop: Shop) -> None:
    async with opened_pool(shop.engine) as pool:
        slow: Any = asyncio.create_task(carry_out(pool, scalar(Call("SELECT pg_sleep(0.2), 7"))))
        await asyncio.sleep(0.05)
    assert slow.done()
    await slow
