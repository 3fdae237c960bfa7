"""Checkouts that reach one worker at the same moment share a transaction of the ledger."""

from __future__ import annotations

import asyncio
from typing import Final

from temporalio.worker import UnsandboxedWorkflowRunner

from activities.inventory.async_ledger import AsyncLedger
from activities.inventory.database.pool import LedgerPool
from activities.inventory.grouping.grouped_ledger import GroupedLedger, Operation
from tests.workflows.blockade import blockade
from tests.workflows.stage import open_stage
from tests.workflows.waiting import until
from worker.composition import build_worker
from worker.temporal import connect_temporal

CHECKOUTS: Final = 12
UNITS: Final = 9
# No second transaction begins beside the first, however long that one waits for the stranger.
ENDLESS_PATIENCE: Final = 60.0


async def test_checkouts_that_come_together_are_reserved_in_one_transaction(
    session_database_url: str, temporal_address: str, unique: str
):
    async with open_stage(
        session_database_url,
        temporal_address,
        unique,
        activity_slots=CHECKOUTS,
        lock_timeout_ms=60_000,
    ) as stage:
        transactions: list[tuple[Operation, int]] = []
        pool = LedgerPool(
            stage.settings.database, connections_max=CHECKOUTS, lock_timeout_ms=60_000
        )
        ledger = GroupedLedger(
            AsyncLedger(pool),
            observe=lambda operation, size, _seconds: transactions.append((operation, size)),
            in_turn=1,
            patience_seconds=ENDLESS_PATIENCE,
        )
        worker = build_worker(
            await connect_temporal(temporal_address),
            ledger,
            stage.settings,
            task_queue=unique,
            workflow_runner=UnsandboxedWorkflowRunner(),
        )
        stage.stock(unique, UNITS)
        async with worker:
            with blockade(stage.shop, unique) as stranger:
                first = asyncio.create_task(stage.till.reserve(f"{unique}-first", {unique: 1}))
                await stranger.until_waiting()
                others = [
                    asyncio.create_task(stage.till.reserve(f"{unique}-{n}", {unique: 1}))
                    for n in range(CHECKOUTS - 1)
                ]
                await until(lambda: ledger.waiting >= CHECKOUTS - 1)
                stranger.lift()
                answers = await asyncio.gather(first, *others)
        await pool.close()
        statuses = [answer["status"] for answer in answers]
        # More, where the machine was so slow that some were tried a second time.
        assert max(transactions) >= ("reserve", CHECKOUTS - 1)
        assert (statuses.count("held"), statuses.count("denied")) == (UNITS, CHECKOUTS - UNITS)
        assert stage.shop.figures(unique).reserved == UNITS
