"""Stock adjustments as a warehouse in any language sends them."""

from __future__ import annotations

from typing import Any

import pytest
from temporalio.client import WorkflowHandle
from temporalio.exceptions import WorkflowAlreadyStartedError

from tests.workflows.histories import read_json, summaries_of
from tests.workflows.stage import Stage
from tests.workflows.till import Till, failure_of


def change(adjustment_id: str, sku: str, kind: str, quantity: int) -> dict[str, Any]:
    return {"adjustment_id": adjustment_id, "sku": sku, "kind": kind, "quantity": quantity}


async def start(till: Till, message: dict[str, Any], **options: Any) -> WorkflowHandle[Any, Any]:
    return await till.client.start_workflow(
        "AdjustStockWorkflow",
        message,
        id=f"stock/{message['adjustment_id']}",
        task_queue=till.task_queue,
        **options,
    )


async def adjust(till: Till, message: dict[str, Any]) -> Any:
    return await (await start(till, message)).result()


async def test_goods_received_make_a_new_sku(stage: Stage, till: Till, unique: str):
    assert await adjust(till, change(unique, unique, "receive", 5)) == {
        "status": "applied",
        "sku": unique,
        "location": "main",
        "total": 5,
        "reserved": 0,
        "available": 5,
        "created": True,
        "active": True,
    }
    assert stage.shop.figures(unique) == (5, 0, 5)


async def test_a_change_that_would_break_the_figures_is_refused_with_who_is_in_the_way(
    stage: Stage, till: Till, unique: str
):
    sku = stage.stock(unique, 10)
    await till.reserve(unique, {sku: 4})
    answer = await adjust(till, change(unique, sku, "count", 3))
    assert (answer["status"], answer["reason"]) == ("refused", "below_reserved")
    assert (answer["total"], answer["reserved"], answer["available"]) == (10, 4, 6)
    assert [holder["checkout_id"] for holder in answer["holders"]] == [unique]
    assert stage.shop.figures(sku) == (10, 4, 6)


async def test_goods_received_make_no_sku_where_that_is_not_wanted(
    stage: Stage, till: Till, unique: str
):
    answer = await adjust(till, change(unique, unique, "receive", 5) | {"new": False})
    assert (answer["status"], answer["reason"]) == ("refused", "unknown_sku")
    sku = stage.stock(f"{unique}-there", 1)
    answer = await adjust(till, change(f"{unique}-2", sku, "receive", 5) | {"new": False})
    assert (answer["total"], answer["created"]) == (6, False)


async def test_what_is_taken_out_of_sale_is_denied_and_its_holds_stay(
    stage: Stage, till: Till, unique: str
):
    sku = stage.stock(unique, 10)
    await till.reserve(unique, {sku: 4})
    answer = await adjust(till, change(unique, sku, "deactivate", 0))
    assert (answer["active"], answer["total"], answer["reserved"]) == (False, 10, 4)
    denied = await till.reserve(f"{unique}-2", {sku: 1})
    assert denied["shortages"][0]["reason"] == "inactive"
    assert (await till.confirm(unique))["status"] == "fulfilled"


async def test_an_adjustment_id_that_names_another_change_is_a_conflict(
    stage: Stage, till: Till, unique: str
):
    await adjust(till, change(unique, unique, "receive", 5))
    handle = await start(till, change(unique, unique, "receive", 6))
    failure = await failure_of(handle.result())
    assert failure.type == "AdjustmentConflict"
    assert failure.details[0] == {"differs": ["quantity"]}
    assert stage.shop.figures(unique) == (5, 0, 5)


async def test_a_workflow_id_that_is_not_the_adjustments_own_is_refused(till: Till, unique: str):
    handle = await till.client.start_workflow(
        "AdjustStockWorkflow",
        change(unique, unique, "receive", 5),
        id=f"stock/other-{unique}",
        task_queue=till.task_queue,
    )
    failure = await failure_of(handle.result())
    assert (failure.type, failure.details[0]) == ("InvalidRequest", "adjustment_id")


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("adjustment_id", {"adjustment_id": "a b"}),
        ("sku", {"sku": ""}),
        ("sku", {"sku": "x" * 101}),
        ("kind", {"kind": "steal"}),
        ("quantity", {"quantity": True}),
        ("quantity", {"quantity": 1.0}),
        ("quantity", {"quantity": "1"}),
        ("quantity", {"quantity": 1_000_000_001}),
        ("quantity", {"quantity": 0}),
        ("quantity", {"quantity": -1}),
        ("location", {"location": None}),
        ("colour", {"colour": "red"}),
    ],
)
async def test_a_bad_field_is_named(till: Till, unique: str, field: str, wrong: dict[str, Any]):
    message = change(unique, unique, "receive", 5) | wrong
    handle = await till.client.start_workflow(
        "AdjustStockWorkflow", message, id=f"stock/{unique}", task_queue=till.task_queue
    )
    failure = await failure_of(handle.result())
    assert (failure.type, failure.details[0]) == ("InvalidRequest", field)


async def test_the_result_is_plain_json_and_the_timeline_says_what_was_done(
    till: Till, unique: str
):
    message = change(unique, unique, "receive", 5) | {"reason": "delivery 7"}
    handle = await start(till, message)
    await handle.result()
    last = (await handle.fetch_history()).events[-1]
    (payload,) = last.workflow_execution_completed_event_attributes.result.payloads
    assert read_json(payload)["status"] == "applied"
    assert f"receive 5 of {unique} (delivery 7)" in await summaries_of(handle)


async def test_an_adjustment_that_runs_is_not_started_twice(idle_stage: Stage, unique: str):
    message = change(unique, unique, "receive", 5)
    await start(idle_stage.till, message)
    with pytest.raises(WorkflowAlreadyStartedError):
        await start(idle_stage.till, message)
