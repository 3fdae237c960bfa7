"""Thousands of holds that end in one second, or ended while everything was down."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from math import ceil
from typing import Any, Final

import psycopg
import pytest

from activities.inventory.database.engine import open_engine
from activities.inventory.ledger import Ledger
from activities.inventory.ledger_operations import BATCH_SIZE_MAX
from holdfast_client.client import ReservationClient
from holdfast_client.contract.errors import OutcomeUnknown
from holdfast_client.contract.messages import CheckoutRequest, Line
from holdfast_client.contract.outcomes import Unavailable
from tests.faults.workers import worker_process
from tests.inventory.crowd import all_at_once
from tests.inventory.shop import Shop, checkout, open_shop
from tests.workflows.stage import Stage, at_work, open_stage
from tests.workflows.waiting import until
from worker.embedded.postgres import EmbeddedPostgres
from worker.embedded.temporal import EmbeddedTemporal

HOLDS: Final = 5_000
SKUS: Final = 50
RECONCILERS: Final = 4
RECONCILE_BATCH_SIZE: Final = 200
# Much longer than they take, and no longer than one that waits for the lock would.
UNHINDERED_SECONDS_MAX: Final = 30
# So many checkouts are reserved in the time before the storm, in which all of them end.
IS_LONG: Final = bool(os.environ.get("HOLDFAST_LONG_FAULTS"))
CHECKOUTS, STORM_LEAD_SECONDS = (2_000, 300) if IS_LONG else (200, 5)
ASKING_AT_ONCE: Final = 20
# Short enough that whoever gets no answer asks again a few times before the test gives up.
ANSWER_SECONDS: Final = 15.0
STORMY: Final = pytest.mark.timeout(1_200 if IS_LONG else 120)


@pytest.fixture
def shop(database_url: str) -> Iterator[Shop]:
    """A shop whose clock stands still until it is turned.

    Its sessions wait for a lock as long as the sweeps of a busy machine take.
    """
    engine = open_engine(
        database_url, connections_max=8, lock_timeout_ms=20_000, statement_timeout_ms=30_000
    )
    yield open_shop(engine, Ledger(engine))
    engine.dispose()


def _hold_many(ledger: Ledger, requests: Sequence[CheckoutRequest]) -> None:
    for start in range(0, len(requests), BATCH_SIZE_MAX):
        ledger.reserve(requests[start : start + BATCH_SIZE_MAX])


def _carts(hold_seconds: int) -> list[CheckoutRequest]:
    """Return carts of two lines, so that each hold shares its stock with two hundred others."""
    return [
        CheckoutRequest(
            checkout_id=f"c{number}",
            lines=tuple(
                Line(sku=f"SKU{(number + step) % SKUS}", quantity=1) for step in (0, 1 + number % 7)
            ),
            hold_seconds=hold_seconds,
        )
        for number in range(HOLDS)
    ]


def _sweep(ledger: Ledger) -> list[int]:
    """Reconcile until nothing is left, and return the sizes of the batches."""
    sizes = [ledger.expire_overdue(0, RECONCILE_BATCH_SIZE)]
    while sizes[-1]:
        sizes.append(ledger.expire_overdue(0, RECONCILE_BATCH_SIZE))
    return sizes


def test_holds_that_end_in_the_same_second_all_end_once_in_bounded_batches(shop: Shop) -> None:
    shop.stock(**{f"SKU{number}": HOLDS for number in range(SKUS)})
    _hold_many(shop.ledger, _carts(hold_seconds=60))
    assert shop.count("reservations") == HOLDS
    shop.pass_seconds(60.5)
    batches = all_at_once([partial(_sweep, shop.ledger)] * RECONCILERS)
    sizes = [size for sweep in batches for size in sweep]
    assert sum(sizes) == HOLDS
    assert max(sizes) <= RECONCILE_BATCH_SIZE
    assert {shop.figures(f"SKU{number}").reserved for number in range(SKUS)} == {0}
    assert shop.ledger.audit() == ()


def test_a_buyer_of_everything_is_never_denied_for_holds_that_are_over(shop: Shop) -> None:
    shop.stock(MUG=HOLDS)
    requests = [checkout(f"c{number}", hold_seconds=60, MUG=1) for number in range(HOLDS)]
    _hold_many(shop.ledger, requests)
    shop.denial("too-early", MUG=1)
    shop.pass_seconds(60)
    shop.hold("buyer", MUG=HOLDS)
    assert shop.ledger.audit() == ()


async def test_what_became_overdue_while_everything_was_down_is_freed_by_reconcilers_at_once(
    stage: Stage, unique: str
):
    for number in range(SKUS):
        stage.stock(f"SKU{number}", HOLDS)
    _hold_many(stage.ledger, _carts(hold_seconds=1))
    await until(lambda: stage.ledger.count_overdue() == HOLDS)
    async with at_work(stage, sandboxed=False):
        results = await asyncio.gather(*_reconcilers(stage, unique, RECONCILE_BATCH_SIZE))
    assert sum(result["released"] for result in results) == HOLDS
    assert {tuple(result["drift"]) for result in results} == {()}
    assert stage.ledger.count_overdue() == 0
    assert stage.ledger.audit() == ()


async def test_reconcilers_leave_out_what_a_stranger_keeps_locked_and_wait_for_nothing(
    stage: Stage, unique: str
):
    for number in range(SKUS):
        stage.stock(f"SKU{number}", HOLDS)
    stage.ledger.reserve(_carts(hold_seconds=1)[: RECONCILERS * 20])
    await until(lambda: stage.ledger.count_overdue() == RECONCILERS * 20)
    url = stage.shop.engine.url.set(drivername="postgresql")
    with psycopg.connect(url.render_as_string(hide_password=False)) as stranger:
        # The oldest, which every reconciler comes to first.
        stranger.execute(
            "SELECT 1 FROM holdfast.reservations ORDER BY expires_at, id LIMIT 1 FOR UPDATE"
        )
        async with at_work(stage, sandboxed=False), asyncio.timeout(UNHINDERED_SECONDS_MAX):
            runs = await asyncio.gather(*_reconcilers(stage, unique, batch_size=10))
        stranger.rollback()
    assert sum(run["released"] for run in runs) == RECONCILERS * 20 - 1
    assert stage.ledger.expire_overdue(0) == 1
    assert stage.ledger.audit() == ()


def _reconcilers(stage: Stage, unique: str, batch_size: int) -> list[Awaitable[Any]]:
    """Start several runs of the reconciler, which meet."""
    options = {"grace_seconds": 0, "batch_size": batch_size}
    return [
        stage.client.execute_workflow(
            "ReconcileWorkflow",
            options,
            id=f"reconcile-{unique}-{number}",
            task_queue=stage.till.task_queue,
        )
        for number in range(RECONCILERS)
    ]


@pytest.fixture
async def busy_stage(database_url: str, temporal_address: str, unique: str) -> AsyncIterator[Stage]:
    """A stage whose workers have as many slots as an operator's, without one yet."""
    async with open_stage(database_url, temporal_address, unique, activity_slots=10) as stage:
        yield stage


