"""Every history recorded in this run is replayed in the sandbox: the code is deterministic."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner
from temporalio.workflow import NondeterminismError

from tests.workflows.stage import Stage
from tests.workflows.till import Till, failure_of, refusal_of
from worker.composition import WORKFLOWS
from workflows.payloads import DATA_CONVERTER

HISTORIES_MAX = 400
# Not those that went on as new: they were made under a policy of their own, and are replayed there.


def replayer(*workflows: type) -> Replayer:
    return Replayer(
        workflows=workflows or WORKFLOWS,
        data_converter=DATA_CONVERTER,
        workflow_runner=SandboxedWorkflowRunner(),
    )


@pytest.fixture
async def lived(stage: Stage, till: Till, unique: str) -> list[str]:
    """Live through every path, and name the workflows that did."""
    sku = stage.stock(unique, 50)
    paths = ("held", "confirm", "cancel", "signal", "workflow", "expire", "extend", "refused")
    ids = {path: f"{unique}-{path}" for path in paths}
    for path, id in ids.items():
        await till.reserve(id, {sku: 1}, hold_seconds=1 if path == "expire" else 900)
    await till.reserve(f"{unique}-denied", {sku: 51})
    await till.start(f"{unique}-invalid", {})
    await till.confirm(ids["confirm"])
    await till.cancel(ids["cancel"])
    await till.signal(ids["signal"], "extend", "garbage")
    await till.signal(ids["signal"], "cancel", {})
    await till.handle(ids["workflow"]).cancel()
    await till.extend(ids["extend"], 60)
    await till.confirm(ids["extend"])
    await refusal_of(till.extend(ids["refused"], 86_400))
    stage.shop.cancel(ids["refused"])
    await till.confirm(ids["refused"])
    ended = [id for path, id in ids.items() if path != "held"]
    await asyncio.gather(*(till.result(id) for id in ended))
    await failure_of(till.result(f"{unique}-invalid"))
    return [f"checkout/{id}" for id in (*ids.values(), f"{unique}-denied", f"{unique}-invalid")]


async def test_every_path_of_a_checkout_replays(till: Till, lived: list[str]):
    for workflow_id in lived:
        history = await till.client.get_workflow_handle(workflow_id).fetch_history()
        await replayer().replay_workflow(history)


# Not those that went on as new: they were made under a policy of their own, and replay under it.
@pytest.mark.parametrize(
    "workflow",
    ["CheckoutWorkflow", "AdjustStockWorkflow", "ReconcileWorkflow", "TimelineWorkflow"],
)
async def test_whatever_else_this_run_recorded_replays(till: Till, workflow: str):
    # Only what our own code ran: elsewhere stand-ins of the same names play on other queues.
    query = (
        f"WorkflowType = '{workflow}' AND TaskQueue = '{till.task_queue}' "
        "AND ExecutionStatus IN ('Running', 'Completed', 'Canceled', 'Terminated')"
    )
    rows = till.client.list_workflows(query, limit=HISTORIES_MAX)
    histories = [
        await till.client.get_workflow_handle(row.id, run_id=row.run_id).fetch_history()
        async for row in rows
        if row.history_length > 3  # some that no worker ever saw are left by other tests
    ]
    results = await replayer().replay_workflows(_each(histories), raise_on_replay_failure=False)
    assert not results.replay_failures


async def _each(histories: list[WorkflowHistory]) -> Any:
    for history in histories:
        yield history


@workflow.defn(name="CheckoutWorkflow", sandboxed=False)
class OtherProtocol:
    """Does something else than what any checkout's history says."""

    @workflow.run
    async def run(self, request: Any) -> None:
        await workflow.execute_activity("something else", start_to_close_timeout=timedelta(1))


async def test_a_change_of_the_protocol_would_be_noticed(till: Till, lived: list[str]):
    history = await till.client.get_workflow_handle(lived[1]).fetch_history()
    with pytest.raises(NondeterminismError):
        await replayer(OtherProtocol).replay_workflow(history)
