"""Extensions on the real servers, and conflicts about an id, seen by who only speaks JSON."""

from __future__ import annotations

from datetime import timedelta

import pytest

from holdfast_client.contract.messages import CheckoutRequest, Line
from tests.workflows.histories import events_of, kind, read_json
from tests.workflows.stage import Stage
from tests.workflows.till import Till, failure_of, moment, refusal_of, request

# --- extensions ----------------------------------------------------------------------------------


async def test_an_extension_moves_the_deadline_by_so_many_seconds(
    stage: Stage, till: Till, unique: str
):
    held = await till.reserve(unique, {stage.stock(unique, 5): 2})
    extended = await till.extend(unique, 600)
    assert extended["status"] == "held"
    later = moment(extended["expires_at"]) - moment(held["expires_at"])
    assert later == timedelta(seconds=600)


async def test_an_extension_by_signal_moves_the_deadline_too(stage: Stage, till: Till, unique: str):
    held = await till.reserve(unique, {stage.stock(unique, 5): 2})
    await till.signal(unique, "extend", {"seconds": 60, "reason": "at the desk", "actor": "sue"})
    await till.until_event(unique, "extended")
    report = await till.status(unique)
    later = moment(report["expires_at"]) - moment(held["expires_at"])
    assert later == timedelta(seconds=60)
    assert report["events"][-1]["actor"] == "sue"
    assert "at the desk" in report["events"][-1]["reason"]


async def test_a_new_deadline_is_on_record_before_the_ledger_hears_of_it(
    stage: Stage, till: Till, unique: str
):
    # A workflow task may be lost and run again: it must not add the seconds once more.
    await till.reserve(unique, {stage.stock(unique, 5): 2})
    extended = await till.extend(unique, 60)
    scheduled = [
        event.activity_task_scheduled_event_attributes
        for event in await events_of(till.handle(unique))
        if kind(event) == "ACTIVITY_TASK_SCHEDULED"
    ]
    (message,) = scheduled[0].input.payloads
    assert scheduled[0].activity_type.name == "extend"
    assert moment(read_json(message)["expires_at"]) == moment(extended["expires_at"])


@pytest.mark.parametrize(("seconds", "allowed"), [(13_500, True), (13_501, False)])
async def test_a_hold_lasts_four_hours_in_all_and_not_a_second_more(
    stage: Stage, till: Till, unique: str, seconds: int, allowed: bool
):
    held = await till.reserve(unique, {stage.stock(unique, 5): 2}, hold_seconds=900)
    if allowed:
        assert (await till.extend(unique, seconds))["status"] == "held"
        return
    refusal = await refusal_of(till.extend(unique, seconds))
    assert refusal.type == "ExtensionRefused"
    assert refusal.details[0] == {"cap_seconds": 14_400, "seconds_max": 13_500}
    assert "at most 3h45m" in refusal.message
    assert (await till.status(unique))["expires_at"] == held["expires_at"]
    assert (await till.confirm(unique))["status"] == "fulfilled"


async def test_a_hold_that_is_over_is_not_extended(stage: Stage, till: Till, unique: str):
    await till.reserve(unique, {stage.stock(unique, 5): 2})
    stage.shop.cancel(unique)
    refusal = await refusal_of(till.extend(unique, 60))
    assert refusal.type == "HoldNotActive"
    assert refusal.details[0] == {"standing": await till.result(unique)}
    assert refusal.details[0]["standing"]["status"] == "cancelled"


# --- conflicts -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "difference",
    [{"hold_seconds": 60}, {"customer_id": "u-2"}, {"cart_id": "c-2"}],
    ids=lambda difference: next(iter(difference)),
)
async def test_another_request_under_the_same_id_is_a_conflict(
    stage: Stage, till: Till, unique: str, difference: dict[str, object]
):
    sku = stage.stock(unique, 5)
    await till.reserve(unique, {sku: 2})
    refusal = await refusal_of(till.reserve(unique, {sku: 2}, **difference))
    assert refusal.type == "CheckoutConflict"
    assert refusal.details[0] == {"differs": list(difference)}
    assert (await refusal_of(till.reserve(unique, {sku: 3}))).type == "CheckoutConflict"
    assert stage.shop.figures(sku) == (5, 2, 3)


async def test_lines_in_another_order_are_the_same_request(stage: Stage, till: Till, unique: str):
    one, two = stage.stock(f"{unique}-1", 5), stage.stock(f"{unique}-2", 5)
    first = await till.reserve(unique, {one: 2, two: 1})
    assert await till.reserve(unique, {two: 1, one: 2}) == first


async def test_an_id_that_the_ledger_knows_with_other_lines_is_a_conflict_and_left_alone(
    stage: Stage, till: Till, unique: str
):
    sku = stage.stock(unique, 5)
    stage.ledger.reserve([CheckoutRequest(checkout_id=unique, lines=(Line(sku=sku, quantity=4),))])
    refusal = await refusal_of(till.reserve(unique, {sku: 1}))
    failure = await failure_of(till.result(unique))
    assert (refusal.type, failure.type) == ("CheckoutConflict", "CheckoutConflict")
    assert refusal.details[0] == failure.details[0] == {"differs": ["lines"]}
    assert stage.shop.status(unique) == "held"
    assert stage.shop.figures(sku) == (5, 4, 1)


async def test_a_workflow_id_that_is_not_the_checkouts_own_is_refused(
    stage: Stage, till: Till, unique: str
):
    sku = stage.stock(unique, 5)
    handle = await till.client.start_workflow(
        "CheckoutWorkflow",
        request(f"{unique}-other", {sku: 1}),
        id=f"checkout/{unique}",
        task_queue=till.task_queue,
    )
    failure = await failure_of(handle.result())
    assert failure.type == "InvalidRequest"
    assert failure.details[0] == "checkout_id"
    assert stage.shop.figures(sku) == (5, 0, 5)
