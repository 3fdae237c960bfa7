"""A ledger whose first attempts stand still before they begin, as on a machine that stood still."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, Literal

from temporalio.worker import UnsandboxedWorkflowRunner

from activities.inventory.grouping.grouped_ledger import GroupedLedger
from activities.inventory.ledger import Ledger
from tests.workflows.stage import Stage
from worker.composition import build_worker, open_inventory
from worker.temporal import connect_temporal

Operation = Literal["reserve", "close", "extend", "adjust"]
_LATE_SECONDS_MAX: Final = 60.0


class LateLedger(Ledger):
    """Holds back the first attempts at one operation until they are let go.

    Each then runs its whole transaction, however long ago its time was over.
    """

    _operation: Operation
    _late_attempts: int

    def hold_back(self, operation: Operation, attempts: int = 1) -> None:
        """Let so many attempts at the operation be late from now on."""
        self._gate = threading.Event()
        self._lock = threading.Lock()
        self._operation, self._late_attempts = operation, attempts
        self.arrived = 0
        self.late_answers: list[Any] = []

    def let_go(self) -> None:
        self._gate.set()

    def reserve(self, *arguments: Any) -> Any:
        return self._perhaps_late("reserve", lambda: super(LateLedger, self).reserve(*arguments))

    def close(self, *arguments: Any) -> Any:
        return self._perhaps_late("close", lambda: super(LateLedger, self).close(*arguments))

    def extend(self, *arguments: Any) -> Any:
        return self._perhaps_late("extend", lambda: super(LateLedger, self).extend(*arguments))

    def adjust(self, *arguments: Any) -> Any:
        return self._perhaps_late("adjust", lambda: super(LateLedger, self).adjust(*arguments))

    def _perhaps_late(self, operation: Operation, call: Callable[[], Any]) -> Any:
        if not self._is_late(operation):
            return call()
        assert self._gate.wait(_LATE_SECONDS_MAX)
        answer = call()
        self.late_answers.append(answer[0] if isinstance(answer, tuple) else answer)
        return answer

    def _is_late(self, operation: Operation) -> bool:
        if operation != getattr(self, "_operation", None):
            return False
        with self._lock:
            if self.arrived >= self._late_attempts:
                return False
            self.arrived += 1
            return True


@asynccontextmanager
async def late_worker(stage: Stage) -> AsyncIterator[LateLedger]:
    """Run a worker for the stage over such a ledger; leaving lets everything go."""
    inventory = open_inventory(stage.settings)
    ledger = LateLedger(inventory.engine)
    try:
        worker = build_worker(
            await connect_temporal(stage.client.service_client.config.target_host),
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
    finally:
        inventory.close()
