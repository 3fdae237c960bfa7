"""The timeline of a checkout, asked for as any language would: a workflow, a name and JSON."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from jsonschema import validate
from temporalio.client import WorkflowHandle
from temporalio.service import RPCError

from schemas.__main__ import schemas
from tests.workflows.histories import failed_tasks_of, kinds_of
from tests.workflows.stage import Stage, at_work, open_stage
from tests.workflows.till import failure_of

NOWHERE = "postgresql://holdfast@127.0.0.1:1/holdfast"


async def _ask(stage: Stage, unique: str, *messages: Any) -> WorkflowHandle[Any, Any]:
    return await stage.client.start_workflow(
        "TimelineWorkflow",
        args=list(messages),
        id=f"timeline/{unique}/1",
        task_queue=stage.till.task_queue,
        execution_timeout=timedelta(minutes=1),
    )


async def test_a_checkout_that_temporal_does_not_know_has_its_timeline(stage: Stage, unique: str):
    """As after the retention period: what a workflow did is in the database alone."""
    shop, sku = stage.shop, stage.stock(unique, 5)
    held = shop.hold(unique, **{sku: 2})
    shop.extend(unique, held.expires_at + timedelta(seconds=60), "e1")
    shop.fulfil(unique)
    with pytest.raises(RPCError, match="not found"):
        await stage.till.handle(unique).describe()
    told = await (await _ask(stage, unique, {"checkout_id": unique})).result()
    validate(told, schemas()["timeline"])
    assert [event["event"] for event in told["events"]] == ["held", "extended", "fulfilled"]
    assert told["payment_reference"] == f"pay-{unique}"
    assert [movement["kind"] for movement in told["movements"]] == ["reserve", "fulfil"]


async def test_a_question_takes_one_workflow_task_and_no_activity_task(stage: Stage, unique: str):
    await stage.till.reserve(unique, {stage.stock(unique, 5): 2})
    handle = await _ask(stage, unique, {"checkout_id": unique})
    await handle.result()
    kinds = await kinds_of(handle)
    assert kinds.count("WORKFLOW_TASK_COMPLETED") == 1
    assert "ACTIVITY_TASK_SCHEDULED" not in kinds


async def test_a_checkout_that_nobody_knows_is_not_found(stage: Stage, unique: str):
    handle = await _ask(stage, unique, {"checkout_id": unique})
    failure = await failure_of(handle.result())
    assert failure.type == "CheckoutNotFound"
    assert unique in failure.message


@pytest.mark.parametrize(
    "messages",
    [
        (),
        ({},),
        ({"checkout_id": "no id"},),
        ({"checkout_id": "c1", "colour": "red"},),
        ({"checkout_id": "c1"}, {"checkout_id": "c1"}),
        (["c1"],),
        (None,),
    ],
)
async def test_a_bad_question_ends_as_an_invalid_request(
    stage: Stage, unique: str, messages: tuple[Any, ...]
):
    handle = await _ask(stage, unique, *messages)
    assert (await failure_of(handle.result())).type == "InvalidRequest"
    assert not await failed_tasks_of(handle)


async def test_a_database_that_is_away_is_said_to_be_away(temporal_address: str, unique: str):
    async with (
        open_stage(NOWHERE, temporal_address, unique) as stage,
        at_work(stage, sandboxed=False),
    ):
        handle = await _ask(stage, unique, {"checkout_id": unique})
        failure = await failure_of(handle.result())
    assert failure.type == "InventoryUnavailable"
