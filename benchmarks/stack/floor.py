"""The engine floor: what Temporal itself costs a checkout in which nothing is reserved.

The same messages, the same timer and as many calls of activities as Holdfast's checkout, with
activities that do nothing. No search attributes, no summaries, no validation, no events.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from temporalio import activity, workflow

FLOOR_TASK_QUEUE: Final = "floor"
RESERVED: Final = "reserved"
CONFIRM: Final = "confirm"
_CALL_TIMEOUT: Final = timedelta(seconds=2)


@activity.defn
async def reserve_nothing(request: dict[str, Any]) -> dict[str, Any]:
    """Answer at once."""
    return {"status": "held", "lines": request["lines"]}


@activity.defn
async def fulfil_nothing(confirmation: dict[str, Any]) -> dict[str, Any]:
    """Answer at once."""
    return {"status": "fulfilled"} | confirmation


@workflow.defn
class FloorCheckout:
    """Waits for a payment or a deadline, between two calls of an activity."""

    def __init__(self) -> None:
        self._held: dict[str, Any] | None = None
        self._payment: dict[str, Any] | None = None
        self._outcome: dict[str, Any] | None = None

    @workflow.run
    async def run(self, request: dict[str, Any]) -> dict[str, Any]:
        self._held = await workflow.execute_local_activity(
            reserve_nothing, request, schedule_to_close_timeout=_CALL_TIMEOUT
        )
        await workflow.wait_condition(
            lambda: self._payment is not None, timeout=timedelta(seconds=request["hold_seconds"])
        )
        outcome: dict[str, Any] = await workflow.execute_local_activity(
            fulfil_nothing, args=[self._payment], schedule_to_close_timeout=_CALL_TIMEOUT
        )
        self._outcome = outcome
        await workflow.wait_condition(workflow.all_handlers_finished)
        return outcome

    @workflow.update(name=RESERVED)
    async def reserved(self, _request: dict[str, Any]) -> dict[str, Any]:
        await workflow.wait_condition(lambda: self._held is not None)
        assert self._held is not None
        return self._held

    @workflow.update(name=CONFIRM)
    async def confirm(self, confirmation: dict[str, Any]) -> dict[str, Any]:
        self._payment = confirmation
        await workflow.wait_condition(lambda: self._outcome is not None)
        assert self._outcome is not None
        return self._outcome
