"""What every recorded path needs, and the paths of what comes when a hold is over."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from temporalio.client import WorkflowHandle

from tests.histories.shelf import put
from tests.workflows.stage import Stage
from tests.workflows.waiting import until
from worker.embedded.postgres import EmbeddedPostgres

MUG: Final = "MUG-01"
CUSTOMER: Final = {"customer_id": "customer-1", "cart_id": "cart-1"}


class Recording:
    """Puts each history on the shelf under the name of its path."""

    def __init__(self, stage: Stage, postgres: EmbeddedPostgres, shelf: Path) -> None:
        self.stage = stage
        self.till = stage.till
        self.postgres = postgres
        self.shelf = shelf

    async def keep(self, path: str, handle: WorkflowHandle[Any, Any] | None = None) -> None:
        """Write down the history of the checkout that is named as its path, or of another."""
        await put(self.shelf, path, handle or self.till.handle(path))

    async def reserve(self, path: str, quantity: int = 2, **fields: Any) -> Any:
        return await self.till.reserve(path, {MUG: quantity}, **{**CUSTOMER, **fields})

    async def keep_ended(self, path: str) -> None:
        await self.till.result(path)
        await self.keep(path)

    async def _start(self, workflow: str, message: Any, id: str) -> WorkflowHandle[Any, Any]:
        started: WorkflowHandle[Any, Any] = await self.stage.client.start_workflow(
            workflow, message, id=id, task_queue=self.till.task_queue
        )
        return started


class Settling(Recording):
    """Lives through settlements, and through payments that come late."""

    async def settlements(self) -> None:
        await self.reserve("resumed-then-shipped")
        await self.till.handle("resumed-then-shipped").terminate("by hand")
        await self._settle("settled", "resumed-then-shipped", settle="commit")
        await self.till.until_event("resumed-then-shipped", "resumed")
        await self.till.ship("resumed-then-shipped", "s-1", {MUG: 1})
        await self.till.ship("resumed-then-shipped", "s-2")
        await self.keep_ended("resumed-then-shipped")
        await self.reserve("reinstated", hold_seconds=600)
        self.stage.shop.sql(
            "UPDATE holdfast.reservations SET expires_at = holdfast.clock() "
            "WHERE checkout_id = 'reinstated'"
        )
        self.stage.shop.expire("reinstated")
        late = {"payment_reference": "pay-reinstated", "settle": "commit", "late": "reinstate"}
        await self.till.update("reinstated", "confirm", late)
        await self.till.ship("reinstated", "s-1")
        await self.keep_ended("reinstated")
        await self._settle("settlement-due-back", "reinstated", payment="pay-late")
        for operation in ("cancel", "resume", "payment_ended"):
            word = operation.replace("_", "-")
            checkout_id = f"terminated-then-{word}"
            await self.reserve(checkout_id)
            await self.till.handle(checkout_id).terminate("by hand")
            await self._settle(f"settlement-{word}", checkout_id, operation)
        await self.reserve("running")
        await self.till.commit("running")
        await self._settle("settlement-forwarded", "running", "cancel")

    async def _settle(
        self,
        path: str,
        checkout_id: str,
        operation: str = "confirm",
        *,
        payment: str = "",
        **how: Any,
    ) -> None:
        message = {"checkout_id": checkout_id, "operation": operation, **how}
        if operation in {"confirm", "payment_ended"}:
            message["payment_reference"] = payment or f"pay-{checkout_id}"
        handle = await self._start("SettlementWorkflow", message, f"settlement/{checkout_id}/1")
        await handle.result()
        await self.keep(path, handle)

    async def paid_late(self) -> None:
        """What a run that goes on is told of, and tells, when its hold is over."""
        await self.reserve("told-that-it-is-due-back")
        self.stage.shop.cancel("told-that-it-is-due-back")
        late = {"payment_reference": "pay-told", "late": "refund"}
        await self.till.update("told-that-it-is-due-back", "confirm", late)
        await self.keep_ended("told-that-it-is-due-back")
        await self.reserve("payment-ended-too-late", hold_seconds=1)
        started = {"payment_reference": "pay-ended", "seconds": 300}
        await self.till.update("payment-ended-too-late", "payment_started", started)
        await until(lambda: self.is_past("payment-ended-too-late"))
        ended = {"payment_reference": "pay-ended", "result": "failed"}
        await self.till.update("payment-ended-too-late", "payment_ended", ended)
        await self.keep_ended("payment-ended-too-late")

    def is_past(self, checkout_id: str) -> bool:
        """Say whether the deadline that a buyer was told has passed."""
        (row,) = self.stage.shop.sql(
            "SELECT expires_at <= holdfast.clock() AS past FROM holdfast.reservations "
            "WHERE checkout_id = :id",
            id=checkout_id,
        )
        return bool(row.past)
