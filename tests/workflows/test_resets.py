"""Support resets a checkout: what was done already is not done again."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any, Final

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType, ResetReapplyExcludeType
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import WorkflowHandle

from tests.inventory.shop import Shop
from tests.workflows.blockade import blockade
from tests.workflows.histories import failed_tasks_of, kinds_of
from tests.workflows.stage import Stage, at_work
from tests.workflows.test_replay import replayer
from tests.workflows.till import moment, refusal_of
from tests.workflows.waiting import until
from workflows import policies

BRIEF: Final = timedelta(seconds=2)
EXTEND = {"seconds": 600, "reason": "on the phone", "actor": "sam"}


async def reset(
    stage: Stage,
    checkout_id: str,
    excluding: ResetReapplyExcludeType.ValueType | None = None,
    *,
    task: int = 1,
    run_id: str | None = None,
    workflow_id: str | None = None,
) -> None:
    """Begin anew from a workflow task, the first unless said; what came since comes again.

    Of the checkout's own workflow and its last run unless said.
    """
    id = workflow_id or f"checkout/{checkout_id}"
    handle = stage.client.get_workflow_handle(id, run_id=run_id)
    history = await handle.fetch_history()
    tasks = [
        event.event_id
        for event in history.events
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
    ]
    await stage.client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=stage.client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=handle.id, run_id=run_id or ""),
            reason="by hand",
            workflow_task_finish_event_id=tasks[task - 1],
            request_id=f"{checkout_id}-{len(history.events)}",
            reset_reapply_exclude_types=[excluding] if excluding else [],
        )
    )


def _deadline(shop: Shop, checkout_id: str) -> datetime:
    (row,) = shop.sql(
        "SELECT expires_at FROM holdfast.reservations WHERE checkout_id = :id", id=checkout_id
    )
    deadline: datetime = row.expires_at
    return deadline


async def _extended(stage: Stage, checkout_id: str) -> datetime:
    """Hold, extend by update and by two equal signals, and return the deadline in the database."""
    till = stage.till
    held = await till.reserve(checkout_id, {stage.stock(checkout_id, 5): 2})
    await till.extend(checkout_id, 300)
    for _ in range(2):
        await till.signal(checkout_id, "extend", EXTEND)
    await till.until_event(checkout_id, "extended", 3)
    deadline = _deadline(stage.shop, checkout_id)
    assert deadline - moment(held["expires_at"]) == timedelta(seconds=1_500)
    return deadline


async def test_a_checkout_that_is_reset_does_not_extend_its_hold_again(stage: Stage, unique: str):
    deadline = await _extended(stage, unique)
    records = stage.shop.extensions(unique)
    await reset(stage, unique)
    await stage.till.until_event(unique, "extended", 3)
    assert _deadline(stage.shop, unique) == deadline
    assert stage.shop.extensions(unique) == records
    assert moment((await stage.till.status(unique))["expires_at"]) == deadline
    assert await failed_tasks_of(stage.till.handle(unique)) == ["by hand"]
    assert (await stage.till.confirm(unique))["status"] == "fulfilled"


async def test_what_comes_again_after_a_reset_is_served_in_the_order_in_which_it_replays(
    stage: Stage, unique: str
):
    """By the next worker, too: Temporal replays updates after signals that came later."""
    await _extended(stage, unique)
    await reset(stage, unique)
    await stage.till.until_event(unique, "extended", 3)
    await replayer().replay_workflow(await stage.till.handle(unique).fetch_history())
    await stage.till.cancel(unique)


async def test_an_extension_after_a_reset_is_one_more(stage: Stage, unique: str):
    deadline = await _extended(stage, unique)
    await reset(stage, unique)
    await stage.till.until_event(unique, "extended", 3)
    await stage.till.signal(unique, "extend", EXTEND)
    await stage.till.until_event(unique, "extended", 4)
    assert _deadline(stage.shop, unique) - deadline == timedelta(seconds=600)
    await stage.till.extend(unique, 60)
    assert _deadline(stage.shop, unique) - deadline == timedelta(seconds=660)


async def test_after_a_reset_without_its_signals_an_equal_one_is_taken_for_the_first(
    stage: Stage, unique: str
):
    """The limit that docs/lifecycle.md names."""
    deadline = await _extended(stage, unique)
    await reset(stage, unique, ResetReapplyExcludeType.RESET_REAPPLY_EXCLUDE_TYPE_SIGNAL)
    await stage.till.until_event(unique, "extended")
    await stage.till.signal(unique, "extend", EXTEND)
    await stage.till.until_event(unique, "extended", 2)
    assert _deadline(stage.shop, unique) == deadline
    await stage.till.signal(unique, "extend", {**EXTEND, "reason": "once more"})
    await until(lambda: _deadline(stage.shop, unique) > deadline)


async def test_an_update_id_that_no_database_could_keep_extends_once_and_wedges_nothing(
    stage: Stage, unique: str
):
    await stage.till.reserve(unique, {stage.stock(unique, 5): 2})
    before = _deadline(stage.shop, unique)
    handle = stage.till.handle(unique)
    for _ in range(2):
        await handle.execute_update("extend_hold", {"seconds": 60}, id="\u00fc" * 400)
    assert _deadline(stage.shop, unique) - before == timedelta(seconds=60)
    ((id, _, _),) = stage.shop.extensions(unique)
    assert id.startswith("update-")


async def test_what_was_refused_stays_refused_after_a_reset(stage: Stage, unique: str):
    till, sku = stage.till, stage.stock(unique, 5)
    other = f"{unique}-other"
    await till.reserve(unique, {sku: 2})
    await till.reserve(other, {sku: 3})
    for wish in (
        till.amend(unique, {sku: 3}),
        till.ship(unique, "s-1", {sku: 1}),
        till.give_back(unique, {sku: 3}),
        till.amend(unique, {sku: 1}, revision=2),
        till.extend(unique, 20_000),
    ):
        await refusal_of(wish)
    await till.cancel(other)
    await till.amend(unique, {sku: 5})
    await till.commit(unique)
    movements, deadline = stage.shop.movements(unique), _deadline(stage.shop, unique)
    await reset(stage, unique)
    await until(lambda: _count(till.handle(unique), "WORKFLOW_EXECUTION_UPDATE_COMPLETED", 8))
    assert stage.shop.movements(unique) == movements == [("reserve", 0, 2), ("amend", 0, 3)]
    assert _deadline(stage.shop, unique) == deadline
    again = await refusal_of(till.ship(unique, "s-1", {sku: 1}))
    assert (again.type, again.details[0]["standing"]["status"]) == ("HoldNotActive", "held")
    assert (await till.ship(unique, "s-2"))["status"] == "fulfilled"


async def test_a_reserve_that_waited_when_it_was_reset_is_given_up_where_no_worker_came_in_time(
    idle_stage: Stage, unique: str, monkeypatch: pytest.MonkeyPatch
):
    """Temporal forgets to end it: without the workflow's own bound it stays open for ever."""
    monkeypatch.setattr(policies, "RESERVE_RETRY_BUDGET", BRIEF)
    monkeypatch.setattr(policies, "RESERVE_GUARD", 2 * BRIEF)
    till, sku = idle_stage.till, idle_stage.stock(unique, 5)
    with blockade(idle_stage.shop, sku):
        async with at_work(idle_stage):
            handle = await till.start(unique, {sku: 1})
            await until(lambda: _count(handle, "ACTIVITY_TASK_SCHEDULED", 1))
            await till.signal(unique, "extend", {"seconds": 60})
            await until(lambda: _count(handle, "WORKFLOW_TASK_COMPLETED", 2))
        await reset(idle_stage, unique, task=2)
        await asyncio.sleep(BRIEF.total_seconds())
    async with at_work(idle_stage):
        assert await till.result(unique) == {"status": "unavailable"}
    assert idle_stage.shop.figures(sku) == (5, 0, 5)


async def _count(handle: WorkflowHandle[Any, Any], kind: str, least: int) -> bool:
    return (await kinds_of(handle)).count(kind) >= least
