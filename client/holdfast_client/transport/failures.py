"""From failures, as Temporal carries them, to the client's errors. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from temporalio import exceptions as temporal
from temporalio.exceptions import ApplicationError

from holdfast_client.contract import names
from holdfast_client.contract.errors import (
    AdjustmentConflict,
    AmendmentRefused,
    CheckoutConflict,
    CheckoutInterrupted,
    CheckoutNotFound,
    ExtensionRefused,
    GraceRefused,
    HoldfastError,
    HoldNotActive,
    InvalidRequest,
    OperationConflict,
    OutcomeUnknown,
    OverOpen,
    PaymentConflict,
    RefundNotDue,
    RevisionConflict,
)
from holdfast_client.questions import Question

_FIELD_AND_PROBLEM: Final = 2
_REFUSALS: Final[dict[str, type[HoldfastError]]] = {
    names.CHECKOUT_CONFLICT: CheckoutConflict,
    names.HOLD_NOT_ACTIVE: HoldNotActive,
    names.EXTENSION_REFUSED: ExtensionRefused,
    names.OVER_OPEN: OverOpen,
    names.AMENDMENT_REFUSED: AmendmentRefused,
    names.REVISION_CONFLICT: RevisionConflict,
    names.GRACE_REFUSED: GraceRefused,
    names.PAYMENT_CONFLICT: PaymentConflict,
    names.REFUND_NOT_DUE: RefundNotDue,
    names.OPERATION_CONFLICT: OperationConflict,
    names.ADJUSTMENT_CONFLICT: AdjustmentConflict,
    names.CHECKOUT_NOT_FOUND: CheckoutNotFound,
}


def refusal_of(failure: BaseException | None) -> HoldfastError | None:
    """Return the error that a failure from the workflow stands for; None where it is no refusal."""
    if not isinstance(failure, ApplicationError):
        return None
    if failure.type == names.INVALID_REQUEST:
        return _invalid(failure)
    refusal = _REFUSALS.get(failure.type or "")
    return refusal(failure.message, _details_of(failure)) if refusal else None


def interruption_of(checkout_id: str, cause: BaseException) -> HoldfastError:
    """Return the error for a checkout whose workflow ended without an outcome."""
    return refusal_of(cause) or CheckoutInterrupted(
        f"checkout {checkout_id!r} is interrupted: its workflow {_how_it_ended(cause)} and has no "
        "outcome, and the database knows nothing of it; use a new checkout id for a new attempt"
    )


def adjustment_failure_of(adjustment_id: str, cause: BaseException) -> HoldfastError:
    """Return the error for a stock adjustment whose workflow ended without an outcome."""
    return refusal_of(cause) or HoldfastError(
        f"stock adjustment {adjustment_id!r} {_how_it_ended(cause)}; look at the stock item's "
        "figures before you ask for the change again with a new adjustment id"
    )


def reading_failure_of(question: Question, cause: BaseException) -> HoldfastError:
    """Return the error for a reading whose workflow ended without an answer."""
    return refusal_of(cause) or OutcomeUnknown(
        f"{question.subject}: the reading {_how_it_ended(cause)}; {question.remedy}"
    )


def _invalid(failure: ApplicationError) -> InvalidRequest:
    details = failure.details
    if len(details) == _FIELD_AND_PROBLEM and all(isinstance(part, str) for part in details):
        return InvalidRequest(*details)
    return InvalidRequest("", failure.message)


def _details_of(failure: ApplicationError) -> Mapping[str, Any]:
    """Return what stood in the way: the first detail, where it is an object."""
    first = failure.details[0] if failure.details else None
    return first if isinstance(first, dict) else {}


def _how_it_ended(cause: BaseException) -> str:
    if isinstance(cause, temporal.TerminatedError):
        return f"was terminated ({cause.message})"
    if isinstance(cause, temporal.TimeoutError):
        return "ran into its workflow's timeout"
    if isinstance(cause, temporal.CancelledError):
        return "was cancelled from outside"
    return f"failed ({cause})"
