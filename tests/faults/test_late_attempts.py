"""An attempt that was given up and commits all the same, long after everybody went on without it.

The late attempt is real: its thread stands still before its transaction begins, Temporal gives it
up and tries again, and when the thread goes on it runs to its end.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from activities.inventory.records import ReservationState
from holdfast_client.contract.messages import CheckoutRequest
from holdfast_client.contract.outcomes import AdjustmentApplied, Denied, Held
from tests.faults.late_ledger import LateLedger, late_worker
from tests.workflows.stage import Stage
from tests.workflows.till import moment, request
from tests.workflows.waiting import until
from workflows import policies


@pytest.fixture
async def late(stage: Stage) -> AsyncIterator[LateLedger]:
    async with late_worker(stage) as ledger:
        yield ledger


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attempts given up after a second instead of ten, and a reserve instead of seven."""
    monkeypatch.setattr(policies, "ATTEMPT_TIMEOUT", timedelta(seconds=1))
    monkeypatch.setattr(policies, "RESERVE_RETRY_BUDGET", timedelta(seconds=1))


async def ended(ledger: LateLedger, attempts: int = 1) -> None:
    """Let the late attempts go and wait until they have committed."""
    ledger.let_go()
    await until(lambda: len(ledger.late_answers) == attempts)


async def test_a_reserve_that_commits_after_its_retry_holds_once(
    stage: Stage, late: LateLedger, unique: str
):
    sku = stage.stock(unique, 5)
    late.hold_back("reserve")
    held = await stage.till.reserve(unique, {sku: 2})
    await ended(late)
    assert late.late_answers[0].outcome.model_dump(mode="json") == held
    assert stage.shop.movements(unique) == [("reserve", 0, 2)]
    assert (await stage.till.confirm(unique))["status"] == "fulfilled"


@pytest.mark.parametrize("ending", ["fulfilled", "cancelled"])
async def test_a_reserve_that_commits_after_the_workflow_ended_holds_nothing(
    stage: Stage, late: LateLedger, unique: str, ending: str
):
    sku = stage.stock(unique, 5)
    late.hold_back("reserve")
    await stage.till.reserve(unique, {sku: 2})
    await (stage.till.confirm(unique) if ending == "fulfilled" else stage.till.cancel(unique))
    await stage.till.result(unique)
    await ended(late)
    assert late.late_answers[0].outcome.status == stage.shop.status(unique) == ending
    assert stage.shop.figures(sku).reserved == 0
    assert stage.ledger.audit() == ()


async def test_a_reserve_that_commits_after_it_was_given_up_finds_the_tombstone(
    stage: Stage, late: LateLedger, unique: str, impatient: None
):
    sku = stage.stock(unique, 5)
    late.hold_back("reserve", attempts=100)
    assert await stage.till.reserve(unique, {sku: 2}) == {"status": "unavailable"}
    await stage.till.result(unique)
    await ended(late, attempts=late.arrived)
    assert {answer.outcome.status for answer in late.late_answers} == {"cancelled"}
    assert stage.shop.movements(unique) == []


@pytest.mark.parametrize("wanted", [2, 9])
async def test_a_reserve_whose_answer_is_lost_stays_as_its_shopper_was_told(
    stage: Stage, late: LateLedger, unique: str, wanted: int
):
    till, sku = stage.till, stage.stock(unique, 5)
    late.hold_back("reserve", attempts=100)
    handle = await till.start(unique, {sku: wanted})
    told = asyncio.create_task(till.reserve(unique, {sku: wanted}))
    await until(lambda: late.arrived)
    # What an attempt commits just before its answer is lost.
    asked = CheckoutRequest.model_validate(request(unique, {sku: wanted}))
    (decided,) = stage.ledger.reserve([asked])
    assert isinstance(decided, ReservationState)
    assert isinstance(decided.outcome, Held if wanted == 2 else Denied)
    assert await told == {"status": "unavailable"}
    assert await handle.result() == {"status": "unavailable"}
    assert stage.shop.figures(sku) == (5, 0, 5)


