"""The activities of a settlement: what to go on with, and a message to the checkout's workflow."""

from __future__ import annotations

from typing import Any, Final

from temporalio import activity
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from activities.attempt import to_its_end
from activities.failures import told_to_temporal
from activities.inventory.async_ledger import AsyncLedger
from activities.inventory.payment_records import Resumable
from activities.inventory.records import Closing
from holdfast_client.contract.messages import Settlement
from holdfast_client.contract.names import (
    CANCEL_UPDATE,
    CONFIRM_UPDATE,
    PAYMENT_ENDED_UPDATE,
    checkout_workflow_id,
)
from holdfast_client.contract.outcomes import parse_outcome

# What the server says of an update whose run ended before it was answered.
_LOST: Final = "AcceptedUpdateCompletedWorkflow"


class SettlementActivities:
    """What a settlement asks of the ledger, and of the checkout's own workflow."""

    def __init__(self, ledger: AsyncLedger) -> None:
        self._ledger = ledger

    @activity.defn(name="read_resumable")
    async def read_resumable(self, checkout_id: str) -> Resumable | None:
        """Read what a workflow goes on with; None of what nobody knows."""
        with told_to_temporal():
            return await to_its_end(self._ledger.resumable(checkout_id))

    @activity.defn(name="forward")
    async def forward(self, wish: Settlement, update_id: str) -> dict[str, Any] | None:
        """Send a message to the checkout's workflow, and return its answer; None if none runs.

        Attempts share the update's id, so a run carries it out once. A cancellation that came too
        late concerns no later run either, so what it was told is told again.
        """
        if wish.operation != "cancel":
            return await _exchanged(wish, update_id)
        closing = Closing(
            wish.checkout_id, "cancelled", wish.reason, wish.actor, operation_id=update_id
        )
        with told_to_temporal():
            told = await to_its_end(self._ledger.late_cancellation(closing))
        if told is not None:
            return told.model_dump(mode="json")
        answer = await _exchanged(wish, update_id)
        if answer is not None:
            outcome = parse_outcome(answer)
            with told_to_temporal():
                await to_its_end(self._ledger.record_late_cancellation(closing, outcome))
        return answer


async def _exchanged(wish: Settlement, update_id: str) -> dict[str, Any] | None:
    name, message = update_of(wish)
    handle = activity.client().get_workflow_handle(checkout_workflow_id(wish.checkout_id))
    try:
        answer: dict[str, Any] = await handle.execute_update(
            name, message, id=update_id, result_type=dict
        )
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise
    except WorkflowUpdateFailedError as error:
        cause = error.cause
        if isinstance(cause, ApplicationError) and cause.type != _LOST:
            raise ApplicationError(
                cause.message, *cause.details, type=cause.type, non_retryable=True
            ) from None
        raise
    return answer


def update_of(wish: Settlement) -> tuple[str, dict[str, Any]]:
    """Return the update of a checkout that says the same, and its message."""
    if wish.operation == "cancel":
        return CANCEL_UPDATE, {"reason": wish.reason, "actor": wish.actor}
    if wish.operation == "payment_ended":
        return PAYMENT_ENDED_UPDATE, {
            "payment_reference": wish.payment_reference,
            "result": wish.result,
            "actor": wish.actor,
        }
    return CONFIRM_UPDATE, {
        "payment_reference": wish.payment_reference,
        "settle": wish.settle,
        "late": wish.late,
        "actor": wish.actor,
    }
