"""Thousands of holds that end in one second, or ended while everything was down."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from math import ceil
from typing import Final

import pytest

from activities.inventory.engine import open_engine
from activities.inventory.ledger import BATCH_SIZE_MAX, Ledger
from holdfast_client.client import ReservationClient
from holdfast_client.messages import CheckoutRequest, Line
from tests.inventory.crowd import all_at_once
from tests.inventory.shop import Shop, checkout, open_shop
from tests.workflows.stage import Stage, at_work, open_stage
from tests.workflows.waiting import until

HOLDS: Final = 5_000
SKUS: Final = 50
RECONCILERS: Final = 4
RECONCILE_BATCH_SIZE: Final = 200
CHECKOUTS: Final = 200
STORM_LEAD_SECONDS: Final = 5


@pytest.fixture
def shop(database_url: str) -> Iterator[Shop]:
    """A shop whose clock stands still until it is turned."""
    engine = open_engine(database_url, connections_max=8)
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
        options = {"grace_seconds": 0, "batch_size": RECONCILE_BATCH_SIZE}
        runs = [
            stage.client.execute_workflow(
                "ReconcileWorkflow",
                options,
                id=f"reconcile-{unique}-{number}",
                task_queue=stage.till.task_queue,
            )
            for number in range(RECONCILERS)
        ]
        results = await asyncio.gather(*runs)
    assert sum(result["released"] for result in results) == HOLDS
    assert {tuple(result["drift"]) for result in results} == {()}
    assert stage.ledger.count_overdue() == 0
    assert stage.ledger.audit() == ()


@pytest.fixture
async def busy_stage(database_url: str, temporal_address: str, unique: str) -> AsyncIterator[Stage]:
    """A stage whose workers have as many slots as an operator's, without one yet."""
    async with open_stage(database_url, temporal_address, unique, activity_slots=10) as stage:
        yield stage


async def test_checkouts_whose_deadlines_meet_all_expire_by_their_own_timers(
    busy_stage: Stage, unique: str
):
    stage = busy_stage
    sku = stage.stock(unique, CHECKOUTS)
    client = ReservationClient(
        stage.client, task_queue=stage.till.task_queue, answer_timeout_seconds=60
    )
    storm = datetime.now(UTC).timestamp() + STORM_LEAD_SECONDS
    ids = [f"{unique}-{number}" for number in range(CHECKOUTS)]

    async def reserve(id: str, turns: asyncio.Semaphore) -> None:
        async with turns:
            left = ceil(storm - datetime.now(UTC).timestamp())
            await client.reserve(id, [(sku, 1)], hold_seconds=max(left, 1))

    async with at_work(stage, sandboxed=False):
        turns = asyncio.Semaphore(20)
        await asyncio.gather(*(reserve(id, turns) for id in ids))
        results = await asyncio.gather(*(stage.till.result(id) for id in ids))
    assert {result["status"] for result in results} == {"expired"}
    assert stage.shop.figures(sku) == (CHECKOUTS, 0, CHECKOUTS)
    ((late,),) = stage.shop.sql("SELECT max(closed_at - expires_at) FROM holdfast.reservations")
    print(f"latest expiry {late.total_seconds():.1f} s after its deadline")
    assert stage.ledger.audit() == ()
