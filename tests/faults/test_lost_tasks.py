"""A worker that stops takes along a task that Temporal has just given it; others work on."""

from __future__ import annotations

import asyncio
from typing import Final

import pytest
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import PollWorkflowTaskQueueRequest

from holdfast_client.client import ReservationClient
from holdfast_client.contract.outcomes import Held, Unavailable
from tests.limits import HANG_SECONDS
from tests.workflows.histories import kinds_of
from tests.workflows.stage import Stage, at_work

# Temporal gives a lost task to another worker after eight seconds, two before the shopper is gone.
# Where a busy machine is later than that, somebody else asks.
SHOPPERS_MAX: Final = 5


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


async def _is_held_and_paid(stage: Stage, checkout_id: str, sku: str) -> bool:
    """Lose the first task of a reserve, and pay if it is held; say whether it was."""
    client = ReservationClient(
        stage.client, task_queue=stage.till.task_queue, answer_timeout_seconds=HANG_SECONDS
    )
    asked = asyncio.create_task(client.reserve(checkout_id, [(sku, 1)]))
    await _take_one_task_and_forget_it(stage)
    async with at_work(stage):
        outcome = await asked
        assert isinstance(outcome, Held | Unavailable)
        assert "WORKFLOW_TASK_TIMED_OUT" in await kinds_of(stage.till.handle(checkout_id))
        if isinstance(outcome, Held):
            await client.confirm(checkout_id, f"pay-{checkout_id}")
        # Or the task that is lost next would be one of this checkout.
        await stage.till.result(checkout_id)
    return isinstance(outcome, Held)


async def test_a_reserve_whose_first_task_was_lost_is_held_while_its_shopper_waits(
    stage: Stage, unique: str
):
    sku = stage.stock(unique, 5)
    for number in range(SHOPPERS_MAX):
        if await _is_held_and_paid(stage, f"{unique}-{number}", sku):
            break
    else:
        pytest.fail("nobody's first task came again in time")
    assert stage.shop.figures(sku) == (4, 0, 4)
