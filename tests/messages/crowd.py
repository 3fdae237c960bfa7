"""Sending very many messages, a bounded number of them at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final, TypeVar

from temporalio.api.enums.v1 import WorkflowTaskFailedCause
from temporalio.client import Client, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from soak.histories import NO_PROCESSOR
from tests.workflows.histories import events_of, kind
from tests.workflows.waiting import until

CaseT = TypeVar("CaseT")
AnswerT = TypeVar("AnswerT")

# The server takes ten updates of one workflow at a time, and refuses more for a moment.
UPDATES_IN_FLIGHT_MAX: Final = 10
# The last where the server itself puts off the end of a run, and the updates that came with it.
_NOT_TAKEN: Final = (
    RPCStatusCode.UNAVAILABLE,
    RPCStatusCode.RESOURCE_EXHAUSTED,
    RPCStatusCode.ABORTED,
    RPCStatusCode.FAILED_PRECONDITION,
)
_PUT_OFF: Final = (
    WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND,
    WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_FORCE_CLOSE_COMMAND,
)


async def at_once(
    senders: int, cases: Iterable[CaseT], send: Callable[[CaseT], Awaitable[Any]]
) -> list[Any]:
    """Send every case, so many at a time, and return the answers in no order."""
    left = iter(cases)

    async def sender() -> list[Any]:
        return [await send(case) for case in left]

    answers = await asyncio.gather(*(sender() for _ in range(senders)))
    return [answer for several in answers for answer in several]


async def insisting(ask: Callable[[], Awaitable[AnswerT]]) -> AnswerT:
    """Ask until it is taken, as a client does: each time for the same update."""

    async def taken() -> tuple[AnswerT] | None:
        try:
            return (await ask(),)
        except RPCError as error:
            if error.status not in _NOT_TAKEN:
                raise
        return None

    answer: AnswerT = (await until(taken))[0]
    return answer


async def answer_of(
    handle: WorkflowHandle[Any, Any], name: str, arguments: list[Any], update_id: str
) -> Any:
    """Send an update; return its answer, or the type of the failure that refused it."""
    try:
        return await insisting(lambda: handle.execute_update(name, args=arguments, id=update_id))
    except WorkflowUpdateFailedError as error:
        return refusal_type(error)


def refusal_type(error: WorkflowUpdateFailedError) -> str:
    """Return the type of the failure that refused an update."""
    cause = error.cause
    assert isinstance(cause, ApplicationError), cause
    return str(cause.type)


def says_gone(error: RPCError) -> bool:
    """Say that no such workflow runs, or raise what else went wrong."""
    if error.status is not RPCStatusCode.NOT_FOUND:
        raise error
    return True


async def runs_of(client: Client, workflow_id: str) -> list[WorkflowHandle[Any, Any]]:
    """Return every run of a workflow, the last first, following what continued it as new."""
    handle, runs = client.get_workflow_handle(workflow_id), []
    while True:
        runs.append(handle)
        (start,) = [e for e in await events_of(handle) if kind(e) == "WORKFLOW_EXECUTION_STARTED"]
        before = start.workflow_execution_started_event_attributes.continued_execution_run_id
        if not before:
            return runs
        handle = client.get_workflow_handle(workflow_id, run_id=before)


async def failed_tasks_of_all_runs(client: Client, workflow_id: str) -> list[str]:
    """Return why tasks of any run failed.

    Not those by which the server itself puts off the end of a run for which a message arrived at
    the last moment: it is how Temporal sees to it that no message is lost. And not those for which
    an overloaded machine had no processor.
    """
    return [
        attributes.failure.message
        for run in await runs_of(client, workflow_id)
        for event in await events_of(run)
        if kind(event) == "WORKFLOW_TASK_FAILED"
        and not _was_put_off(attributes := event.workflow_task_failed_event_attributes)
        and not attributes.failure.message.startswith(NO_PROCESSOR)
    ]


def _was_put_off(attributes: Any) -> bool:
    return bool(attributes.cause in _PUT_OFF)
