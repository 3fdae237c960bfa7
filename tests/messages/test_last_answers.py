"""The end of a checkout waits for everybody who is still to be answered.

A handler of today ends in the very task that ends the checkout, and would be answered without the
wait. One that takes another task to end would not: Temporal drops it with the workflow.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, Final

import pytest
from temporalio import workflow
from temporalio.common import RawValue
from temporalio.worker import UnsandboxedWorkflowRunner

from tests.workflows.stage import Stage, open_stage
from worker.composition import build_worker, working_ledger
from worker.temporal import connect_temporal
from workflows.adjust_stock import AdjustStockWorkflow
from workflows.checkout import CheckoutWorkflow

with workflow.unsafe.imports_passed_through():
    from holdfast_client.contract.names import CHECKOUT_WORKFLOW
    from holdfast_client.contract.outcomes import KnownOutcome
    from workflows.tickets import Ticket

PAUSE_SECONDS: Final = 0.01


@workflow.defn(name=CHECKOUT_WORKFLOW)
class SlowToAnswer(CheckoutWorkflow):
    """Takes one more task to answer than to end."""

    @workflow.init
    def __init__(self, *payloads: RawValue) -> None:
        super().__init__(*payloads)

    @workflow.run
    async def run(self, *payloads: RawValue) -> Any:
        return await super().run(*payloads)

    async def _answer(self, ticket: Ticket) -> KnownOutcome:
        answer = await super()._answer(ticket)
        await workflow.sleep(timedelta(seconds=PAUSE_SECONDS))
        return answer


@pytest.fixture
async def slow_stage(
    package_database_url: str, temporal_address: str, unique: str
) -> AsyncIterator[Stage]:
    """A stage whose checkouts are slow to answer."""
    async with open_stage(package_database_url, temporal_address, f"slow-{unique}") as stage:
        client = await connect_temporal(temporal_address)
        async with (
            working_ledger(stage.settings) as ledger,
            build_worker(
                client,
                ledger,
                stage.settings,
                task_queue=stage.till.task_queue,
                workflow_runner=UnsandboxedWorkflowRunner(),
                workflows=[SlowToAnswer, AdjustStockWorkflow],
            ),
        ):
            yield stage


async def test_everybody_who_asked_before_the_end_is_answered(slow_stage: Stage, unique: str):
    till = slow_stage.till
    await till.reserve(unique, {slow_stage.stock(unique, 5): 1})
    paid, cancelled = await asyncio.gather(till.confirm(unique), till.cancel(unique))
    assert paid == cancelled == await till.result(unique)
