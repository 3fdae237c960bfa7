"""Messages that meet: before, during and after the reserve, at the deadline, and one another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.service import RPCError, RPCStatusCode

from tests.workflows.blockade import blockade
from tests.workflows.histories import failed_tasks_of, kinds_of
from tests.workflows.stage import Stage, at_work, open_stage
from tests.workflows.till import Till, moment, refusal_of
from tests.workflows.waiting import until


@pytest.fixture
async def patient_stage(
    session_database_url: str, temporal_address: str, unique: str
) -> AsyncIterator[Stage]:
    """A stage whose database lets a call wait for a lock as long as the test takes."""
    async with (
        open_stage(
            session_database_url,
            temporal_address,
            unique,
            lock_timeout_ms=60_000,
            statement_timeout_ms=60_000,
        ) as stage,
        at_work(stage),
    ):
        yield stage


async def admitted(till: Till, checkout_id: str, name: str, message: Any) -> asyncio.Task[Any]:
    """Send an update and wait until the server has it in its queue, though nobody serves it."""
    handle = till.handle(checkout_id)
    update_id = f"{name}-{id(message)}"
    sent = asyncio.ensure_future(handle.execute_update(name, message, id=update_id))
    await until(lambda: till.is_known(checkout_id, update_id))
    return sent


def _created_at(stage: Stage, checkout_id: str) -> datetime:
    ((created_at,),) = stage.shop.sql(
        "SELECT created_at FROM holdfast.reservations WHERE checkout_id = :id", id=checkout_id
    )
    assert isinstance(created_at, datetime)
    return created_at


# --- before the reserve --------------------------------------------------------------------------


async def test_a_cancellation_before_the_reserve_holds_nothing(idle_stage: Stage, unique: str):
    till, sku = idle_stage.till, idle_stage.stock(unique, 5)
    await till.start(unique, {sku: 2})
    await till.signal(unique, "cancel", {"reason": "at once"})
    async with at_work(idle_stage):
        assert (await till.result(unique))["status"] == "cancelled"
    assert idle_stage.shop.movements(unique) == []
    assert idle_stage.shop.status(unique) == "cancelled"


async def test_a_workflow_cancelled_before_the_reserve_holds_nothing(
    idle_stage: Stage, unique: str
):
    till, sku = idle_stage.till, idle_stage.stock(unique, 5)
    handle = await till.start(unique, {sku: 2})
    await handle.cancel(reason="at once")
    async with at_work(idle_stage):
        assert (await till.result(unique))["status"] == "cancelled"
    assert idle_stage.shop.figures(sku) == (5, 0, 5)


async def test_a_payment_before_the_reserve_fulfils_it(idle_stage: Stage, unique: str):
    till, sku = idle_stage.till, idle_stage.stock(unique, 5)
    await till.start(unique, {sku: 2})
    paid = await admitted(till, unique, "confirm", {"payment_reference": f"pay-{unique}"})
    async with at_work(idle_stage):
        assert (await paid)["status"] == "fulfilled"
    assert idle_stage.shop.figures(sku) == (3, 0, 3)


async def test_a_payment_before_a_denial_is_told_of_the_denial(idle_stage: Stage, unique: str):
    till, sku = idle_stage.till, idle_stage.stock(unique, 1)
    await till.start(unique, {sku: 2})
    paid = await admitted(till, unique, "confirm", {"payment_reference": f"pay-{unique}"})
    async with at_work(idle_stage):
        assert (await paid)["status"] == "denied"


async def test_an_extension_before_the_reserve_is_made_once_it_is_held(
    idle_stage: Stage, unique: str
):
    till, sku = idle_stage.till, idle_stage.stock(unique, 5)
    await till.start(unique, {sku: 2})
    await till.signal(unique, "extend", {"seconds": 60})
    async with at_work(idle_stage):
        held = await till.reserve(unique, {sku: 2})
        await till.until_event(unique, "extended")
        report = await till.status(unique)
        await till.cancel(unique)
    assert moment(report["expires_at"]) == _created_at(idle_stage, unique) + timedelta(seconds=960)
    assert held["status"] == "held"


async def test_an_extension_before_a_cancellation_before_the_reserve_has_no_hold_to_extend(
    idle_stage: Stage, unique: str
):
    till, sku = idle_stage.till, idle_stage.stock(unique, 5)
    handle = await till.start(unique, {sku: 2})
    extended = await admitted(till, unique, "extend_hold", {"seconds": 60})
    cancelled = await admitted(till, unique, "cancel_hold", {"reason": "at once"})
    async with at_work(idle_stage):
        assert (await cancelled)["status"] == "cancelled"
        assert (await refusal_of(extended)).type == "HoldNotActive"
        assert not await failed_tasks_of(handle)


@pytest.mark.parametrize(
    ("first", "outcome"), [("confirm", "fulfilled"), ("cancel_hold", "cancelled")]
)
async def test_of_payment_and_cancellation_the_first_in_the_queue_counts_and_both_are_told(
    idle_stage: Stage, unique: str, first: str, outcome: str
):
    till, sku = idle_stage.till, idle_stage.stock(unique, 5)
    await till.start(unique, {sku: 2})
    messages = {"confirm": {"payment_reference": f"pay-{unique}"}, "cancel_hold": {"reason": "no"}}
    order = [first, *(name for name in messages if name != first)]
    sent = [await admitted(till, unique, name, messages[name]) for name in order]
    async with at_work(idle_stage):
        answers = await asyncio.gather(*sent)
    assert [answer["status"] for answer in answers] == [outcome, outcome]
    assert idle_stage.shop.status(unique) == outcome


async def test_two_payments_get_the_one_answer(idle_stage: Stage, unique: str):
    till, sku = idle_stage.till, idle_stage.stock(unique, 5)
    await till.start(unique, {sku: 2})
    sent = [
        await admitted(till, unique, "confirm", {"payment_reference": reference})
        for reference in (f"{unique}-1", f"{unique}-2")
    ]
    async with at_work(idle_stage):
        first, second = await asyncio.gather(*sent)
    assert first == second
    assert first["payment_reference"] == f"{unique}-1"
    assert idle_stage.shop.figures(sku) == (3, 0, 3)


# --- during the reserve --------------------------------------------------------------------------


async def test_a_cancellation_during_the_reserve_takes_back_what_was_held(
    patient_stage: Stage, unique: str
):
    till, sku = patient_stage.till, patient_stage.stock(unique, 5)
    with blockade(patient_stage.shop, sku) as block:
        await till.start(unique, {sku: 2})
        await block.until_waiting()
        await till.signal(unique, "cancel", {"reason": "during"})
        block.lift()
        assert (await till.result(unique))["status"] == "cancelled"
    assert patient_stage.shop.figures(sku) == (5, 0, 5)


async def test_a_cancellation_does_not_wait_for_a_slow_reserve_and_no_late_one_holds_anything(
    patient_stage: Stage, unique: str
):
    till, sku = patient_stage.till, patient_stage.stock(unique, 5)
    with blockade(patient_stage.shop, sku) as block:
        handle = await till.start(unique, {sku: 2})
        # The quick try inside the workflow task is given up; then it waits where all can see it.
        await until(lambda: _has(handle, "ACTIVITY_TASK_SCHEDULED"))
        await till.signal(unique, "cancel", {"reason": "too slow"})
        await until(lambda: _has(handle, "ACTIVITY_TASK_CANCEL_REQUESTED"))
        block.lift()
        assert (await till.result(unique))["status"] == "cancelled"
    await until(lambda: block.waiting() == 0)
    assert patient_stage.shop.status(unique) == "cancelled"
    assert patient_stage.shop.figures(sku) == (5, 0, 5)
    assert not await failed_tasks_of(handle)


async def _has(handle: Any, kind: str) -> bool:
    return kind in await kinds_of(handle)


async def test_a_payment_during_the_reserve_waits_for_it_and_fulfils(
    patient_stage: Stage, unique: str
):
    till, sku = patient_stage.till, patient_stage.stock(unique, 5)
    with blockade(patient_stage.shop, sku) as block:
        await till.start(unique, {sku: 2})
        await block.until_waiting()
        paid = await admitted(till, unique, "confirm", {"payment_reference": f"pay-{unique}"})
        block.lift()
        assert (await paid)["status"] == "fulfilled"
    assert patient_stage.shop.figures(sku) == (3, 0, 3)


async def test_an_extension_during_the_reserve_moves_its_deadline(
    patient_stage: Stage, unique: str
):
    till, sku = patient_stage.till, patient_stage.stock(unique, 5)
    with blockade(patient_stage.shop, sku) as block:
        await till.start(unique, {sku: 2})
        await block.until_waiting()
        extended = await admitted(till, unique, "extend_hold", {"seconds": 60})
        block.lift()
        answer = await extended
    created_at = _created_at(patient_stage, unique)
    assert moment(answer["expires_at"]) == created_at + timedelta(seconds=960)


async def test_a_payment_and_a_cancellation_during_the_reserve_have_one_outcome(
    patient_stage: Stage, unique: str
):
    till, sku = patient_stage.till, patient_stage.stock(unique, 5)
    with blockade(patient_stage.shop, sku) as block:
        await till.start(unique, {sku: 2})
        await block.until_waiting()
        paid = await admitted(till, unique, "confirm", {"payment_reference": f"pay-{unique}"})
        cancelled = await admitted(till, unique, "cancel_hold", {"reason": "too slow"})
        block.lift()
        answers = await asyncio.gather(paid, cancelled)
    assert answers[0] == answers[1]
    assert answers[0]["status"] == patient_stage.shop.status(unique)


# --- at the deadline -----------------------------------------------------------------------------

OFFSETS_MS = (-30, -15, -5, 0, 5, 15)


async def _sent_at_deadline(till: Till, checkout_id: str, sku: str, name: str, offset: int) -> Any:
    """Send a message so that it and the timer meet; return its answer, or None if it missed."""
    # Long enough for a busy machine to answer before that.
    held = await till.reserve(checkout_id, {sku: 1}, hold_seconds=10)
    due = moment(held["expires_at"]) + timedelta(milliseconds=offset)
    await asyncio.sleep((due - datetime.now(UTC)).total_seconds())
    messages = {"confirm": {"payment_reference": checkout_id}, "extend_hold": {"seconds": 1}}
    try:
        return await till.update(checkout_id, name, messages.get(name, {}))
    except RPCError as error:
        # Temporal loses an update to the end of the run now and then, and says so.
        if error.status not in {RPCStatusCode.NOT_FOUND, RPCStatusCode.FAILED_PRECONDITION}:
            raise
    except WorkflowUpdateFailedError as error:
        if getattr(error.cause, "type", "") != "HoldNotActive":
            raise
    return None


@pytest.mark.parametrize(
    ("name", "endings"),
    [
        ("confirm", {"fulfilled", "expired"}),
        ("cancel_hold", {"cancelled", "expired"}),
        ("extend_hold", {"expired"}),
    ],
)
async def test_a_message_that_meets_the_deadline_has_one_of_two_outcomes_and_the_ledger_agrees(
    stage: Stage, till: Till, unique: str, name: str, endings: set[str]
):
    sku = stage.stock(unique, len(OFFSETS_MS))
    ids = [f"{unique}-{offset}" for offset in OFFSETS_MS]
    answers = await asyncio.gather(
        *(
            _sent_at_deadline(till, id, sku, name, offset)
            for id, offset in zip(ids, OFFSETS_MS, strict=True)
        )
    )
    results = await asyncio.gather(*(till.result(id) for id in ids))
    for id, answer, result in zip(ids, answers, results, strict=True):
        assert result["status"] in endings
        assert stage.shop.status(id) == result["status"]
        assert name == "extend_hold" or answer in (None, result)
    sold = sum(result["status"] == "fulfilled" for result in results)
    assert stage.shop.figures(sku) == (len(ids) - sold, 0, len(ids) - sold)


# --- many at once --------------------------------------------------------------------------------


async def test_twelve_extensions_at_once_are_all_made_one_after_the_other(
    stage: Stage, till: Till, unique: str
):
    held = await till.reserve(unique, {stage.stock(unique, 5): 2})
    answers = await asyncio.gather(*(till.extend(unique, 10) for _ in range(12)))
    opening = moment(held["expires_at"])
    moved = sorted(moment(answer["expires_at"]) - opening for answer in answers)
    assert moved == [timedelta(seconds=10 * number) for number in range(1, 13)]


async def test_more_signals_than_may_wait_are_noted_and_none_is_lost_silently(
    idle_stage: Stage, unique: str
):
    till, sku = idle_stage.till, idle_stage.stock(unique, 5)
    handle = await till.start(unique, {sku: 2})
    for _ in range(101):
        await till.signal(unique, "extend", {"seconds": 1})
    await handle.cancel(reason="enough")
    async with at_work(idle_stage):
        assert (await till.result(unique))["status"] == "cancelled"
        events = (await till.status(unique))["events"]
    assert any(
        event["event"] == "signal ignored" and "too many" in event["reason"] for event in events
    )


# --- a worker that stops -------------------------------------------------------------------------


@pytest.mark.parametrize("shutdown_grace_seconds", [20.0, 0.0])
async def test_a_payment_outlives_the_worker_that_was_at_it(
    session_database_url: str, temporal_address: str, unique: str, shutdown_grace_seconds: float
):
    async with (
        open_stage(
            session_database_url,
            temporal_address,
            unique,
            shutdown_grace_seconds=shutdown_grace_seconds,
        ) as stage,
        AsyncExitStack() as first_worker,
    ):
        till, sku = stage.till, stage.stock(unique, 5)
        worker = await first_worker.enter_async_context(at_work(stage))
        await till.reserve(unique, {sku: 2})
        with blockade(stage.shop, sku) as block:
            paid = asyncio.ensure_future(till.confirm(unique))
            await block.until_waiting()
            stopped = asyncio.ensure_future(first_worker.aclose())
            await until(lambda: not worker.is_running or worker.is_shutdown)
            block.lift()
        await stopped
        async with at_work(stage):
            assert (await paid)["status"] == "fulfilled"
        assert stage.shop.movements(unique) == [("reserve", 0, 2), ("fulfil", -2, -2)]


async def test_an_open_hold_outlives_its_worker(idle_stage: Stage, unique: str):
    till, sku = idle_stage.till, idle_stage.stock(unique, 5)
    async with at_work(idle_stage):
        held = await till.reserve(unique, {sku: 2})
    async with at_work(idle_stage):
        assert await till.reserve(unique, {sku: 2}) == held
        assert (await till.confirm(unique))["status"] == "fulfilled"
