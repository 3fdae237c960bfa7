"""A ledger whose first attempts stand still before they begin, as on a machine that stood still."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, Literal

from temporalio.worker import UnsandboxedWorkflowRunner

from activities.inventory.async_ledger import AsyncLedger
from activities.inventory.grouping.grouped_ledger import GroupedLedger
from tests.inventory.pools import opened_pool
from tests.workflows.stage import Stage
from worker.composition import build_worker
from worker.temporal import connect_temporal

Operation = Literal["reserve", "close", "extend", "adjust"]
_LATE_SECONDS_MAX: Final = 60.0


class LateLedger(AsyncLedger):
    """Holds back the first attempts at one operation until they are let go.

    Each then runs its whole transaction, however long ago its time was over.
    """

    _operation: Operation
    _late_attempts: int

    def hold_back(self, operation: Operation, attempts: int = 1) -> None:
        """Let so many attempts at the operation be late from now on."""
        self._gate = asyncio.Event()
        self._operation, self._late_attempts = operation, attempts
        self.arrived = 0
        self.late_answers: list[Any] = []

    def let_go(self) -> None:
        self._gate.set()

    async def reserve(self, *arguments: Any) -> Any:
        return await self._perhaps_late(
            "reserve", lambda: super(LateLedger, self).reserve(*arguments)
        )

    async def close(self, *arguments: Any) -> Any:
        return await self._perhaps_late("close", lambda: super(LateLedger, self).close(*arguments))

    async def extend(self, *arguments: Any) -> Any:
        return await self._perhaps_late(
            "extend", lambda: super(LateLedger, self).extend(*arguments)
        )

    async def adjust(self, *arguments: Any) -> Any:
        return await self._perhaps_late(
            "adjust", lambda: super(LateLedger, self).adjust(*arguments)
        )

    async def _perhaps_late(self, operation: Operation, call: Callable[[], Awaitable[Any]]) -> Any:
        if not self._is_late(operation):
            return await call()
        async with asyncio.timeout(_LATE_SECONDS_MAX):
            await self._gate.wait()
        answer = await call()
        self.late_answers.append(answer[0] if isinstance(answer, tuple) else answer)
        return answer

    def _is_late(self, operation: Operation) -> bool:
        if operation != getattr(self, "_operation", None) or self.arrived >= self._late_attempts:
            return False
        self.arrived += 1
        return True


@asynccontextmanager
async def late_worker(stage: Stage) -> AsyncIterator[LateLedger]:
    """Run a worker for the stage over such a ledger; leaving lets everything go."""
    client = await connect_temporal(stage.client.service_client.config.target_host)
    async with opened_pool(stage.shop.engine) as pool:
        ledger = LateLedger(pool)
        worker = build_worker(
            client,
            GroupedLedger(ledger),
            stage.settings,
            task_queue=stage.till.task_queue,
            workflow_runner=UnsandboxedWorkflowRunner(),
        )
        async with worker:
            try:
                yield ledger
            finally:
                ledger.let_go()
