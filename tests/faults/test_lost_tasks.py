"""A worker that stops takes along a task that Temporal has just given it; others work on."""

from __future__ import annotations

import asyncio

from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import PollWorkflowTaskQueueRequest

from holdfast_client.client import ReservationClient
from holdfast_client.contract.outcomes import Held
from tests.workflows.histories import kinds_of
from tests.workflows.stage import Stage, at_work


async def _take_one_task_and_forget_it(stage: Stage) -> None:
    """Be a worker for one task, and gone before it is looked at."""
    taken = await stage.client.workflow_service.poll_workflow_task_queue(
        PollWorkflowTaskQueueRequest(
            namespace=stage.client.namespace,
            task_queue=TaskQueue(name=stage.till.task_queue),
            identity="gone",
        )
    )
    assert taken.task_token


async def test_a_reserve_whose_first_task_was_lost_is_held_while_its_shopper_waits(
    stage: Stage, unique: str
):
    sku = stage.stock(unique, 5)
    client = ReservationClient(stage.client, task_queue=stage.till.task_queue)
    asked = asyncio.create_task(client.reserve(unique, [(sku, 1)]))
    await _take_one_task_and_forget_it(stage)
    async with at_work(stage):
        held = await asked
        assert isinstance(held, Held)
        assert "WORKFLOW_TASK_TIMED_OUT" in await kinds_of(stage.till.handle(unique))
        await client.confirm(unique, f"pay-{unique}")
    assert stage.shop.figures(sku) == (4, 0, 4)