async def test_a_reserve_that_commits_after_its_cancellation_finds_the_tombstone(
    stage: Stage, late: LateLedger, unique: str
):
    sku = stage.stock(unique, 5)
    late.hold_back("reserve", attempts=100)
    await stage.till.start(unique, {sku: 2})
    await until(lambda: late.arrived)
    await stage.till.signal(unique, "cancel", {"reason": "too slow"})
    assert (await stage.till.result(unique))["status"] == "cancelled"
    await ended(late, attempts=late.arrived)
    assert {answer.outcome.status for answer in late.late_answers} == {"cancelled"}
    assert stage.shop.movements(unique) == []


async def test_a_reserve_that_commits_after_the_termination_is_freed_at_its_deadline(
    stage: Stage, late: LateLedger, unique: str
):
    sku = stage.stock(unique, 5)
    late.hold_back("reserve", attempts=100)
    handle = await stage.till.start(unique, {sku: 2}, hold_seconds=60)
    await until(lambda: late.arrived)
    await handle.terminate("by hand")
    late.let_go()
    await until(lambda: late.late_answers)
    assert isinstance(late.late_answers[0].outcome, Held)
    assert stage.shop.figures(sku) == (5, 2, 3)
    stage.turn_clock(60 + 61)
    result = await stage.client.execute_workflow(
        "ReconcileWorkflow", id=f"reconcile-{unique}", task_queue=stage.till.task_queue
    )
    assert result == {"released": 1, "overdue": 0, "drift": []}
    assert stage.shop.figures(sku) == (5, 0, 5)


@pytest.mark.parametrize(("pays", "ending"), [(True, "fulfilled"), (False, "cancelled")])
async def test_an_ending_that_commits_after_its_retry_is_made_once(
    stage: Stage, late: LateLedger, unique: str, pays: bool, ending: str
):
    till, sku = stage.till, stage.stock(unique, 5)
    await till.reserve(unique, {sku: 2})
    late.hold_back("close")
    answer = await (till.confirm(unique) if pays else till.cancel(unique))
    assert await till.result(unique) == answer
    await ended(late)
    assert late.late_answers[0].outcome.status == ending
    assert len(stage.shop.movements(unique)) == 2
    assert stage.ledger.audit() == ()


async def test_an_extension_that_commits_after_its_retry_moves_the_deadline_once(
    stage: Stage, late: LateLedger, unique: str, impatient: None
):
    till, sku = stage.till, stage.stock(unique, 5)
    held = await till.reserve(unique, {sku: 2})
    late.hold_back("extend")
    extended = await till.extend(unique, 600)
    await ended(late)
    moved = moment(extended["expires_at"]) - moment(held["expires_at"])
    assert moved == timedelta(seconds=600)
    assert (await till.reserve(unique, {sku: 2})) == extended
    (row,) = stage.shop.sql("SELECT expires_at FROM holdfast.reservations")
    assert row.expires_at == moment(extended["expires_at"])
    await till.cancel(unique)


async def test_an_extension_that_commits_after_the_end_revives_nothing(
    stage: Stage, late: LateLedger, unique: str, impatient: None
):
    till, sku = stage.till, stage.stock(unique, 5)
    await till.reserve(unique, {sku: 2})
    late.hold_back("extend")
    await till.extend(unique, 600)
    await till.cancel(unique)
    await ended(late)
    # It was made by the attempt after it, and once is enough.
    assert late.late_answers[0].verdict == "extended"
    assert late.late_answers[0].state.outcome.status == "cancelled"
    assert len(stage.shop.extensions(unique)) == 1
    assert stage.shop.status(unique) == "cancelled"
    assert stage.shop.figures(sku) == (5, 0, 5)


async def test_a_delivery_that_commits_after_its_retry_counts_once(
    stage: Stage, late: LateLedger, unique: str, impatient: None
):
    sku = stage.stock(unique, 5)
    late.hold_back("adjust")
    result = await stage.client.execute_workflow(
        "AdjustStockWorkflow",
        {"adjustment_id": unique, "sku": sku, "kind": "receive", "quantity": 7},
        id=f"stock/{unique}",
        task_queue=stage.till.task_queue,
    )
    await ended(late)
    (answer,) = late.late_answers
    assert isinstance(answer, AdjustmentApplied)
    assert answer.model_dump(mode="json") == result
    assert stage.shop.figures(sku) == (12, 0, 12)
    assert stage.ledger.audit() == ()
