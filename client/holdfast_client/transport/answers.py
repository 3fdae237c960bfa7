"""From answers and failures, as Temporal carries them, to typed outcomes and errors. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError
from temporalio import exceptions as temporal
from temporalio.exceptions import ApplicationError

from holdfast_client.contract import names
from holdfast_client.contract.errors import (
    AdjustmentConflict,
    CheckoutConflict,
    CheckoutInterrupted,
    CheckoutNotFound,
    ExtensionRefused,
    HoldfastError,
    HoldNotActive,
    InvalidRequest,
    OperationConflict,
    OutcomeUnknown,
    OverOpen,
)
from holdfast_client.contract.fields import excerpt
from holdfast_client.contract.holds import Holds
from holdfast_client.contract.outcomes import (
    AdjustmentOutcome,
    CheckoutReport,
    Committed,
    FinalOutcome,
    Fulfilled,
    Held,
    OpenOutcome,
    Outcome,
    SettledOutcome,
    UnknownOutcome,
    parse_adjustment_outcome,
    parse_outcome,
)
from holdfast_client.contract.timeline import Timeline

_SHOWN_LENGTH_MAX: Final = 200
_STATUS_SHOWN_MAX: Final = 40
_FIELD_AND_PROBLEM: Final = 2
_REFUSALS: Final[dict[str, type[HoldfastError]]] = {
    names.CHECKOUT_CONFLICT: CheckoutConflict,
    names.HOLD_NOT_ACTIVE: HoldNotActive,
    names.EXTENSION_REFUSED: ExtensionRefused,
    names.OVER_OPEN: OverOpen,
    names.OPERATION_CONFLICT: OperationConflict,
    names.ADJUSTMENT_CONFLICT: AdjustmentConflict,
    names.CHECKOUT_NOT_FOUND: CheckoutNotFound,
}


def outcome_of(answer: Any) -> Outcome:
    """Return the outcome, or raise HoldfastError where the answer is of an unknown shape."""
    try:
        return parse_outcome(answer)
    except ValidationError:
        raise _unreadable(answer, "an outcome") from None


def final_outcome_of(answer: Any) -> FinalOutcome | UnknownOutcome:
    """Return the outcome, which may be one too new to be known; raise HoldfastError for a hold."""
    outcome = outcome_of(answer)
    if isinstance(outcome, OpenOutcome):
        raise _unreadable(answer, "a final outcome")
    return outcome


def settled_of(answer: Any) -> SettledOutcome:
    """Return what a payment led to, or raise HoldfastError where the answer is none of it."""
    outcome = outcome_of(answer)
    if isinstance(outcome, Held):
        raise _unreadable(answer, "an outcome of a payment")
    return outcome


def shipped_of(outcome: Outcome) -> Committed | Fulfilled | UnknownOutcome:
    """Return what a shipment led to, or raise HoldfastError where the answer is none of it."""
    if not isinstance(outcome, Committed | Fulfilled | UnknownOutcome):
        raise _unreadable(outcome.model_dump(), "an outcome of a shipment")
    return outcome


def held_of(answer: Any) -> Held:
    """Return the live hold, or raise HoldfastError where the answer is none."""
    outcome = outcome_of(answer)
    if not isinstance(outcome, Held):
        raise _unreadable(answer, "a live hold")
    return outcome


def report_of(answer: Any) -> CheckoutReport:
    """Return the report, or raise HoldfastError where the answer is none."""
    try:
        return CheckoutReport.model_validate(answer)
    except ValidationError:
        raise _unreadable(answer, "a checkout's report") from None


def adjustment_outcome_of(answer: Any) -> AdjustmentOutcome:
    """Return the outcome of a stock adjustment, or raise HoldfastError where the answer is none."""
    try:
        return parse_adjustment_outcome(answer)
    except ValidationError:
        raise _unreadable(answer, "a stock adjustment's outcome") from None


def timeline_of(answer: Any) -> Timeline:
    """Return the timeline, or raise HoldfastError where the answer is none."""
    try:
        return Timeline.model_validate(answer)
    except ValidationError:
        raise _unreadable(answer, "a checkout's timeline") from None


def holds_of(answer: Any) -> Holds:
    """Return the open holds, or raise HoldfastError where the answer is none."""
    try:
        return Holds.model_validate(answer)
    except ValidationError:
        raise _unreadable(answer, "a list of holds") from None


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
        "outcome. Stock that it may still hold comes free at its deadline, its timeline tells when "
        "it has; use a new checkout id for a new attempt"
    )


def adjustment_failure_of(adjustment_id: str, cause: BaseException) -> HoldfastError:
    """Return the error for a stock adjustment whose workflow ended without an outcome."""
    return refusal_of(cause) or HoldfastError(
        f"stock adjustment {adjustment_id!r} {_how_it_ended(cause)}; look at the stock item's "
        "figures before you ask for the change again with a new adjustment id"
    )


def holds_failure_of(cause: BaseException) -> HoldfastError:
    """Return the error for a question for open holds that ended without an answer."""
    return refusal_of(cause) or OutcomeUnknown(
        f"the holds: the reading {_how_it_ended(cause)}; nothing was changed: ask again"
    )


def timeline_failure_of(checkout_id: str, cause: BaseException) -> HoldfastError:
    """Return the error for a question for a timeline that ended without an answer."""
    return refusal_of(cause) or OutcomeUnknown(
        f"the timeline of checkout {checkout_id!r}: the reading {_how_it_ended(cause)}; "
        "nothing was changed: ask again"
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


def _unreadable(answer: Any, expected: str) -> HoldfastError:
    return HoldfastError(
        f"the answer is not {expected} that this version of holdfast-client knows: "
        f"{_shape_of(answer)}; bring client and worker to the same version"
    )


def _shape_of(answer: Any) -> str:
    """Say what an answer looks like, and not what it says: errors are logged, payments are not."""
    if not isinstance(answer, dict):
        return f"a JSON {type(answer).__name__}"
    status = excerpt(str(answer.get("status")), _STATUS_SHOWN_MAX)
    keys = excerpt(", ".join(map(str, answer)), _SHOWN_LENGTH_MAX)
    return f"its status is {status!r}, its keys are {keys}"
