"""Postgres is stopped, silent, slow, crowded or locked, while people go on shopping."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any, Final

import psycopg
import pytest
from temporalio.service import RPCError, RPCStatusCode

from holdfast_client.client import ReservationClient
from holdfast_client.contract.outcomes import Fulfilled, Held
from tests.faults.lines import behind, proxy_to
from tests.faults.proxy import SILENCE_SECONDS
from tests.faults.shoppers import Shoppers
from tests.workflows.blockade import blockade
from tests.workflows.histories import failed_tasks_of, kinds_of
from tests.workflows.stage import Stage, at_work, open_stage
from tests.workflows.waiting import until
from worker.embedded.postgres import EmbeddedPostgres
from workflows import policies

# A little more than the client's own default; within it, everybody is answered in the silence.
ANSWER_SECONDS_MAX: Final = 20.0
# For those who must wait until the fault is over.
PATIENCE_SECONDS: Final = 60.0
STOCK: Final = 100_000
# Many more than the worker has slots.
CROWD: Final = 48
# More connections than any server of ours has room for.
ROOM_MAX: Final = 1_000
# Where a checkout was unavailable, an attempt may have committed late: then it was given back.
_NOTHING_KEPT: Final[tuple[list[tuple[str, int, int]], ...]] = (
    [],
    [("reserve", 0, 1), ("cancel", 0, -1)],
)


@pytest.fixture
async def own_stage(
    own_postgres: EmbeddedPostgres, temporal_address: str, unique: str
) -> AsyncIterator[Stage]:
    """A stage on a Postgres that may be stopped, without a worker yet."""
    async with open_stage(own_postgres.url, temporal_address, unique, activity_slots=10) as stage:
        yield stage


def client_of(stage: Stage, answer_seconds: float = PATIENCE_SECONDS) -> ReservationClient:
    return ReservationClient(
        stage.client, task_queue=stage.till.task_queue, answer_timeout_seconds=answer_seconds
    )


# --- stopped -------------------------------------------------------------------------------------


async def test_a_database_that_crashes_under_load_loses_no_checkout(
    own_stage: Stage,
    own_postgres: EmbeddedPostgres,
    unique: str,
):
    shoppers = Shoppers(client_of(own_stage), own_stage.stock(unique, STOCK), unique)
    async with at_work(own_stage, sandboxed=False), shoppers.shopping(8):
        for _ in range(2):
            await shoppers.until_served(30)
            await asyncio.to_thread(own_postgres.stop, "immediate")
            await asyncio.to_thread(own_postgres.start)
        await shoppers.until_served(30)
    own_stage.shop.engine.dispose()
    print(f"longest stall {shoppers.longest_stall_seconds:.1f} s")
    shoppers.check(own_stage.shop, STOCK)


# --- unreachable ---------------------------------------------------------------------------------


async def test_a_silent_database_keeps_nobody_waiting_for_an_answer_and_comes_back_exact(
    stage: Stage, unique: str
):
    sku, client = stage.stock(unique, STOCK), client_of(stage)
    with proxy_to(stage.settings.database) as proxy:
        # One slot, for which all wait: nobody waits for his answer because others wait.
        async with at_work(behind(proxy, stage, activity_slots=1), sandboxed=False):
            shoppers = Shoppers(client, sku, unique)
            held = await client.reserve(f"{unique}-paid", [(sku, 1)])
            await client.reserve(f"{unique}-left", [(sku, 1)], hold_seconds=1)
            assert isinstance(held, Held)
            async with shoppers.shopping(5):
                await shoppers.until_served(20)
            proxy.blackhole()
            silence = asyncio.ensure_future(asyncio.sleep(SILENCE_SECONDS))
            payment = asyncio.ensure_future(client.confirm(f"{unique}-paid", f"pay-{unique}-paid"))
            ids = [f"{unique}-dark-{number}" for number in range(CROWD)]
            asking = client_of(stage, ANSWER_SECONDS_MAX)
            answers = await asyncio.gather(*(asking.reserve(id, [(sku, 1)]) for id in ids))
            assert {answer.status for answer in answers} == {"unavailable"}
            assert not payment.done()
            await silence
            proxy.mend()
            async with shoppers.shopping(5):
                await shoppers.until_served(20)
            assert isinstance(await payment, Fulfilled)
            for id in (*ids, f"{unique}-left"):
                await stage.till.result(id)
                assert not await failed_tasks_of(stage.till.handle(id))
            # Tried at once inside the workflow task: the reserve, but not the release behind it,
            # for which the answer would have had to wait.
            markers = [
                (await kinds_of(stage.till.handle(id))).count("MARKER_RECORDED") for id in ids
            ]
            assert set(markers) == {1}
    print(f"longest stall {shoppers.longest_stall_seconds:.1f} s")
    assert all(stage.shop.movements(id) in _NOTHING_KEPT for id in ids)
    assert stage.shop.status(f"{unique}-left") == "expired"
    shoppers.check(stage.shop, STOCK - 1)


async def test_connections_that_died_without_a_word_are_given_up_and_replaced(
    stage: Stage, unique: str
):
    """Somebody in between keeps them alive, so no kernel notices that nobody is at the end."""
    sku, client = stage.stock(unique, STOCK), client_of(stage)
    with proxy_to(stage.settings.database) as proxy:
        async with at_work(behind(proxy, stage, statement_timeout_ms=1_000), sandboxed=False):
            shoppers = Shoppers(client, sku, unique)
            # As many at once as there are connections, so that not one is left over.
            async with shoppers.shopping(10):
                await shoppers.until_served(40)
                proxy.strand()
                await shoppers.until_served(40)
    assert stage.ledger.audit() == ()


# --- slow, crowded, locked -----------------------------------------------------------------------


async def test_a_slow_database_slows_checkouts_and_spoils_none(stage: Stage, unique: str):
    sku, client = stage.stock(unique, 10), client_of(stage)
    with proxy_to(stage.settings.database, delay_seconds=0.1) as proxy:
        async with at_work(behind(proxy, stage), sandboxed=False):
            ids = [f"{unique}-{number}" for number in range(4)]
            reserved = await asyncio.gather(*(client.reserve(id, [(sku, 1)]) for id in ids))
            assert [outcome.status for outcome in reserved] == ["held"] * 4
            paid = await asyncio.gather(*(client.confirm(id, f"pay-{id}") for id in ids[:2]))
            given_back = await asyncio.gather(*(client.cancel(id) for id in ids[2:]))
    assert [outcome.status for outcome in (*paid, *given_back)] == [
        *["fulfilled"] * 2,
        *["cancelled"] * 2,
    ]
    assert stage.shop.figures(sku) == (8, 0, 8)
    assert stage.ledger.audit() == ()


@pytest.fixture
def strangers(own_postgres: EmbeddedPostgres) -> Iterator[ExitStack]:
    """Connections that nobody uses, as many as the server has room for."""
    with ExitStack() as stack:

        def take_all_there_are() -> None:
            for _ in range(ROOM_MAX):
                stack.enter_context(psycopg.connect(own_postgres.url))

        with pytest.raises(psycopg.OperationalError, match="too many clients"):
            take_all_there_are()
        yield stack


async def test_a_server_without_room_for_a_connection_is_waited_for(
    own_stage: Stage, unique: str, strangers: ExitStack
):
    client = client_of(own_stage)
    async with at_work(own_stage, sandboxed=False):
        reserve = asyncio.ensure_future(client.reserve(unique, [(unique, 1)]))
        handle = own_stage.till.handle(unique)
        await until(lambda: _waits_in_the_open(handle))
        strangers.close()
        assert (await reserve).status == "denied"  # nothing was stocked while there was no room
        sku = own_stage.stock(unique, 5)
        assert isinstance(await client.reserve(f"{unique}-2", [(sku, 1)]), Held)
        assert isinstance(await client.confirm(f"{unique}-2", f"pay-{unique}-2"), Fulfilled)


async def _waits_in_the_open(handle: Any) -> bool:
    """Say whether a checkout has given up its quick try and waits where support can see it."""
    try:
        description = await handle.describe()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return False
    return bool(description.raw_description.pending_activities)


async def test_a_lock_that_a_stranger_keeps_hinders_nobody_else_and_nobody_for_ever(
    stage: Stage, unique: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(policies, "RESERVE_RETRY_BUDGET", timedelta(seconds=1))
    client = client_of(stage)
    locked, other = stage.stock(f"{unique}-locked", 5), stage.stock(f"{unique}-other", 5)
    async with at_work(stage, sandboxed=False):
        await client.reserve(f"{unique}-paid", [(locked, 1)])
        with blockade(stage.shop, locked) as block:
            reserve = asyncio.ensure_future(client.reserve(f"{unique}-1", [(locked, 1)]))
            payment = asyncio.ensure_future(client.confirm(f"{unique}-paid", f"pay-{unique}-paid"))
            await block.until_waiting(2)
            beside = await client.reserve(f"{unique}-2", [(other, 1)])
            assert isinstance(beside, Held)
            assert (await reserve).status == "unavailable"
            assert not payment.done()
            block.lift()
            assert isinstance(await payment, Fulfilled)
            await stage.till.result(f"{unique}-1")
    assert stage.shop.figures(locked) == (4, 0, 4)
    assert stage.shop.movements(f"{unique}-1") in _NOTHING_KEPT
    assert stage.ledger.audit() == ()
