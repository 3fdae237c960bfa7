"""What comes when a checkout's own workflow is gone: ended, terminated, or forgotten by Temporal.

A payment is settled or due back, a hold is given back, and what is open has a workflow again. Where
the checkout's workflow runs after all, the answer is its own.
"""

from __future__ import annotations

import re
from typing import Any, Final

from temporalio import workflow
from temporalio.common import RawValue, WorkflowIDReusePolicy
from temporalio.exceptions import ActivityError, ApplicationError, WorkflowAlreadyStartedError
from temporalio.workflow import ParentClosePolicy

with workflow.unsafe.imports_passed_through():
    from activities.inventory.payment_records import Pause, Resumable
    from activities.inventory.records import Closing, ClosingStatus, ReservationState
    from activities.settlement import SettlementActivities
    from holdfast_client.contract.errors import InvalidRequest
    from holdfast_client.contract.messages import Resumed, ResumedAttempt, Settlement
    from holdfast_client.contract.names import (
        CHECKOUT_NOT_FOUND,
        CHECKOUT_WORKFLOW,
        SETTLEMENT_WORKFLOW,
        checkout_workflow_id,
        settlement_workflow_id,
    )
    from holdfast_client.contract.outcomes import Cancelled, OpenOutcome
    from workflows import ledger_calls, policies, web_ui
    from workflows.ledger_calls import LedgerRefusal
    from workflows.payloads import invalid_start, read_message
    from workflows.payments import refund_due

_WORD: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


@workflow.defn(name=SETTLEMENT_WORKFLOW)
class SettlementWorkflow:
    """Settles what came too late for a checkout's own workflow."""

    @workflow.run
    async def run(self, *payloads: RawValue) -> Any:
        wish = _read_start(payloads)
        told: dict[str, str] = {"operation": wish.operation}
        if wish.payment_reference:
            told["payment_reference"] = wish.payment_reference
        try:
            answer = await _forwarded(wish) or await _decided(wish)
        except LedgerRefusal as refusal:
            raise refusal.failure() from None
        return {**answer, **told}


async def _forwarded(wish: Settlement) -> dict[str, Any] | None:
    """Return the answer of the checkout's own workflow; None where none runs."""
    if wish.operation == "resume":
        return None
    try:
        return await workflow.execute_activity_method(
            SettlementActivities.forward,
            args=[wish, _operation_id()],
            schedule_to_close_timeout=policies.LASTING_RETRY_BUDGET,
            start_to_close_timeout=policies.ATTEMPT_TIMEOUT,
            retry_policy=policies.LASTING_RETRY,
            summary="Ask the checkout's own workflow, if it runs",
        )
    except ActivityError as error:
        cause = error.cause
        if isinstance(cause, ApplicationError):
            raise ApplicationError(
                cause.message, *cause.details, type=cause.type, non_retryable=True
            ) from None
        raise


async def _decided(wish: Settlement) -> dict[str, Any]:
    """Have the ledger decide, and let what is open, or was reinstated, have a workflow again."""
    if wish.operation == "confirm":
        state = await _closed(wish, "fulfilled" if wish.settle == "fulfil" else "committed")
    elif wish.operation == "cancel":
        state = await _closed(wish, "cancelled")
        if not state.is_known:
            return _cancelled_unknown(wish, state)
    elif wish.operation == "payment_ended":
        state = await _payment_ended(wish)
    else:
        state = (await _known(wish)).state
    if isinstance(state.outcome, OpenOutcome) or state.attempt > 1:
        await _go_on(wish.checkout_id)
    if state.refund_due:
        due = refund_due(wish.payment_reference or "", state)
        return due.model_dump(mode="json")
    return state.outcome.model_dump(mode="json")


def _cancelled_unknown(wish: Settlement, state: ReservationState) -> dict[str, Any]:
    """Return the answer of what nobody knew; nothing can be held under its id any more.

    A tombstone counts as unknown, whatever has left it.
    """
    cancelled = state.outcome
    if not isinstance(cancelled, Cancelled):
        at = getattr(cancelled, "at", None) or workflow.now()
        cancelled = Cancelled(reason=wish.reason, actor=wish.actor, at=at)
    return cancelled.model_copy(update={"was_known": False}).model_dump(mode="json")


async def _closed(wish: Settlement, status: ClosingStatus) -> ReservationState:
    closing = Closing(
        wish.checkout_id,
        status,
        reason=wish.reason,
        actor=wish.actor,
        payment_reference=wish.payment_reference,
        reinstating=wish.operation == "confirm" and wish.late == "reinstate",
        operation_id=_operation_id(),
    )
    return await ledger_calls.close(closing, web_ui.settlement_summary(wish))


async def _payment_ended(wish: Settlement) -> ReservationState:
    """Put down that a payment came to nothing, so that another checkout may have it."""
    await _known(wish)
    pause = Pause(
        wish.checkout_id,
        "payment_ended",
        _operation_id(),
        wish.payment_reference or "",
        result=wish.result,
        actor=wish.actor,
    )
    return (await ledger_calls.pause(pause, web_ui.settlement_summary(wish))).state


def _operation_id() -> str:
    """Return under which id the settlement is made once, which a reset keeps."""
    return f"settlement-{workflow.info().first_execution_run_id}"


async def _known(wish: Settlement) -> Resumable:
    found = await ledger_calls.resumable(wish.checkout_id)
    if found is None:
        raise ApplicationError(
            f"checkout {wish.checkout_id!r} is not known to the database",
            type=CHECKOUT_NOT_FOUND,
            non_retryable=True,
        )
    return found


async def _go_on(checkout_id: str) -> None:
    """Start the checkout's workflow where none runs, to go on with what the ledger has."""
    found = await ledger_calls.resumable(checkout_id)
    if found is None:
        return
    attempt = ResumedAttempt(attempt=found.state.attempt, digest=found.digest)
    try:
        await workflow.start_child_workflow(
            CHECKOUT_WORKFLOW,
            Resumed(checkout_id=checkout_id, resume=attempt),
            id=checkout_workflow_id(checkout_id),
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            parent_close_policy=ParentClosePolicy.ABANDON,
            static_summary="Goes on after its own workflow was gone",
        )
    except WorkflowAlreadyStartedError:
        # It runs after all, and has or will hear of it.
        return


def _read_start(payloads: tuple[RawValue, ...]) -> Settlement:
    try:
        wish = read_message(Settlement, payloads)
        prefix = settlement_workflow_id(wish.checkout_id, "")
        word = workflow.info().workflow_id.removeprefix(prefix)
        if not _WORD.fullmatch(word):
            raise InvalidRequest("checkout_id", f"the workflow id must be {prefix}<word>")
    except InvalidRequest as error:
        raise invalid_start(error) from None
    return wish
