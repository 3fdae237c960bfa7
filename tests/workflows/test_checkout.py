"""The paths of a checkout on the real servers, seen by a stranger who only speaks JSON."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from temporalio.client import WorkflowExecutionStatus
from temporalio.common import SearchAttributeKey
from temporalio.exceptions import WorkflowAlreadyStartedError

from tests.workflows.histories import events_of, failed_tasks_of, kind, kinds_of, read_json
from tests.workflows.stage import Stage
from tests.workflows.till import Till, moment, request

EVENT_KEYS = {"at", "event", "actor", "reason"}


# --- the decision --------------------------------------------------------------------------------


async def test_a_reserve_holds_all_lines_and_answers_with_the_deadline(
    stage: Stage, till: Till, unique: str
):
    mug, tea = stage.stock(f"{unique}-mug", 5), stage.stock(f"{unique}-tea", 7)
    answer = await till.reserve(unique, {tea: 1, mug: 2}, hold_seconds=600)
    assert answer == {
        "status": "held",
        "expires_at": answer["expires_at"],
        "lines": [
            {"sku": mug, "location": "main", "quantity": 2},
            {"sku": tea, "location": "main", "quantity": 1},
        ],
        "paying_until": None,
        "revision": 1,
    }
    ((expires_at, created_at),) = stage.shop.sql(
        "SELECT expires_at, created_at FROM holdfast.reservations WHERE checkout_id = :id",
        id=unique,
    )
    assert moment(answer["expires_at"]) == expires_at == created_at + timedelta(seconds=600)
    assert stage.shop.figures(mug) == (5, 2, 3)
    assert stage.shop.figures(tea) == (7, 1, 6)


async def test_a_hold_lasts_900_seconds_if_nothing_is_said(stage: Stage, till: Till, unique: str):
    await till.reserve(unique, {stage.stock(unique, 1): 1})
    ((length,),) = stage.shop.sql(
        "SELECT expires_at - created_at FROM holdfast.reservations WHERE checkout_id = :id",
        id=unique,
    )
    assert length == timedelta(seconds=900)


async def test_a_denied_checkout_says_what_is_short_and_holds_nothing(
    stage: Stage, till: Till, unique: str
):
    there, short = stage.stock(f"{unique}-a", 5), stage.stock(f"{unique}-b", 3)
    held = await till.reserve(f"{unique}-first", {short: 2})
    answer = await till.reserve(unique, {there: 1, short: 2, f"{unique}-c": 1})
    assert answer == {
        "status": "denied",
        "shortages": [
            {
                "sku": short,
                "location": "main",
                "requested": 2,
                "available": 1,
                "reason": "insufficient",
                "next_expiry": held["expires_at"],
            },
            {
                "sku": f"{unique}-c",
                "location": "main",
                "requested": 1,
                "available": 0,
                "reason": "unknown_sku",
                "next_expiry": None,
            },
        ],
    }
    assert await till.result(unique) == answer
    assert stage.shop.figures(there) == (5, 0, 5)


async def test_an_inactive_sku_is_a_denial(stage: Stage, till: Till, unique: str):
    sku = stage.stock(unique, 5)
    stage.shop.sql("UPDATE holdfast.stock_items SET active = false WHERE sku = :sku", sku=sku)
    answer = await till.reserve(unique, {sku: 1})
    assert [shortage["reason"] for shortage in answer["shortages"]] == ["inactive"]


async def test_the_same_sku_on_several_lines_is_summed(stage: Stage, till: Till, unique: str):
    sku = stage.stock(unique, 5)
    twice = request(unique, {})
    twice["lines"] = [{"sku": sku, "quantity": 2}, {"sku": sku, "quantity": 1, "location": "main"}]
    answer = await till.ask(twice)
    assert answer["lines"] == [{"sku": sku, "location": "main", "quantity": 3}]


async def test_asking_again_gives_the_current_outcome(stage: Stage, till: Till, unique: str):
    sku = stage.stock(unique, 5)
    first = await till.reserve(unique, {sku: 2})
    assert await till.reserve(unique, {sku: 2}) == first
    extended = await till.extend(unique, 60)
    assert await till.reserve(unique, {sku: 2}) == extended != first
    assert stage.shop.figures(sku) == (5, 2, 3)


async def test_a_checkout_id_names_one_attempt_for_ever(stage: Stage, till: Till, unique: str):
    sku = stage.stock(unique, 5)
    await till.reserve(unique, {sku: 2})
    await till.cancel(unique)
    await till.result(unique)
    with pytest.raises(WorkflowAlreadyStartedError):
        await till.reserve(unique, {sku: 2})


# --- how it ends ---------------------------------------------------------------------------------


async def test_a_confirmed_checkout_is_fulfilled_and_its_stock_leaves(
    stage: Stage, till: Till, unique: str
):
    sku = stage.stock(unique, 5)
    held = await till.reserve(unique, {sku: 2})
    answer = await till.confirm(unique)
    assert answer == {
        "status": "fulfilled",
        "payment_reference": f"pay-{unique}",
        "lines": held["lines"],
        "released": [],
        "at": answer["at"],
        "reinstated": False,
    }
    assert await till.result(unique) == answer
    assert stage.shop.figures(sku) == (3, 0, 3)
    assert stage.shop.movements(unique) == [("reserve", 0, 2), ("fulfil", -2, -2)]


async def test_a_cancelled_checkout_gives_its_stock_back(stage: Stage, till: Till, unique: str):
    sku = stage.stock(unique, 5)
    await till.reserve(unique, {sku: 2})
    answer = await till.cancel(unique, "too dear")
    assert answer == {
        "status": "cancelled",
        "reason": "too dear",
        "actor": "shopper",
        "at": answer["at"],
        "superseded_by": None,
    }
    assert await till.result(unique) == answer
    assert stage.shop.figures(sku) == (5, 0, 5)


async def test_a_cancel_signal_gives_the_stock_back(stage: Stage, till: Till, unique: str):
    sku = stage.stock(unique, 5)
    await till.reserve(unique, {sku: 2})
    await till.signal(unique, "cancel", {"reason": "by phone", "actor": "sue"})
    result = await till.result(unique)
    assert (result["status"], result["reason"], result["actor"]) == ("cancelled", "by phone", "sue")
    assert stage.shop.figures(sku) == (5, 0, 5)


@pytest.mark.parametrize(
    ("reason", "recorded"),
    [("the shop closes", "the shop closes"), ("", "the workflow was cancelled")],
)
async def test_cancelling_the_workflow_is_one_more_way_to_cancel_the_hold(
    stage: Stage, till: Till, unique: str, reason: str, recorded: str
):
    sku = stage.stock(unique, 5)
    await till.reserve(unique, {sku: 2})
    handle = till.handle(unique)
    await handle.cancel(reason=reason)
    result = await handle.result()
    assert (result["status"], result["reason"]) == ("cancelled", recorded)
    assert (await handle.describe()).status is WorkflowExecutionStatus.COMPLETED
    assert stage.shop.figures(sku) == (5, 0, 5)


async def test_cancelling_a_workflow_whose_payment_came_first_changes_nothing(
    stage: Stage, till: Till, unique: str
):
    sku = stage.stock(unique, 5)
    await till.reserve(unique, {sku: 2})
    stage.shop.fulfil(unique)
    await till.handle(unique).cancel()
    assert (await till.result(unique))["status"] == "fulfilled"
    assert stage.shop.figures(sku) == (3, 0, 3)


async def test_an_abandoned_hold_ends_by_its_own_timer(stage: Stage, till: Till, unique: str):
    sku = stage.stock(unique, 5)
    # Long enough for a busy machine to answer before that.
    held = await till.reserve(unique, {sku: 2}, hold_seconds=10)
    result = await till.result(unique)
    assert result == {"status": "expired", "at": result["at"]}
    assert moment(result["at"]) >= moment(held["expires_at"])
    assert stage.shop.figures(sku) == (5, 0, 5)
    assert "TIMER_FIRED" in await kinds_of(till.handle(unique))


async def test_an_ending_that_the_ledger_gave_first_is_the_answer(
    stage: Stage, till: Till, unique: str
):
    await till.reserve(unique, {stage.stock(unique, 5): 2})
    stage.shop.cancel(unique)
    answer = await till.confirm(unique)
    assert answer["status"] == "cancelled"
    assert await till.result(unique) == answer


# --- what others read of it ----------------------------------------------------------------------


async def test_a_plain_start_from_another_language_is_found_by_its_search_attributes(
    stage: Stage, till: Till, unique: str
):
    mug, tea = stage.stock(f"{unique}-mug", 5), stage.stock(f"{unique}-tea", 7)
    handle = await till.start(unique, {tea: 1, mug: 2}, customer_id="u-17", cart_id="42")
    answer = await till.reserve(unique, {tea: 1, mug: 2}, customer_id="u-17", cart_id="42")
    assert answer["status"] == "held"
    found = (await handle.describe()).typed_search_attributes
    assert found.get(SearchAttributeKey.for_keyword("CheckoutStatus")) is None
    assert found[SearchAttributeKey.for_keyword("CustomerId")] == "u-17"
    assert found[SearchAttributeKey.for_keyword("CartId")] == "42"
    assert found[SearchAttributeKey.for_keyword_list("Skus")] == [mug, tea]


async def test_the_result_and_every_answer_are_plain_json(stage: Stage, till: Till, unique: str):
    await till.reserve(unique, {stage.stock(unique, 5): 2})
    await till.confirm(unique)
    await till.result(unique)
    events = await events_of(till.handle(unique))
    answers = [
        event.workflow_execution_update_completed_event_attributes.outcome.success.payloads
        for event in events
        if kind(event) == "WORKFLOW_EXECUTION_UPDATE_COMPLETED"
    ]
    statuses = [read_json(payload)["status"] for payloads in answers for payload in payloads]
    assert statuses == ["held", "fulfilled"]
    (result,) = events[-1].workflow_execution_completed_event_attributes.result.payloads
    assert read_json(result)["status"] == "fulfilled"


async def test_the_status_query_tells_where_the_checkout_stands(
    stage: Stage, till: Till, unique: str
):
    sku = stage.stock(unique, 5)
    held = await till.reserve(unique, {sku: 2})
    report = await till.status(unique)
    assert report == {
        "checkout_id": unique,
        "status": "held",
        "lines": [{"sku": sku, "location": "main", "quantity": 2}],
        "expires_at": held["expires_at"],
        "paying_until": None,
        "revision": 1,
        "payments": [],
        "payments_left_out": 0,
        "shipments": [],
        "shipments_left_out": 0,
        "events": report["events"],
    }
    assert [set(event) for event in report["events"]] == [EVENT_KEYS]


async def test_the_status_query_answers_for_a_closed_checkout_too(
    stage: Stage, till: Till, unique: str
):
    await till.reserve(unique, {stage.stock(unique, 5): 2})
    await till.extend(unique, 60)
    await till.cancel(unique, "too dear")
    await till.result(unique)
    report = await till.status(unique)
    assert (report["status"], report["expires_at"]) == ("cancelled", None)
    assert [event["event"] for event in report["events"]] == ["held", "extended", "cancelled"]
    assert report["events"][-1]["reason"] == "too dear"


async def test_a_checkout_of_a_thousand_lines_is_held_and_fulfilled(
    stage: Stage, till: Till, unique: str
):
    skus = [f"{unique}-{number:04d}" for number in range(1_000)]
    stage.shop.stock(**dict.fromkeys(skus, 1))
    held = await till.reserve(unique, dict.fromkeys(skus, 1))
    assert len(held["lines"]) == 1_000
    assert (await till.confirm(unique))["status"] == "fulfilled"


async def test_many_checkouts_of_one_hot_sku_sell_exactly_what_is_there(
    stage: Stage, till: Till, unique: str
):
    sku = stage.stock(unique, 7)
    answers = await asyncio.gather(
        *(till.reserve(f"{unique}-{number}", {sku: 1}) for number in range(20))
    )
    statuses = sorted(answer["status"] for answer in answers)
    assert statuses == ["denied"] * 13 + ["held"] * 7
    assert stage.shop.figures(sku) == (7, 7, 0)
    assert not await failed_tasks_of(till.handle(f"{unique}-0"))