@STORMY
async def test_checkouts_whose_deadlines_meet_all_expire_by_their_own_timers(
    busy_stage: Stage, unique: str
):
    stage, sku = busy_stage, busy_stage.stock(unique, CHECKOUTS)
    async with at_work(stage, sandboxed=False):
        ids = await _hold_until(_next_storm(), stage, sku)
        assert await _endings(stage, ids) == {"expired"}
    assert stage.shop.figures(sku) == (CHECKOUTS, 0, CHECKOUTS)
    ((late,),) = stage.shop.sql("SELECT max(closed_at - expires_at) FROM holdfast.reservations")
    print(f"latest expiry {late.total_seconds():.1f} s after its deadline")
    assert stage.ledger.audit() == ()


@STORMY
@pytest.mark.skipif(not IS_LONG, reason="takes minutes; HOLDFAST_LONG_FAULTS=1 runs it")
async def test_checkouts_that_became_overdue_while_everything_was_down_all_expire_once_it_is_back(
    own_postgres: EmbeddedPostgres, own_temporal: EmbeddedTemporal, unique: str
):
    async with open_stage(own_postgres.url, own_temporal.address) as stage:
        sku = stage.stock(unique, CHECKOUTS)
        storm = _next_storm()
        with worker_process(own_postgres.url, own_temporal.address):
            ids = await _hold_until(storm, stage, sku)
        await asyncio.to_thread(own_temporal.kill)
        await asyncio.to_thread(own_postgres.stop, "immediate")
        await asyncio.to_thread(own_postgres.start)
        stage.shop.engine.dispose()
        await asyncio.sleep((storm - datetime.now(UTC)).total_seconds())
        await until(lambda: stage.ledger.count_overdue() == stage.shop.figures(sku).reserved)
        print(f"{stage.ledger.count_overdue()} overdue")
        await asyncio.to_thread(own_temporal.start)
        began = time.monotonic()
        with worker_process(own_postgres.url, own_temporal.address):
            endings = await _endings(stage, ids)
        print(f"all ended {time.monotonic() - began:.1f} s after a worker was started")
        assert endings == {"expired"}
        assert stage.shop.figures(sku) == (CHECKOUTS, 0, CHECKOUTS)
        assert stage.ledger.audit() == ()


async def _endings(stage: Stage, ids: Sequence[str]) -> set[str]:
    """Wait until all have ended; the server lets only so many wait at once."""
    turns = asyncio.Semaphore(ASKING_AT_ONCE)

    async def ending(id: str) -> str:
        async with turns:
            return str((await stage.till.result(id))["status"])

    return set(await asyncio.gather(*(ending(id) for id in ids)))


def _next_storm() -> datetime:
    return datetime.now(UTC) + timedelta(seconds=STORM_LEAD_SECONDS)


async def _hold_until(storm: datetime, stage: Stage, sku: str) -> list[str]:
    """Reserve one unit for each of many checkouts, all until the same second.

    On a machine that is too busy for it the last ones are held for a second of their own, and some
    ask again under an id of their own.
    """
    client = ReservationClient(
        stage.client, task_queue=stage.till.task_queue, answer_timeout_seconds=ANSWER_SECONDS
    )
    began = time.monotonic()
    turns = asyncio.Semaphore(ASKING_AT_ONCE)

    async def hold(name: str) -> str:
        ids = (f"{name}/{attempt}" for attempt in itertools.count())
        async with turns:
            while not await _is_decided(client, id := next(ids), sku, storm):
                pass
        return id

    names = [f"{sku}-{number}" for number in range(CHECKOUTS)]
    ids = await asyncio.gather(*map(hold, names))
    print(f"{CHECKOUTS} holds in {time.monotonic() - began:.1f} s")
    return ids


async def _is_decided(client: ReservationClient, id: str, sku: str, storm: datetime) -> bool:
    """Reserve, and say whether the machine was not too busy to decide about it in time."""
    left = max(1, ceil((storm - datetime.now(UTC)).total_seconds()))
    while True:
        try:
            outcome = await client.reserve(id, [(sku, 1)], hold_seconds=left)
        except OutcomeUnknown:
            continue
        return not isinstance(outcome, Unavailable)
