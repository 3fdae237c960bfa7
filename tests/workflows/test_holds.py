"""Who holds what, asked for as any language would: a workflow, a name and JSON."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from jsonschema import validate
from temporalio.client import WorkflowHandle

from schemas.__main__ import schemas
from tests.workflows.histories import kinds_of
from tests.workflows.stage import Stage, at_work, open_stage
from tests.workflows.till import failure_of

NOWHERE = "postgresql://holdfast@127.0.0.1:1/holdfast"


async def _ask(stage: Stage, unique: str, *messages: Any) -> WorkflowHandle[Any, Any]:
    return await stage.client.start_workflow(
        "HoldsWorkflow",
        args=list(messages),
        id=f"holds/{unique}",
        task_queue=stage.till.task_queue,
        execution_timeout=timedelta(minutes=1),
    )


async def test_the_holds_on_a_sku_are_told_in_one_workflow_task(stage: Stage, unique: str):
    sku = stage.stock(unique, 5)
    await stage.till.reserve(f"{unique}-2", {sku: 2}, hold_seconds=900, customer_id="u-2")
    await stage.till.reserve(f"{unique}-1", {sku: 1}, hold_seconds=300)
    handle = await _ask(stage, unique, {"sku": sku})
    told = await handle.result()
    validate(told, schemas()["holds"])
    assert [hold["checkout_id"] for hold in told["holds"]] == [f"{unique}-1", f"{unique}-2"]
    assert [step["units_by_then"] for step in told["comes_free"]] == [1, 3]
    kinds = await kinds_of(handle)
    assert kinds.count("WORKFLOW_TASK_COMPLETED") == 1
    assert "ACTIVITY_TASK_SCHEDULED" not in kinds


async def test_nothing_held_is_an_answer(stage: Stage, unique: str):
    told = await (await _ask(stage, unique, {"sku": unique})).result()
    assert (told["holds"], told["comes_free"], told["holds_left_out"]) == ([], [], 0)


@pytest.mark.parametrize(
    ("field", "messages"),
    [
        ("sku", [{"sku": ""}]),
        ("limit", [{"limit": 0}]),
        ("committed", [{"committed": "yes"}]),
        ("committed", [{"committed": True, "ends_within_seconds": 9}]),
        ("older_than_seconds", [{"older_than_seconds": 9}]),
        ("", []),
        ("", [{}, {}]),
    ],
)
async def test_a_bad_question_is_refused_and_names_its_field(
    stage: Stage, unique: str, field: str, messages: list[Any]
):
    failure = await failure_of((await _ask(stage, unique, *messages)).result())
    assert (failure.type, failure.details[0]) == ("InvalidRequest", field)


async def test_a_database_that_does_not_answer_is_said_so(temporal_address: str, unique: str):
    async with open_stage(NOWHERE, temporal_address, unique) as stage, at_work(stage):
        failure = await failure_of((await _ask(stage, unique, {})).result())
    assert failure.type == "InventoryUnavailable"
