"""A database that goes away and comes back: what every kind of checkout makes of it.

One outage serves all tests, because a checkout gives the database ten seconds before it gives
up, and they all can wait together.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError

from activities.failures import INVENTORY_UNAVAILABLE
from activities.inventory.database.engine import open_engine
from activities.inventory.database.migrate import upgrade
from holdfast_client.contract.messages import CheckoutRequest, Line
from holdfast_client.contract.outcomes import Cancelled
from tests.directories import NewDirectory
from tests.workflows.histories import failed_tasks_of, kinds_of
from tests.workflows.stage import Stage, at_work, open_stage
from tests.workflows.till import HOLD_SECONDS
from tests.workflows.waiting import until
from worker.embedded.postgres import EmbeddedPostgres
from workflows import policies

SKU = "MUG-01"
TASK_QUEUE = "outage"


@dataclass(frozen=True)
class Outage:
    """What was answered while the database was away, and the stage after it came back."""

    stage: Stage
    unavailable: Any
    paid: Any


@pytest.fixture(scope="module")
async def outage(new_directory: NewDirectory, temporal_address: str) -> AsyncIterator[Outage]:
    with EmbeddedPostgres(new_directory("postgres")) as postgres:
        engine = open_engine(postgres.url, connections_max=1)
        upgrade(engine)
        engine.dispose()
        async with (
            open_stage(postgres.url, temporal_address, TASK_QUEUE) as stage,
            at_work(stage),
        ):
            yield await _live_through(postgres, stage)


async def _live_through(postgres: EmbeddedPostgres, stage: Stage) -> Outage:
    till = stage.till
    stage.stock(SKU, 100)
    await till.reserve("paid", {SKU: 1})
    await till.reserve("cancelled", {SKU: 1})
    await till.reserve("abandoned", {SKU: 1}, hold_seconds=2)
    postgres.stop()
    reserve = asyncio.ensure_future(till.reserve("unavailable", {SKU: 1}))
    payment = asyncio.ensure_future(till.confirm("paid"))
    await till.signal("cancelled", "cancel", {"reason": "in the dark"})
    interrupted = await till.start("interrupted", {SKU: 1})
    await till.signal("interrupted", "cancel", {"reason": "too slow"})
    unavailable = await reserve
    await until(lambda: _has(interrupted, "ACTIVITY_TASK_SCHEDULED"))
    stage.shop.engine.dispose()
    postgres.start()
    return Outage(stage, unavailable, await payment)


async def _has(handle: Any, kind: str) -> bool:
    return kind in await kinds_of(handle)


async def test_a_reserve_without_a_database_is_unavailable(outage: Outage):
    assert outage.unavailable == {"status": "unavailable"}
    assert await outage.stage.till.result("unavailable") == {"status": "unavailable"}
    assert await outage.stage.till.events("unavailable") == ["unavailable"]


async def test_after_the_outage_a_tombstone_bars_a_reserve_that_comes_late(outage: Outage):
    stage = outage.stage
    await stage.till.result("unavailable")
    assert stage.shop.status("unavailable") == "cancelled"
    late = CheckoutRequest(
        checkout_id="unavailable", lines=(Line(sku=SKU, quantity=1),), hold_seconds=HOLD_SECONDS
    )
    assert isinstance(stage.shop.reserve(late), Cancelled)
    assert stage.shop.movements("unavailable") == []


async def test_a_payment_during_the_outage_is_carried_out_after_it(outage: Outage):
    assert outage.paid["status"] == "fulfilled"
    assert outage.stage.shop.movements("paid") == [("reserve", 0, 1), ("fulfil", -1, -1)]


async def test_a_cancellation_during_the_outage_is_carried_out_after_it(outage: Outage):
    assert (await outage.stage.till.result("cancelled"))["reason"] == "in the dark"
    assert outage.stage.shop.movements("cancelled") == [("reserve", 0, 1), ("cancel", 0, -1)]


async def test_a_hold_that_ended_during_the_outage_expires_after_it(outage: Outage):
    assert (await outage.stage.till.result("abandoned"))["status"] == "expired"
    assert outage.stage.shop.status("abandoned") == "expired"


async def test_a_checkout_cancelled_while_it_could_not_reserve_holds_nothing(outage: Outage):
    result = await outage.stage.till.result("interrupted")
    assert (result["status"], result["reason"]) == ("cancelled", "too slow")
    assert outage.stage.shop.movements("interrupted") == []


async def test_no_workflow_task_failed_and_the_books_are_right(outage: Outage):
    for checkout_id in ("paid", "cancelled", "abandoned", "unavailable", "interrupted"):
        await outage.stage.till.result(checkout_id)
        assert not await failed_tasks_of(outage.stage.till.handle(checkout_id))
    assert outage.stage.shop.figures(SKU) == (99, 0, 99)
    assert outage.stage.ledger.audit() == ()


async def test_a_payment_that_the_database_never_takes_ends_the_workflow_and_the_hold_is_freed(
    idle_stage: Stage, monkeypatch: pytest.MonkeyPatch, unique: str
):
    monkeypatch.setattr(policies, "LASTING_RETRY_BUDGET", timedelta(seconds=1))
    stage = idle_stage
    async with at_work(stage, sandboxed=False):
        stage.stock(unique, 1)
        handle = await stage.till.start(unique, {unique: 1}, hold_seconds=HOLD_SECONDS)
        await until(lambda: _is_held(stage, unique))
        stage.shop.sql("ALTER SCHEMA holdfast RENAME TO away")
        try:
            await stage.pass_time(handle, HOLD_SECONDS)
            with pytest.raises(WorkflowFailureError) as failure:
                await handle.result()
        finally:
            # Other tests share the database.
            stage.shop.sql("ALTER SCHEMA away RENAME TO holdfast")
    assert isinstance(failure.value.cause, ApplicationError)
    assert failure.value.cause.type == INVENTORY_UNAVAILABLE
    assert await failed_tasks_of(handle) == []
    # The time has passed for the workflow alone.
    stage.shop.sql(
        "UPDATE holdfast.reservations SET expires_at = holdfast.clock() WHERE checkout_id = :id",
        id=unique,
    )
    # Holds of other tests may have become overdue in the same ledger while it was away.
    assert stage.ledger.expire_overdue(grace_seconds=0) >= 1
    assert stage.shop.status(unique) == "expired"


async def _is_held(stage: Stage, checkout_id: str) -> bool:
    return checkout_id in stage.ledger.reservations([checkout_id])
