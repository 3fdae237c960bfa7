"""Workflows with Holdfast's names that play a script: the cart id says which."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from holdfast_client.contract.names import (
    ADJUST_STOCK_WORKFLOW,
    CANCEL_UPDATE,
    CHECKOUT_NOT_FOUND,
    CHECKOUT_WORKFLOW,
    CONFIRM_UPDATE,
    EXTEND_UPDATE,
    RESERVED_UPDATE,
    SETTLEMENT_WORKFLOW,
    STATUS_QUERY,
    TIMELINE_WORKFLOW,
)

# The scripts `lose` and `restart` leave an update unfinished on purpose.
ABANDON = workflow.HandlerUnfinishedPolicy.ABANDON
AT = "2026-03-01T12:00:00.000000Z"
HELD = {"status": "held", "expires_at": AT, "lines": []}
FULFILLED = {"status": "fulfilled", "payment_reference": "pay_1", "lines": [], "at": AT}
CANCELLED = {"status": "cancelled", "reason": "", "actor": "", "at": AT}
APPLIED = {
    "status": "applied",
    "sku": "MUG",
    "location": "main",
    "total": 5,
    "reserved": 0,
    "available": 5,
}
UNKNOWN = ApplicationError("it is unknown", type=CHECKOUT_NOT_FOUND, non_retryable=True)
UNREADABLE = {"status": "held", "to": "nobody"}


@workflow.defn(name=CHECKOUT_WORKFLOW)
class StubCheckout:
    """A checkout whose ``cart_id`` is its script, ``ok`` where there is none.

    ``ok`` answers; ``silent`` never does; ``unreadable`` answers nonsense; ``refuse:TYPE`` fails
    each update with that type; ``fail:TYPE`` fails the workflow with it, while it answers
    ``reserved``; ``lose`` closes over an accepted update; ``restart`` continues as new over one.
    """

    @workflow.init
    def __init__(self, request: dict[str, Any], runs: int = 1) -> None:
        script: str = request.get("cart_id") or "ok"
        self._script, _, self._type = script.partition(":")
        self._runs = runs
        self._result: dict[str, Any] | None = None
        self._is_restarting = False

    @workflow.run
    async def run(self, request: dict[str, Any], runs: int = 1) -> dict[str, Any]:
        if self._script == "fail":
            raise self._failure()
        await workflow.wait_condition(lambda: bool(self._result or self._is_restarting))
        if self._is_restarting:
            workflow.continue_as_new(args=[request, runs + 1])
        if self._script == "ok":
            await workflow.wait_condition(workflow.all_handlers_finished)
        assert self._result
        return self._result

    @workflow.update(name=RESERVED_UPDATE)
    async def reserved(self, request: dict[str, Any]) -> dict[str, Any]:
        return await self._played(HELD)

    @workflow.update(name=CONFIRM_UPDATE, unfinished_policy=ABANDON)
    async def confirm(self, message: dict[str, Any]) -> dict[str, Any]:
        return await self._played(FULFILLED, closing=True)

    @workflow.update(name=EXTEND_UPDATE, unfinished_policy=ABANDON)
    async def extend_hold(self, message: dict[str, Any]) -> dict[str, Any]:
        return await self._played(HELD, closing=self._script in {"lose", "restart"})

    @workflow.update(name=CANCEL_UPDATE, unfinished_policy=ABANDON)
    async def cancel_hold(self, message: dict[str, Any]) -> dict[str, Any]:
        return await self._played(CANCELLED, closing=True)

    @workflow.query(name=STATUS_QUERY)
    def status(self) -> dict[str, Any]:
        status = "held" if self._result is None else self._result["status"]
        return {"checkout_id": "stub", "status": status, "lines": [], "events": []}

    async def _played(self, answer: dict[str, Any], *, closing: bool = False) -> dict[str, Any]:
        if self._script == "silent":
            await workflow.wait_condition(lambda: False)
        if self._script == "unreadable":
            return UNREADABLE
        if self._script == "refuse":
            raise self._failure()
        if closing:
            await self._close_with(answer)
        return answer

    async def _close_with(self, answer: dict[str, Any]) -> None:
        if self._script == "restart" and self._runs == 1:
            self._is_restarting = True
            await asyncio.sleep(timedelta(hours=1).total_seconds())
        self._result = answer
        if self._script == "lose":
            await asyncio.sleep(timedelta(hours=1).total_seconds())

    def _failure(self) -> ApplicationError:
        return ApplicationError(
            f"the stub says {self._type}", "lines[0].sku", "is odd", type=self._type
        )


@workflow.defn(name=ADJUST_STOCK_WORKFLOW)
class StubAdjustStock:
    """An adjustment whose ``reason`` is its script: ``wait`` until released, else it applies."""

    def __init__(self) -> None:
        self._is_released = False

    @workflow.run
    async def run(self, change: dict[str, Any]) -> dict[str, Any]:
        if change["reason"] == "wait":
            await workflow.wait_condition(lambda: self._is_released)
        return APPLIED

    @workflow.signal
    def release(self) -> None:
        self._is_released = True


@workflow.defn(name=SETTLEMENT_WORKFLOW)
class StubSettlement:
    """A settlement: a payment is due back, a cancellation cancels, nothing is there to go on."""

    @workflow.run
    async def run(self, wish: dict[str, Any]) -> dict[str, Any]:
        told = {"operation": wish["operation"]}
        if wish["operation"] == "cancel":
            return CANCELLED | told
        if wish["operation"] == "resume":
            raise UNKNOWN
        due = {"status": "refund_due", "reason": "duplicate", "standing": FULFILLED}
        return due | told | {"payment_reference": wish["payment_reference"]}


@workflow.defn(name=TIMELINE_WORKFLOW)
class StubTimeline:
    """A database that knows no checkout."""

    @workflow.run
    async def run(self, request: dict[str, Any]) -> dict[str, Any]:
        raise UNKNOWN
