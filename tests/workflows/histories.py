"""Reading what Temporal recorded of a workflow."""

from __future__ import annotations

import json
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import WorkflowHandle

from soak.histories import NO_PROCESSOR
from tests.workflows.waiting import queried

_FAILED_TASK = "WORKFLOW_TASK_FAILED"


async def events_of(handle: WorkflowHandle[Any, Any]) -> list[HistoryEvent]:
    return list((await handle.fetch_history()).events)


def kind(event: HistoryEvent) -> str:
    """Return an event's type as people spell it, such as ``TIMER_STARTED``."""
    return EventType.Name(event.event_type).removeprefix("EVENT_TYPE_")


async def kinds_of(handle: WorkflowHandle[Any, Any]) -> list[str]:
    return [kind(event) for event in await events_of(handle)]


async def failed_tasks_of(handle: WorkflowHandle[Any, Any]) -> list[str]:
    """Return why workflow tasks failed: what nothing that anybody sends may ever cause."""
    messages = [
        event.workflow_task_failed_event_attributes.failure.message
        for event in await events_of(handle)
        if kind(event) == _FAILED_TASK
    ]
    return [message for message in messages if not message.startswith(NO_PROCESSOR)]


def read_json(payload: Payload) -> Any:
    """Read a payload that must be plain JSON."""
    assert payload.metadata["encoding"] == b"json/plain"
    return json.loads(payload.data)


async def details_of(handle: WorkflowHandle[Any, Any]) -> str:
    """Return the workflow's current details, which the Web UI shows as markdown."""
    metadata: WorkflowMetadata = await queried(
        handle, "__temporal_workflow_metadata", result_type=WorkflowMetadata
    )
    return metadata.current_details


async def summaries_of(handle: WorkflowHandle[Any, Any]) -> list[str]:
    """Return the summaries in the timeline, in order."""
    return [
        read_json(event.user_metadata.summary)
        for event in await events_of(handle)
        if event.user_metadata.HasField("summary")
    ]


async def waits_again(handle: WorkflowHandle[Any, Any]) -> bool:
    """Say whether a second timer was started."""
    return (await kinds_of(handle)).count("TIMER_STARTED") >= 2


async def has_gone_on(first: WorkflowHandle[Any, Any]) -> bool:
    """Say whether a run has ended by going on in a new one."""
    return (await kinds_of(first))[-1] == "WORKFLOW_EXECUTION_CONTINUED_AS_NEW"


async def asks_and_waits(handle: WorkflowHandle[Any, Any]) -> bool:
    """Say whether a call of the ledger has become a regular activity."""
    return "ACTIVITY_TASK_SCHEDULED" in await kinds_of(handle)
