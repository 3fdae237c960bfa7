"""What a test needs around it: a ledger on a database, a worker on a task queue, and a till."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from temporalio.client import Client, WorkflowHandle
from temporalio.testing import TimeSkipper, TimeSkippingConfig
from temporalio.worker import UnsandboxedWorkflowRunner, Worker, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from activities.inventory.ledger import Ledger
from activities.inventory.records import StockRow
from activities.metrics import LedgerMetrics
from holdfast_client.contract.names import TASK_QUEUE
from tests.inventory.shop import Shop
from tests.workflows.till import Till
from worker.composition import build_worker, open_inventory, working_ledger
from worker.settings import Settings, load_settings
from worker.temporal import connect_temporal


@dataclass(frozen=True)
class Stage:
    """One ledger and the checkouts on it. Figures are read by SQL of their own, beside the ledger.

    Args:
        till: speaks to the checkouts.
        shop: reads and stocks the database.
        settings: of its workers.
        skipper: lets time pass for one workflow.
    """

    till: Till
    shop: Shop
    settings: Settings
    skipper: TimeSkipper

    @property
    def ledger(self) -> Ledger:
        return self.shop.ledger

    @property
    def client(self) -> Client:
        return self.till.client

    def stock(self, sku: str, quantity: int) -> str:
        self.ledger.load_stock([StockRow(sku, "main", quantity)])
        return sku

    def turn_clock(self, seconds: float) -> None:
        """Turn the database's clock forward, counted from the true time. Needs its own database."""
        self.shop.sql(
            "CREATE OR REPLACE FUNCTION holdfast.clock() RETURNS timestamptz "
            "LANGUAGE sql VOLATILE PARALLEL SAFE "
            f"AS $$ SELECT clock_timestamp() + make_interval(secs => {seconds:f}) $$"
        )

    async def pass_time(self, handle: WorkflowHandle[Any, Any], seconds: float) -> None:
        """Let time pass for one workflow. The database's clock is turned separately."""
        await self.skipper.fast_forward(handle, seconds)


@asynccontextmanager
async def open_stage(
    database_url: str, temporal_address: str, task_queue: str = TASK_QUEUE, **settings: Any
) -> AsyncIterator[Stage]:
    """Set a stage without any worker on it yet."""
    chosen = load_settings(database_url=database_url, **{"activity_slots": 4, **settings})
    inventory = open_inventory(chosen)
    skipper = TimeSkipper(
        await Client.connect(temporal_address), config=TimeSkippingConfig(enabled=False)
    )
    shop = Shop(inventory.engine, inventory.ledger)
    try:
        yield Stage(Till(skipper.client, task_queue), shop, chosen, skipper)
    finally:
        inventory.close()


@asynccontextmanager
async def at_work(
    stage: Stage, *, sandboxed: bool = True, metrics: LedgerMetrics | None = None
) -> AsyncIterator[Worker]:
    """Run a worker for the stage's task queue, with connections of its own.

    In the sandbox, unlike in production, code that is not deterministic fails its workflow task.
    """
    runner: WorkflowRunner = SandboxedWorkflowRunner() if sandboxed else UnsandboxedWorkflowRunner()
    client = await connect_temporal(
        stage.client.service_client.config.target_host, stage.settings.keys
    )
    async with (
        working_ledger(stage.settings) as ledger,
        build_worker(
            client,
            ledger,
            stage.settings,
            task_queue=stage.till.task_queue,
            workflow_runner=runner,
            metrics=metrics,
        ) as worker,
    ):
        yield worker
