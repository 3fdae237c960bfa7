"""What Temporal recorded of the checkouts of a run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.client import Client, WorkflowExecution

from holdfast_client.contract.names import (
    CHECKOUT_WORKFLOW,
    checkout_id_of,
    checkout_workflow_id,
)

_OPEN: Final = f"WorkflowType = '{CHECKOUT_WORKFLOW}' AND ExecutionStatus = 'Running'"
_ALL: Final = f"WorkflowType = '{CHECKOUT_WORKFLOW}'"
_READ_AT_ONCE: Final = 8
EVENTS_TOLD_MAX: Final = 15
_CAUSE: Final = WorkflowTaskFailedCause
# What Temporal itself makes of a task: somebody set the workflow back to it, or ended the workflow
# while it was under way, or a message came while it was ending the workflow, which has it look
# again. No code of ours failed. Each is brought about in tests/soak/test_histories.py.
_NO_FAILURE: Final = frozenset(
    {
        _CAUSE.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW,
        _CAUSE.WORKFLOW_TASK_FAILED_CAUSE_FORCE_CLOSE_COMMAND,
        _CAUSE.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND,
    }
)

# How the SDK begins to tell that a task was given up because it took two seconds. Ours take a few
# milliseconds of a processor, but an overloaded machine may have none for them. The task is done
# again, and code that really stood still would stand still again.
NO_PROCESSOR: Final = "[TMPRL1101]"


async def open_checkouts(client: Client) -> tuple[str, ...]:
    """Return the ids of the checkouts whose workflows run."""
    return tuple([checkout_id_of(row.id) async for row in client.list_workflows(_OPEN)])


async def latest_events(client: Client, checkout_id: str) -> str:
    """Return how each run of a checkout's workflow ends, in the words of its last events."""
    query = f"WorkflowId = '{checkout_workflow_id(checkout_id)}'"
    told = []
    async for row in client.list_workflows(query):
        run = client.get_workflow_handle(row.id, run_id=row.run_id)
        events = [event async for event in run.fetch_history_events()][-EVENTS_TOLD_MAX:]
        kinds = (
            f"{event.event_id} {event.event_time.ToDatetime():%H:%M:%S} "
            f"{EventType.Name(event.event_type).removeprefix('EVENT_TYPE_')}"
            for event in events
        )
        waiting = (await run.describe()).raw_description.pending_activities
        told.append(f"{', '.join(kinds)}, {len(waiting)} activities waiting")
    return " / ".join(told)


async def failed_tasks(client: Client) -> tuple[str, ...]:
    """Return why workflow tasks of checkouts failed, run by run; timeouts are no failures."""
    rows = client.list_workflows(_ALL)
    found: list[str] = []
    async with asyncio.TaskGroup() as tasks:
        for _ in range(_READ_AT_ONCE):
            tasks.create_task(_read_on(client, rows, found))
    return tuple(sorted(found))


async def _read_on(
    client: Client, rows: AsyncIterator[WorkflowExecution], found: list[str]
) -> None:
    while (row := await anext(rows, None)) is not None:
        handle = client.get_workflow_handle(row.id, run_id=row.run_id)
        async for event in handle.fetch_history_events():
            if event.event_type != EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
                continue
            task = event.workflow_task_failed_event_attributes
            is_failure = task.cause not in _NO_FAILURE
            if is_failure and not task.failure.message.startswith(NO_PROCESSOR):
                cause = _CAUSE.Name(task.cause)
                found.append(f"{row.id} {row.run_id}: {cause}: {task.failure.message}")
