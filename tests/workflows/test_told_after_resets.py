"""Somebody resets a checkout of which more was told than it knows by then: no answer is taken back.

A reset takes a run back to an earlier point. Whatever was told since, by the run before or by who
settled the checkout while its workflow was gone, only the ledger knows.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import pytest
from temporalio.api.enums.v1 import ResetReapplyExcludeType

from tests.workflows.histories import failed_tasks_of, kinds_of
from tests.workflows.stage import Stage, at_work
from tests.workflows.test_replay import replayer
from tests.workflows.test_resets import reset
from tests.workflows.test_settlement import pay, stands
from tests.workflows.till import request
from tests.workflows.waiting import until

WITHOUT_UPDATES: Final = ResetReapplyExcludeType.RESET_REAPPLY_EXCLUDE_TYPE_UPDATE
# The task in which it is paid; by the one before it is held.
PAID: Final = 2


async def _ask_again(stage: Stage, message: Any) -> asyncio.Task[Any]:
    """Reserve again while no worker is there, and return the answer that is to come."""
    checkout_id, id = message["checkout_id"], "once more"
    asking = asyncio.create_task(stage.till.ask(message, id=id))
    await until(lambda: stage.till.is_known(checkout_id, id))
    return asking


async def _replays(stage: Stage, checkout_id: str) -> None:
    history = await stage.till.handle(checkout_id).fetch_history()
    await replayer().replay_workflow(history)


@pytest.mark.parametrize("excluding", [None, WITHOUT_UPDATES], ids=["with it", "without it"])
async def test_who_reserves_again_as_a_paid_checkout_is_reset_is_told_that_it_is_paid(
    idle_stage: Stage, unique: str, excluding: ResetReapplyExcludeType.ValueType | None
):
    """In the very task that begins anew, whether or not the payment comes again in it."""
    stage, message = idle_stage, request(unique, {idle_stage.stock(unique, 5): 2})
    async with at_work(stage):
        await stage.till.ask(message)
        paid = await stage.till.confirm(unique)
    await reset(stage, unique, excluding, task=PAID)
    asking = await _ask_again(stage, message)
    async with at_work(stage):
        assert await asking == paid
        assert await stage.till.result(unique) == paid
    await _replays(stage, unique)
    assert await failed_tasks_of(stage.till.handle(unique)) == ["by hand"]


async def test_what_was_settled_elsewhere_is_told_by_a_run_that_was_reset(
    stage: Stage, unique: str
):
    """Nobody asks it: the page of the checkout, its result and who looks for it are right."""
    till, sku = stage.till, stage.stock(unique, 5)
    await till.reserve(unique, {sku: 2})
    await till.extend(unique, 60)
    await till.handle(unique).terminate("by hand")
    paid = await pay(stage, unique)
    assert paid["status"] == "fulfilled"
    await reset(stage, unique, WITHOUT_UPDATES, task=2)
    assert {**await till.result(unique), "operation": "confirm"} == paid
    assert (await till.events(unique))[-1] == "fulfilled"
    assert stage.shop.figures(sku) == (3, 0, 3)


async def test_what_is_committed_since_is_told_by_a_run_that_was_reset_again_and_again(
    idle_stage: Stage, unique: str
):
    stage, message = idle_stage, request(unique, {idle_stage.stock(unique, 5): 2})
    async with at_work(stage):
        await stage.till.ask(message)
        committed = await stage.till.commit(unique)
    for _ in range(2):
        # Each time to where it was held, in the history of the run before.
        await reset(stage, unique, WITHOUT_UPDATES, task=PAID)
        asking = await _ask_again(stage, message)
        async with at_work(stage):
            assert await asking == committed
            assert await stage.till.ask(message) == committed
            assert await stands(stage, unique, "committed")
        await _replays(stage, unique)
    async with at_work(stage):
        assert (await stage.till.ship(unique, "s-1"))["status"] == "fulfilled"
    await _replays(stage, unique)


async def test_a_run_that_was_reset_after_its_first_reset_asks_the_ledger_once_more(
    idle_stage: Stage, unique: str
):
    """Where the ledger said that it was held, after the first."""
    stage, message = idle_stage, request(unique, {idle_stage.stock(unique, 5): 2})
    till = stage.till
    async with at_work(stage):
        await till.ask(message)
    await reset(stage, unique, WITHOUT_UPDATES)
    async with at_work(stage):
        assert (await till.ask(message))["status"] == "held"
        paid = await till.confirm(unique)
    tasks = (await kinds_of(till.handle(unique))).count("WORKFLOW_TASK_COMPLETED")
    await reset(stage, unique, WITHOUT_UPDATES, task=tasks)
    asking = await _ask_again(stage, message)
    async with at_work(stage):
        assert await asking == paid
        assert await till.result(unique) == paid
    await _replays(stage, unique)
