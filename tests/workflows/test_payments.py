"""Payments of one checkout by messages: in flight, late, twice, of others, and given back."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

import pytest
from jsonschema import validate

from schemas.__main__ import schemas
from tests.workflows.histories import failed_tasks_of, kinds_of
from tests.workflows.stage import Stage
from tests.workflows.test_resets import reset
from tests.workflows.till import Till, failure_of, moment, refusal_of
from tests.workflows.waiting import until


async def started(till: Till, checkout_id: str, seconds: int, payment: str = "", **how: Any) -> Any:
    message = {"payment_reference": payment or f"pay-{checkout_id}", "seconds": seconds}
    handle = till.handle(checkout_id)
    return await handle.execute_update("payment_started", message, **how)


async def ended(till: Till, checkout_id: str, payment: str = "") -> Any:
    message = {"payment_reference": payment or f"pay-{checkout_id}", "result": "failed"}
    return await till.update(checkout_id, "payment_ended", message)


async def test_a_payment_in_flight_keeps_the_hold_past_its_deadline(own_stage: Stage, unique: str):
    till, sku = own_stage.till, own_stage.stock(unique, 5)
    held = await till.reserve(unique, {sku: 2}, hold_seconds=60)
    answer = await started(till, unique, 300)
    assert answer == {**held, "paying_until": answer["paying_until"]}
    assert moment(answer["paying_until"]) > moment(held["expires_at"])
    own_stage.turn_clock(120)
    await own_stage.pass_time(till.handle(unique), 120)
    report = await till.status(unique)
    assert (report["status"], report["paying_until"]) == ("held", answer["paying_until"])
    assert [(p["payment_reference"], p["state"]) for p in report["payments"]] == [
        (f"pay-{unique}", "started")
    ]
    assert (await till.confirm(unique))["status"] == "fulfilled"
    assert own_stage.shop.figures(sku) == (3, 0, 3)
    assert not await failed_tasks_of(till.handle(unique))


async def test_the_hold_ends_with_its_last_pause_by_its_own_timer(own_stage: Stage, unique: str):
    till, sku = own_stage.till, own_stage.stock(unique, 5)
    await till.reserve(unique, {sku: 2}, hold_seconds=60)
    until_when = moment((await started(till, unique, 300))["paying_until"])
    own_stage.turn_clock(301)
    await own_stage.pass_time(till.handle(unique), 301)
    result = await till.result(unique)
    assert result["status"] == "expired"
    assert moment(result["at"]) >= until_when
    assert own_stage.shop.figures(sku) == (5, 0, 5)


async def test_a_payment_that_ends_past_the_deadline_ends_the_hold_at_once(
    own_stage: Stage, unique: str
):
    till, sku = own_stage.till, own_stage.stock(unique, 5)
    await till.reserve(unique, {sku: 2}, hold_seconds=60)
    await started(till, unique, 300)
    own_stage.turn_clock(120)
    assert (await ended(till, unique))["status"] == "expired"
    assert (await till.result(unique))["status"] == "expired"
    assert own_stage.shop.figures(sku) == (5, 0, 5)
    assert await till.events(unique) == ["held", "payment started", "payment ended", "expired"]


async def test_a_payment_that_ends_before_the_deadline_leaves_the_hold_as_it_was(
    stage: Stage, unique: str
):
    till = stage.till
    held = await till.reserve(unique, {stage.stock(unique, 5): 2})
    await started(till, unique, 3_600)
    assert await ended(till, unique) == held


async def test_a_payment_in_flight_costs_an_update_a_call_and_a_timer(stage: Stage, unique: str):
    till = stage.till
    await till.reserve(unique, {stage.stock(unique, 5): 2}, hold_seconds=60)
    # Whether the timer of the hold is there already, is for the server to say.
    await until(lambda: _has_timer(till, unique))
    for ask in (partial(started, till, unique, 300), partial(ended, till, unique)):
        before = await kinds_of(till.handle(unique))
        await ask()
        await until(partial(_has_timer, till, unique, before.count("TIMER_STARTED") + 1))
        new = (await kinds_of(till.handle(unique)))[len(before) :]
        billed = [
            kind
            for kind in new
            if kind in {"WORKFLOW_EXECUTION_UPDATE_ACCEPTED", "MARKER_RECORDED", "TIMER_STARTED"}
        ]
        assert len(billed) <= 3, new
        assert "ACTIVITY_TASK_SCHEDULED" not in new


async def _has_timer(till: Till, checkout_id: str, count: int = 1) -> bool:
    return (await kinds_of(till.handle(checkout_id))).count("TIMER_STARTED") >= count


async def test_what_cannot_be_waited_for_is_refused_by_name(stage: Stage, unique: str):
    till, sku = stage.till, stage.stock(unique, 5)
    held = await till.reserve(unique, {sku: 1}, hold_seconds=60)
    at_cap = await started(till, unique, 3_600)
    cap = (moment(at_cap["paying_until"]) - moment(held["expires_at"])).total_seconds()
    assert cap == 1_800
    refused = await refusal_of(started(till, unique, 3_600))
    assert (refused.type, refused.details[0]) == (
        "GraceRefused",
        {"cap_seconds": 1_800, "paying_until": at_cap["paying_until"]},
    )
    other = f"{unique}-2"
    await till.reserve(other, {sku: 1})
    taken = await refusal_of(started(till, other, 60, f"pay-{unique}"))
    details = {"payment_reference": f"pay-{unique}", "checkout_id": unique}
    assert (taken.type, taken.details[0]) == ("PaymentConflict", details)
    await till.commit(other)
    late = await refusal_of(started(till, other, 60))
    assert late.type == "HoldNotActive"
    assert late.details[0]["standing"]["status"] == "committed"
    for seconds in (0, 3_601, 1.0, "60"):
        bad = await refusal_of(started(till, unique, seconds))  # type: ignore[arg-type]
        assert (bad.type, bad.details[0]) == ("InvalidRequest", "seconds")
    assert await till.status(unique) == await till.status(unique)


async def test_a_payment_of_another_checkout_leaves_this_one_as_it_was(stage: Stage, unique: str):
    till, sku = stage.till, stage.stock(unique, 5)
    other = f"{unique}-2"
    for id in (unique, other):
        await till.reserve(id, {sku: 1})
    await till.confirm(unique)
    refused = await refusal_of(till.confirm(other, f"pay-{unique}"))
    details = {"payment_reference": f"pay-{unique}", "checkout_id": unique}
    assert (refused.type, refused.details[0]) == ("PaymentConflict", details)
    report = await till.status(other)
    assert (report["status"], report["payments"]) == ("held", [])
    assert (await till.confirm(other))["status"] == "fulfilled"
    assert not await failed_tasks_of(till.handle(other))


async def test_a_second_payment_is_due_back_and_goes_back_once(stage: Stage, unique: str):
    till, sku = stage.till, stage.stock(unique, 5)
    await till.reserve(unique, {sku: 1}, customer_id="u-17")
    await till.commit(unique)
    second = await till.confirm(unique, f"second-{unique}")
    assert second["duplicate_payment"]
    states = [(p["state"], p["reason"]) for p in (await till.status(unique))["payments"]]
    assert states == [("settled", ""), ("refund_due", "duplicate")]
    listed = await _ask(stage, "RefundsWorkflow", f"{unique}-1", {"limit": 200})
    validate(listed, schemas()["refunds"])
    (due,) = [r for r in listed["refunds"] if r["payment_reference"] == f"second-{unique}"]
    assert (due["checkout_id"], due["customer_id"], due["reason"]) == (unique, "u-17", "duplicate")
    message = {"payment_reference": f"second-{unique}", "actor": "sam"}
    done = await _ask(stage, "RefundDoneWorkflow", f"{unique}-2", message)
    validate(done, schemas()["refunded"])
    failure = await failure_of(_ask(stage, "RefundDoneWorkflow", f"{unique}-3", message))
    assert (failure.type, failure.details[0]["state"]) == ("RefundNotDue", "refunded")
    assert datetime.fromisoformat(failure.details[0]["at"]) == datetime.fromisoformat(done["at"])


@pytest.mark.parametrize("way", ["cancel", "release"])
async def test_the_payment_of_what_is_cancelled_is_due_back(stage: Stage, unique: str, way: str):
    till, sku = stage.till, stage.stock(unique, 5)
    await till.reserve(unique, {sku: 2})
    await till.commit(unique)
    await (till.cancel(unique) if way == "cancel" else till.give_back(unique, {sku: 2}))
    assert stage.shop.payment(f"pay-{unique}") == (unique, "refund_due", "cancelled")
    (payment,) = (await till.status(unique))["payments"]
    assert (payment["state"], payment["reason"]) == ("refund_due", "cancelled")


async def test_a_payment_that_comes_while_the_run_ends_is_put_down(idle_stage: Stage, unique: str):
    """All of them wait when the worker begins: what is served first ends the checkout."""
    from tests.workflows.stage import at_work  # for this one alone
    from tests.workflows.test_message_races import admitted

    till, sku = idle_stage.till, idle_stage.stock(unique, 5)
    await till.start(unique, {sku: 2})
    sent = [
        await admitted(till, unique, "cancel_hold", {"reason": "no"}),
        *[
            await admitted(till, unique, "confirm", {"payment_reference": f"{unique}-{n}"})
            for n in (1, 2)
        ],
    ]
    async with at_work(idle_stage):
        for update in sent:
            assert (await update)["status"] == "cancelled"
        report = await till.status(unique)
    for number in (1, 2):
        payment = idle_stage.shop.payment(f"{unique}-{number}")
        # Before the decision a cancellation leaves a tombstone: nothing was ever held.
        assert payment == (unique, "refund_due", "unknown_checkout")
    assert [p["state"] for p in report["payments"]] == ["refund_due"] * 2


async def test_a_payment_that_fails_while_the_run_ends_may_go_to_another_checkout(
    idle_stage: Stage, unique: str
):
    from tests.workflows.stage import at_work  # for this one and the one above
    from tests.workflows.test_message_races import admitted

    till, sku, payment = idle_stage.till, idle_stage.stock(unique, 5), f"pay-{unique}"
    async with at_work(idle_stage):
        await till.reserve(unique, {sku: 2})
        await started(till, unique, 300)
    cancelled = await admitted(till, unique, "cancel_hold", {"reason": "no"})
    message = {"payment_reference": payment, "result": "failed"}
    failed = await admitted(till, unique, "payment_ended", message)
    async with at_work(idle_stage):
        assert (await cancelled)["status"] == (await failed)["status"] == "cancelled"
        assert (await till.events(unique))[-2:] == ["cancelled", "payment ended"]
    assert idle_stage.shop.payment(payment) == (unique, "failed", "failed")


async def test_a_reset_waits_for_no_payment_again(own_stage: Stage, unique: str):
    till, sku = own_stage.till, own_stage.stock(unique, 5)
    await till.reserve(unique, {sku: 2}, hold_seconds=600)
    await started(till, unique, 900, id="first")
    await ended(till, unique)
    before = await started(till, unique, 1_200, "other", id="second")
    records = own_stage.shop.count("operation_records")
    own_stage.turn_clock(60)
    await reset(own_stage, unique)
    await till.until_event(unique, "payment started", 2)
    report = await till.status(unique)
    assert report["paying_until"] == before["paying_until"]
    assert own_stage.shop.count("operation_records") == records
    assert (await till.confirm(unique))["status"] == "fulfilled"


async def test_a_payment_refused_as_anothers_is_not_taken_by_the_same_message_after_a_reset(
    stage: Stage, unique: str
):
    till, sku, other = stage.till, stage.stock(unique, 5), f"{unique}-2"
    for id in (unique, other):
        await till.reserve(id, {sku: 1})
    await started(till, unique, 60)
    refused = await refusal_of(till.confirm(other, f"pay-{unique}"))
    assert refused.type == "PaymentConflict"
    await ended(till, unique)
    await reset(stage, other)
    await till.until_event(other, "payment refused")
    assert (await till.status(other))["status"] == "held"
    assert stage.shop.payment(f"pay-{unique}") == (unique, "failed", "failed")
    assert (await till.confirm(other, f"pay-{unique}"))["status"] == "fulfilled"


async def _ask(stage: Stage, workflow: str, word: str, message: Any) -> Any:
    return await stage.client.execute_workflow(
        workflow, message, id=f"refunds/{word}", task_queue=stage.till.task_queue
    )
