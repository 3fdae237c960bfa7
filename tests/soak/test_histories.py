"""Which failed workflow tasks a chaos run may pass over: those that the server itself makes.

Each is brought about for real, so that the list holds nothing that never happens.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import WorkflowTaskFailedCause
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import WorkflowHandle

from soak.histories import failed_tasks
from tests.workflows.blockade import blockade
from tests.workflows.histories import events_of, kind
from tests.workflows.stage import Stage, at_work
from tests.workflows.waiting import until
from workflows import web_ui


@pytest.fixture
async def stage(idle_stage: Stage) -> AsyncIterator[Stage]:
    async with at_work(idle_stage, sandboxed=False):
        yield idle_stage


async def causes_of(handle: WorkflowHandle[Any, Any]) -> set[str]:
    """Return by which causes tasks of a workflow failed."""
    return {
        WorkflowTaskFailedCause.Name(event.workflow_task_failed_event_attributes.cause)
        for event in await events_of(handle)
        if kind(event) == "WORKFLOW_TASK_FAILED"
    }


async def reported(stage: Stage, checkout_id: str) -> list[str]:
    """Return what a chaos run would report of a checkout, once Temporal's index has it."""
    query = f"WorkflowId = 'checkout/{checkout_id}'"

    async def is_indexed() -> bool:
        return bool([row async for row in stage.client.list_workflows(query)])

    await until(is_indexed)
    found = await failed_tasks(stage.client)
    return [line for line in found if line.startswith(f"checkout/{checkout_id} ")]


async def test_a_task_that_was_under_way_when_somebody_ended_the_workflow_is_passed_over(
    stage: Stage, unique: str
):
    with blockade(stage.shop, stage.stock(unique, 5)) as block:
        handle = await stage.till.start(unique, {unique: 1})
        await block.until_waiting()
        await handle.terminate("by hand")
    assert await causes_of(handle) == {"WORKFLOW_TASK_FAILED_CAUSE_FORCE_CLOSE_COMMAND"}
    assert await reported(stage, unique) == []


async def test_the_task_at_which_somebody_reset_a_workflow_is_passed_over(
    stage: Stage, unique: str
):
    await stage.till.reserve(unique, {stage.stock(unique, 5): 1})
    handle = stage.till.handle(unique)
    tasks = [e.event_id for e in await events_of(handle) if kind(e) == "WORKFLOW_TASK_COMPLETED"]
    await stage.client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=stage.client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=handle.id),
            reason="by hand",
            workflow_task_finish_event_id=tasks[0],
            request_id=unique,
        )
    )
    await stage.till.confirm(unique)
    assert await causes_of(handle) == {"WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW"}
    assert await reported(stage, unique) == []


async def test_an_end_that_a_message_overtook_is_passed_over_and_made_again(
    stage: Stage, unique: str
):
    await stage.till.reserve(unique, {stage.stock(unique, 5): 1})
    handle = stage.till.handle(unique)
    with blockade(stage.shop, unique) as block:
        await stage.till.signal(unique, "cancel", {})
        await block.until_waiting()
        await stage.till.signal(unique, "extend", {"seconds": 60})
        block.lift()
        assert (await stage.till.result(unique))["status"] == "cancelled"
    assert await causes_of(handle) == {"WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND"}
    assert await reported(stage, unique) == []


async def test_a_task_that_failed_by_our_own_code_is_reported(
    stage: Stage, unique: str, monkeypatch: pytest.MonkeyPatch
):
    def broken(*_: Any, **__: Any) -> str:
        raise RuntimeError("a bug of ours")

    stage.stock(unique, 5)
    monkeypatch.setattr(web_ui, "reserve_summary", broken)
    handle = await stage.till.start(unique, {unique: 1})
    await until(lambda: causes_of(handle))
    # While the bug is there it goes no further, so it can be ended whenever that comes.
    await handle.terminate("by hand")
    line = (await reported(stage, unique))[0]
    assert "WORKFLOW_WORKER_UNHANDLED_FAILURE: a bug of ours" in line
