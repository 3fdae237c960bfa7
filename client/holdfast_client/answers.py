"""From the JSON of an answer to what the client returns. Pure.

Each raises HoldfastError where the answer is of a shape that this version does not know.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from holdfast_client.contract.errors import CheckoutNotFound, HoldfastError, HoldNotActive
from holdfast_client.contract.fields import excerpt
from holdfast_client.contract.holds import Holds
from holdfast_client.contract.messages import Late
from holdfast_client.contract.outcomes import (
    AdjustmentOutcome,
    CheckoutReport,
    Committed,
    FinalOutcome,
    Fulfilled,
    Held,
    OpenOutcome,
    Outcome,
    RefundDue,
    SettledOutcome,
    UnknownOutcome,
    parse_adjustment_outcome,
    parse_outcome,
)
from holdfast_client.contract.refunds import Refunded, Refunds
from holdfast_client.contract.timeline import Timeline
from holdfast_client.questions import Reply, Update

_SHOWN_LENGTH_MAX: Final = 200
_STATUS_SHOWN_MAX: Final = 40

_Answer = TypeVar("_Answer")


def outcome_of(answer: Any) -> Outcome:
    """Return the outcome."""
    return _read(parse_outcome, answer, "an outcome")


def final_outcome_of(answer: Any) -> FinalOutcome | UnknownOutcome:
    """Return the outcome, which may be one too new to be known, and is no open one."""
    outcome = outcome_of(answer)
    if isinstance(outcome, OpenOutcome):
        raise _unreadable(answer, "a final outcome")
    return outcome


def settled_of(reply: Reply, asked: Update, late: Late | None) -> SettledOutcome | RefundDue:
    """Return what a payment led to; who asks for nothing ``late`` is told where it stands.

    Raises:
        CheckoutNotFound: nobody knows the checkout, and the payment is due back.
    """
    answer = reply.answer
    if isinstance(answer, dict) and answer.get("status") == "refund_due":
        due = _read(RefundDue.model_validate, answer, "a payment that is due back")
        if late:
            return due
        if due.standing is None:
            raise CheckoutNotFound(f"{asked.subject} is not known; the payment is due back")
        outcome: Outcome = due.standing
        if isinstance(outcome, Committed):
            outcome = outcome.model_copy(update={"duplicate_payment": True})
    else:
        outcome = outcome_of(answer)
    if isinstance(outcome, Held):
        raise _unreadable(answer, "an outcome of a payment")
    return outcome


def shipped_of(answer: Any) -> Committed | Fulfilled | UnknownOutcome:
    """Return what a shipment led to."""
    outcome = outcome_of(answer)
    if not isinstance(outcome, Committed | Fulfilled | UnknownOutcome):
        raise _unreadable(answer, "an outcome of a shipment")
    return outcome


def amended_of(answer: Any) -> Held | Committed | UnknownOutcome:
    """Return what an amendment led to."""
    outcome = outcome_of(answer)
    if not isinstance(outcome, OpenOutcome | UnknownOutcome):
        raise _unreadable(answer, "an outcome of an amendment")
    return outcome


def held_of(answer: Any) -> Held:
    """Return the live hold."""
    outcome = outcome_of(answer)
    if not isinstance(outcome, Held):
        raise _unreadable(answer, "a live hold")
    return outcome


def of_open(reply: Reply, asked: Update, missing: str) -> Any:
    """Return the answer of a checkout that was open when it was asked.

    Args:
        reply: the answer, or the outcome of a checkout that is over.
        asked: what was asked.
        missing: what such a checkout has not, as the end of a sentence.

    Raises:
        HoldNotActive: it is over.
    """
    if not reply.is_result:
        return reply.answer
    outcome = outcome_of(reply.answer)
    raise HoldNotActive(
        f"{asked.subject} is {outcome.status}: {missing}",
        {"standing": outcome.model_dump(mode="json")},
    )


def report_of(answer: Any) -> CheckoutReport:
    """Return the report."""
    return _read(CheckoutReport.model_validate, answer, "a checkout's report")


def adjustment_outcome_of(answer: Any) -> AdjustmentOutcome:
    """Return the outcome of a stock adjustment."""
    return _read(parse_adjustment_outcome, answer, "a stock adjustment's outcome")


def timeline_of(answer: Any) -> Timeline:
    """Return the timeline."""
    return _read(Timeline.model_validate, answer, "a checkout's timeline")


def holds_of(answer: Any) -> Holds:
    """Return the open holds."""
    return _read(Holds.model_validate, answer, "a list of holds")


def refunds_of(answer: Any) -> Refunds:
    """Return the payments that are due back."""
    return _read(Refunds.model_validate, answer, "a list of refunds")


def refunded_of(answer: Any) -> Refunded:
    """Return that a payment has gone back."""
    return _read(Refunded.model_validate, answer, "a refund")


def _read(parse: Callable[[Any], _Answer], answer: Any, expected: str) -> _Answer:
    try:
        return parse(answer)
    except ValidationError:
        raise _unreadable(answer, expected) from None


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
