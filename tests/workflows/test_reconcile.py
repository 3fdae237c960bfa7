"""The reconciler: it ends what no workflow is left to end, and reports what does not add up."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from temporalio.api.operatorservice.v1 import (
    ListSearchAttributesRequest,
    RemoveSearchAttributesRequest,
)
from temporalio.client import Client, Schedule, ScheduleUpdate, ScheduleUpdateInput

from tests.directories import NewDirectory
from tests.workflows.histories import kinds_of
from tests.workflows.stage import Stage, at_work, open_stage
from tests.workflows.waiting import until
from worker.embedded.temporal import EmbeddedTemporal
from worker.settings import load_settings
from worker.temporal import connect_temporal, ensure_schedule, ensure_search_attributes

HOLD_SECONDS = 900
SCHEDULE = "holdfast-reconcile"


async def reconcile(stage: Stage, **options: int) -> dict[str, Any]:
    result: dict[str, Any] = await stage.client.execute_workflow(
        "ReconcileWorkflow",
        args=[options] if options else [],
        id=f"reconcile-{uuid.uuid4()}",
        task_queue=stage.till.task_queue,
    )
    return result


async def orphan(stage: Stage, checkout_id: str, sku: str) -> None:
    """Leave a hold behind whose workflow is gone."""
    await stage.till.reserve(checkout_id, {sku: 1}, hold_seconds=HOLD_SECONDS)
    await stage.till.handle(checkout_id).terminate("by hand")


# --- a run ---------------------------------------------------------------------------------------


async def test_the_hold_of_a_terminated_workflow_is_released(own_stage: Stage, unique: str):
    sku = own_stage.stock(unique, 5)
    await orphan(own_stage, unique, sku)
    own_stage.turn_clock(HOLD_SECONDS + 61)
    assert await reconcile(own_stage) == {"released": 1, "overdue": 0, "drift": []}
    assert own_stage.shop.figures(sku) == (5, 0, 5)
    assert own_stage.shop.status(unique) == "expired"
    told = own_stage.ledger.timeline(unique)
    assert told is not None
    ended = told.events[-1]
    assert (ended.event, ended.actor, ended.reason) == (
        "expired",
        "reconciler",
        "not ended by its workflow, which was interrupted or is late",
    )


@pytest.mark.parametrize(("late_seconds", "released"), [(-30, 0), (30, 0), (61, 1)])
async def test_a_hold_is_left_alone_until_the_grace_is_over(
    own_stage: Stage, unique: str, late_seconds: int, released: int
):
    await orphan(own_stage, unique, own_stage.stock(unique, 5))
    own_stage.turn_clock(HOLD_SECONDS + late_seconds)
    assert (await reconcile(own_stage, grace_seconds=60))["released"] == released


async def test_a_run_is_bounded_and_the_next_one_goes_on(own_stage: Stage, unique: str):
    sku = own_stage.stock(unique, 5)
    for number in range(5):
        await orphan(own_stage, f"{unique}-{number}", sku)
    own_stage.turn_clock(HOLD_SECONDS + 61)
    bounds = {"grace_seconds": 60, "batch_size": 2, "batches_max": 2}
    assert await reconcile(own_stage, **bounds) == {"released": 4, "overdue": 1, "drift": []}
    assert await reconcile(own_stage, **bounds) == {"released": 1, "overdue": 0, "drift": []}
    assert own_stage.shop.figures(sku) == (5, 0, 5)


async def test_several_runs_at_once_release_every_hold_once(own_stage: Stage, unique: str):
    sku = own_stage.stock(unique, 12)
    await asyncio.gather(*(orphan(own_stage, f"{unique}-{n}", sku) for n in range(12)))
    own_stage.turn_clock(HOLD_SECONDS + 61)
    runs = [reconcile(own_stage, grace_seconds=60, batch_size=2) for _ in range(4)]
    results = await asyncio.gather(*runs)
    released = sum(result["released"] for result in results)
    released += (await reconcile(own_stage))["released"]
    assert released == 12
    assert own_stage.shop.figures(sku) == (12, 0, 12)
    assert own_stage.ledger.audit() == ()


async def test_a_workflow_whose_hold_the_reconciler_ended_learns_of_it(
    own_stage: Stage, unique: str
):
    till, sku = own_stage.till, own_stage.stock(unique, 5)
    await till.reserve(unique, {sku: 1}, hold_seconds=HOLD_SECONDS)
    own_stage.turn_clock(HOLD_SECONDS + 61)
    assert (await reconcile(own_stage))["released"] == 1
    await own_stage.pass_time(till.handle(unique), HOLD_SECONDS)
    assert (await till.result(unique))["status"] == "expired"
    assert own_stage.shop.movements(unique) == [("reserve", 0, 1), ("expire", 0, -1)]


async def test_drift_is_reported_and_left_for_people_to_judge(own_stage: Stage, unique: str):
    sku = own_stage.stock(unique, 5)
    own_stage.shop.sql("UPDATE holdfast.stock_items SET reserved_quantity = 2")
    result = await reconcile(own_stage)
    assert (result["released"], result["overdue"]) == (0, 0)
    (breach,) = result["drift"]
    assert breach.startswith("I2")
    assert sku in breach
    assert own_stage.shop.figures(sku) == (5, 2, 3)


# --- the schedule, on a Temporal of its own ------------------------------------------------------


@pytest.fixture(scope="module")
async def bare_address(new_directory: NewDirectory) -> AsyncIterator[str]:
    """A Temporal on which no worker of ours was ever started."""
    with EmbeddedTemporal(new_directory("bare")) as server:
        yield server.address


@pytest.fixture
async def bare_client(bare_address: str) -> AsyncIterator[Client]:
    client = await connect_temporal(bare_address)
    yield client
    if [entry async for entry in await client.list_schedules()]:
        await client.get_schedule_handle(SCHEDULE).delete()
        await until(lambda: _no_schedules(client))


async def _no_schedules(client: Client) -> bool:
    return not [entry async for entry in await client.list_schedules()]


async def schedule_after(client: Client, database_url: str, **settings: Any) -> Schedule:
    await ensure_schedule(client, load_settings(database_url=database_url, **settings))
    return (await client.get_schedule_handle(SCHEDULE).describe()).schedule


def interval_of(schedule: Schedule) -> timedelta:
    (interval,) = schedule.spec.intervals
    return interval.every


async def test_a_worker_creates_the_schedule_once(bare_client: Client, session_database_url: str):
    first = await schedule_after(bare_client, session_database_url)
    second = await schedule_after(bare_client, session_database_url)
    assert interval_of(first) == interval_of(second) == timedelta(minutes=1)


async def test_a_changed_interval_is_taken_over(bare_client: Client, session_database_url: str):
    await schedule_after(bare_client, session_database_url)
    changed = await schedule_after(
        bare_client, session_database_url, reconcile_interval_seconds=300
    )
    assert interval_of(changed) == timedelta(minutes=5)


async def test_a_paused_schedule_stays_paused(bare_client: Client, session_database_url: str):
    await schedule_after(bare_client, session_database_url)
    await bare_client.get_schedule_handle(SCHEDULE).pause(note="stock-taking")
    changed = await schedule_after(
        bare_client, session_database_url, reconcile_interval_seconds=300
    )
    assert (changed.state.paused, changed.state.note) == (True, "stock-taking")
    assert interval_of(changed) == timedelta(minutes=5)


async def test_a_schedule_that_somebody_spoiled_is_put_right(
    bare_client: Client, session_database_url: str
):
    await schedule_after(bare_client, session_database_url)

    def spoiled(input: ScheduleUpdateInput) -> ScheduleUpdate:
        input.description.schedule.spec.intervals = []
        return ScheduleUpdate(input.description.schedule)

    await bare_client.get_schedule_handle(SCHEDULE).update(spoiled)
    restored = await schedule_after(bare_client, session_database_url)
    assert interval_of(restored) == timedelta(minutes=1)


async def test_the_schedule_starts_a_reconciler_that_completes(
    bare_client: Client, bare_address: str, session_database_url: str
):
    await schedule_after(bare_client, session_database_url)
    handle = bare_client.get_schedule_handle(SCHEDULE)
    async with open_stage(session_database_url, bare_address) as stage, at_work(stage):
        await handle.trigger()
        (action,) = await until(lambda: _recent_actions(bare_client))
        run = stage.client.get_workflow_handle(action.action.workflow_id)
        result = await run.result()
    assert set(result) == {"released", "overdue", "drift"}
    assert (await kinds_of(run))[-1] == "WORKFLOW_EXECUTION_COMPLETED"


async def _recent_actions(client: Client) -> Any:
    return (await client.get_schedule_handle(SCHEDULE).describe()).info.recent_actions


async def _search_attributes(client: Client) -> set[str]:
    answer = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace)
    )
    return set(answer.custom_attributes)


async def test_a_search_attribute_that_is_missing_is_added_and_again_is_harmless(
    bare_client: Client,
):
    await bare_client.operator_service.remove_search_attributes(
        RemoveSearchAttributesRequest(
            namespace=bare_client.namespace, search_attributes=["CartId", "Skus"]
        )
    )
    assert "CartId" not in await _search_attributes(bare_client)
    await ensure_search_attributes(bare_client)
    await ensure_search_attributes(bare_client)
    wanted = {"CheckoutStatus", "CustomerId", "CartId", "Skus"}
    assert wanted <= await _search_attributes(bare_client)
