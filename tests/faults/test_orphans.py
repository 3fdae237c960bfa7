"""Workflows that somebody took away: what they held is free again in time, whatever was done.

The reconciler runs on its schedule, as in production, only more often. It has the grace period
and one interval: the first run that begins after the grace ends what it finds, however long a
loaded machine takes for that.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, Final, NamedTuple

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import (
    DeleteWorkflowExecutionRequest,
    PauseWorkflowExecutionRequest,
    ResetWorkflowExecutionRequest,
    UnpauseWorkflowExecutionRequest,
)

from activities.inventory.ledger_operations import RECONCILER
from activities.overdue_sweep import OverdueSweep
from holdfast_client.contract.names import RECONCILE_SCHEDULE_ID, RECONCILE_WORKFLOW
from tests.directories import NewDirectory
from tests.inventory.databases import fresh_database
from tests.workflows.histories import events_of, kind
from tests.workflows.stage import Stage, at_work, open_stage
from tests.workflows.waiting import until
from worker.embedded.temporal import EmbeddedTemporal
from worker.temporal import connect_temporal, ensure_schedule

GRACE_SECONDS: Final = 1
INTERVAL_SECONDS: Final = 2
# All are held and taken away meanwhile, on a machine that is busy with the whole suite.
HOLD_SECONDS: Final = 15
STOCK: Final = 100


@pytest.fixture(scope="module")
def own_temporal(new_directory: NewDirectory) -> Iterator[EmbeddedTemporal]:
    """A Temporal on which workflows can be paused, which this version offers only when told to."""
    server = EmbeddedTemporal(new_directory("temporal"), time_skipping=True)
    server._settings = {**server._settings, "frontend.WorkflowPauseEnabled": "true"}
    with server:
        yield server


@pytest.fixture(scope="module")
async def own_stage(
    postgres_url: str, template: str, own_temporal: EmbeddedTemporal
) -> AsyncIterator[Stage]:
    """A stage with a worker, and the reconciler on its schedule, which alone ends what is left."""
    settings: dict[str, Any] = {
        "reconcile_grace_seconds": GRACE_SECONDS,
        "reconcile_interval_seconds": INTERVAL_SECONDS,
        "reconcile_batch_size": 2,
    }
    with fresh_database(postgres_url, template) as url, pytest.MonkeyPatch.context() as patch:
        # A hold that ends by its own timer would now and then take the others along.
        patch.setattr(OverdueSweep, "run_if_due", _no_sweep)
        async with open_stage(url, own_temporal.address, **settings) as stage:
            stage.stock("MUG", STOCK)
            await ensure_schedule(await connect_temporal(own_temporal.address), stage.settings)
            async with at_work(stage):
                yield stage
                await stage.client.get_schedule_handle(RECONCILE_SCHEDULE_ID).delete()


async def _no_sweep(_sweep: OverdueSweep) -> int:
    return 0


def _execution(checkout_id: str) -> WorkflowExecution:
    return WorkflowExecution(workflow_id=f"checkout/{checkout_id}")


async def _terminate(stage: Stage, checkout_id: str) -> None:
    await stage.till.handle(checkout_id).terminate("by hand")


async def _delete(stage: Stage, checkout_id: str) -> None:
    await stage.client.workflow_service.delete_workflow_execution(
        DeleteWorkflowExecutionRequest(
            namespace=stage.client.namespace, workflow_execution=_execution(checkout_id)
        )
    )


async def _pause(stage: Stage, checkout_id: str) -> None:
    await stage.client.workflow_service.pause_workflow_execution(
        PauseWorkflowExecutionRequest(
            namespace=stage.client.namespace,
            workflow_id=f"checkout/{checkout_id}",
            reason="by hand",
            identity="support",
            request_id=checkout_id,
        )
    )


async def _reset(stage: Stage, checkout_id: str) -> None:
    """Begin anew from the very first workflow task, as if nothing had been decided."""
    events = await events_of(stage.till.handle(checkout_id))
    first_task = next(e.event_id for e in events if kind(e) == "WORKFLOW_TASK_COMPLETED")
    await stage.client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=stage.client.namespace,
            workflow_execution=_execution(checkout_id),
            reason="by hand",
            workflow_task_finish_event_id=first_task,
            request_id=checkout_id,
        )
    )


class End(NamedTuple):
    """When a hold was to end and did, and who ended it."""

    expires_at: datetime
    closed_at: datetime
    actor: str


async def _end_of(stage: Stage, checkout_id: str) -> End:
    """Wait until a hold has ended."""
    await until(lambda: stage.shop.status(checkout_id) != "held")
    (row,) = stage.shop.sql(
        "SELECT expires_at, closed_at, actor FROM holdfast.reservations WHERE checkout_id = :id",
        id=checkout_id,
    )
    return End(*row)


async def _left_by(stage: Stage, end: End) -> list[str]:
    """Return the runs of the reconciler that began after the grace and left the hold alone."""
    due = end.expires_at + timedelta(seconds=GRACE_SECONDS)
    runs = stage.client.list_workflows(f"WorkflowType = '{RECONCILE_WORKFLOW}'")
    return [
        run.id
        async for run in runs
        if run.start_time > due and run.close_time and run.close_time < end.closed_at
    ]


TAKEN_AWAY: Final = {
    "terminated": _terminate,
    "deleted": _delete,
    "paused": _pause,
    "reset": _reset,
}
# More than the reconciler ends in one batch.
ORPHANS: Final = 5


@pytest.fixture(scope="module")
async def orphans(own_stage: Stage) -> Mapping[str, list[str]]:
    """Checkouts by what was done to their workflows, all at the same time."""
    ids = {how: [f"{how}-{number}" for number in range(ORPHANS)] for how in TAKEN_AWAY}
    reserve = own_stage.till.reserve
    held = [reserve(id, {"MUG": 1}, hold_seconds=HOLD_SECONDS) for id in chain(*ids.values())]
    await asyncio.gather(*held)
    for how, take_away in TAKEN_AWAY.items():
        await asyncio.gather(*(take_away(own_stage, id) for id in ids[how]))
    return ids


@pytest.mark.parametrize("how", TAKEN_AWAY)
async def test_what_a_workflow_held_that_was_taken_away_is_free_within_grace_and_an_interval(
    own_stage: Stage, orphans: Mapping[str, list[str]], how: str
):
    for id in orphans[how]:
        end = await _end_of(own_stage, id)
        late = end.closed_at - end.expires_at
        print(f"{id} ended {late.total_seconds():.1f} s after its deadline")
        assert late >= timedelta(0)
        # What was reset lives again, and may be there before the reconciler.
        if how != "reset":
            assert end.actor == RECONCILER
            assert await _left_by(own_stage, end) == []
        assert own_stage.shop.movements(id) == [("reserve", 0, 1), ("expire", 0, -1)]
    assert own_stage.ledger.audit() == ()


async def test_a_checkout_that_was_paused_past_its_deadline_learns_of_its_end_when_it_goes_on(
    own_stage: Stage, unique: str
):
    await own_stage.till.reserve(unique, {"MUG": 1}, hold_seconds=5)
    await _pause(own_stage, unique)
    await _end_of(own_stage, unique)
    await own_stage.client.workflow_service.unpause_workflow_execution(
        UnpauseWorkflowExecutionRequest(
            namespace=own_stage.client.namespace,
            workflow_id=f"checkout/{unique}",
            reason="by hand",
            identity="support",
            request_id=unique,
        )
    )
    assert (await own_stage.till.result(unique))["status"] == "expired"


@pytest.mark.parametrize(("pays", "ending"), [(True, "fulfilled"), (False, "cancelled")])
async def test_a_checkout_that_is_reset_after_its_end_ends_the_same_way_and_moves_nothing(
    own_stage: Stage, unique: str, pays: bool, ending: str
):
    till = own_stage.till
    await till.reserve(unique, {"MUG": 1})
    answer = await (till.confirm(unique) if pays else till.cancel(unique))
    movements = own_stage.shop.movements(unique)
    await _reset(own_stage, unique)
    assert await till.result(unique) == answer
    assert own_stage.shop.movements(unique) == movements
    assert own_stage.ledger.audit() == ()
