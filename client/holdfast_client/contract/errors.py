"""The exceptions a caller can meet.

::

    HoldfastError
      InvalidRequest       a field is wrong; nothing was sent (also a ValueError)
      CheckoutConflict     the checkout id already names a different request
      AdjustmentConflict   the adjustment id already names a different change
      CheckoutNotFound     no such checkout
      HoldNotActive        there is no live hold to extend or amend, or nothing open to ship
      OverOpen             more is to be shipped or given back than is open
      AmendmentRefused     some of the new lines cannot be had; the old ones stay
      RevisionConflict     the lines were changed meanwhile; they stay
      OperationConflict    the shipment id already names other content
      GraceRefused         the hold waits for the payment as long as is allowed already
      PaymentConflict      the payment belongs to another checkout
      RefundNotDue         no such payment is due back
      ExtensionRefused     the hold would grow longer than the cap allows
      CheckoutInterrupted  the checkout's workflow ended before anything was held or denied
      StockUnreadable      availability could not be read from the database; ask again
      OutcomeUnknown       no answer in time; ask again with the same id
        ServerUnreachable  Temporal could not be reached at all
      UsedAfterFork        the client belongs to the process that this one was forked from

Denied, expired, cancelled and unavailable are answers, not exceptions.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from holdfast_client.contract.fields import excerpt
from holdfast_client.contract.outcomes import HeldLine, Outcome, Shortage, parse_outcome

_LISTED_MAX = 5
_PATH_LENGTH_MAX = 120
_PROBLEM_LENGTH_MAX = 200
_LINES: Final = TypeAdapter(tuple[HeldLine, ...])
_SHORTAGES: Final = TypeAdapter(tuple[Shortage, ...])


class HoldfastError(Exception):
    """Base of every error that the client raises.

    Args:
        message: what happened, in a sentence for people.
        details: what stood in the way as data, as the contract names it for each kind; often empty.
    """

    def __init__(self, message: str = "", details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.details: Mapping[str, Any] = details or {}


class _NamesWhatDiffers:
    details: Mapping[str, Any]

    @property
    def differs(self) -> tuple[str, ...]:
        """The keys in which the two requests differ; none where it is not known."""
        return _texts(self.details.get("differs"))


class InvalidRequest(HoldfastError, ValueError):
    """A field of the request is wrong.

    Args:
        field: path of the field, such as ``lines[2].quantity``; empty for the whole message.
        problem: what is wrong with it.
    """

    def __init__(self, field: str, problem: str) -> None:
        self.field = field
        self.problem = problem
        super().__init__(f"{field}: {problem}" if field else problem)

    @classmethod
    def from_validation(cls, error: ValidationError) -> InvalidRequest:
        """Build it from pydantic's findings: the first field leads, the others follow."""
        findings = error.errors(include_url=False, include_input=False, include_context=False)
        named = [(_path(finding["loc"]), _problem(finding["msg"])) for finding in findings]
        field, problem = named[0]
        others = [f"{path}: {text}" for path, text in named[1:_LISTED_MAX]]
        if len(named) > _LISTED_MAX:
            others.append(f"and {len(named) - _LISTED_MAX} more")
        return cls(field, "; ".join([problem, *others]))


class CheckoutConflict(_NamesWhatDiffers, HoldfastError):
    """The checkout id is taken by a different request; use a new id for a new attempt."""


class AdjustmentConflict(_NamesWhatDiffers, HoldfastError):
    """The adjustment id is taken by a different change; use a new id for a new change."""


class CheckoutNotFound(HoldfastError):
    """No checkout of this id is known to Temporal; for a timeline, to the database."""


class OperationConflict(_NamesWhatDiffers, HoldfastError):
    """The id is taken by an operation with other content; that was left as it is."""


class _NamesWhatIsOpen:
    details: Mapping[str, Any]

    @property
    def lines(self) -> tuple[HeldLine, ...]:
        """What is open."""
        try:
            return _LINES.validate_python(self.details.get("lines") or ())
        except ValidationError:
            return ()


class OverOpen(_NamesWhatIsOpen, HoldfastError):
    """More is to be shipped or given back than is open, or a line that is not there."""


class AmendmentRefused(HoldfastError):
    """Some of the new lines cannot be had, or are too many; the old ones are held as before."""

    @property
    def limits(self) -> tuple[Mapping[str, Any], ...]:
        """What it would have exceeded, each with its ``limit``, what is ``already``, and what was
        ``requested`` beside that."""
        limits = self.details.get("limits")
        return tuple(limits) if isinstance(limits, list) else ()

    @property
    def shortages(self) -> tuple[Shortage, ...]:
        """What cannot be had: ``available`` is what this checkout could have in all."""
        try:
            return _SHORTAGES.validate_python(self.details.get("shortages") or ())
        except ValidationError:
            return ()


class RevisionConflict(_NamesWhatIsOpen, HoldfastError):
    """The lines are others than those that the amendment was to replace; they stay."""

    @property
    def revision(self) -> int | None:
        """That of the lines as they are; None where it is not told."""
        return _whole_number(self.details.get("revision"))


class HoldNotActive(HoldfastError):
    """The hold is over or has not begun, or nothing is committed: nothing can be changed."""

    @property
    def standing(self) -> Outcome | None:
        """Where the checkout stands; None where it is not told."""
        try:
            return parse_outcome(self.details.get("standing"))
        except ValidationError:
            return None


class PaymentConflict(HoldfastError):
    """The payment belongs to another checkout; nothing was changed."""

    @property
    def checkout_id(self) -> str | None:
        """To which it belongs; None where it is not told."""
        checkout_id = self.details.get("checkout_id")
        return None if checkout_id is None else str(checkout_id)


class GraceRefused(HoldfastError):
    """The hold waits for this payment as long as is allowed already; it goes on as it is."""

    @property
    def cap_seconds(self) -> int | None:
        """How long after its deadline a hold waits at most, in seconds; None if not known."""
        return _whole_number(self.details.get("cap_seconds"))


class RefundNotDue(HoldfastError):
    """The payment is not due back; it may be on record as gone back already."""

    @property
    def state(self) -> str | None:
        """Where it stands; None for a payment that nobody knows."""
        state = self.details.get("state")
        return None if state is None else str(state)

    @property
    def at(self) -> datetime | None:
        """When it went back; None of one that has not."""
        at = self.details.get("at")
        return None if at is None else datetime.fromisoformat(str(at))


class ExtensionRefused(HoldfastError):
    """The extension would make the hold longer than the cap on its whole length."""

    @property
    def cap_seconds(self) -> int | None:
        """How long a hold may last in all, in seconds; None where it is not known."""
        return _whole_number(self.details.get("cap_seconds"))

    @property
    def seconds_max(self) -> int | None:
        """The most seconds that could have been asked for, 0 or more; None if not known."""
        return _whole_number(self.details.get("seconds_max"))


class CheckoutInterrupted(HoldfastError):
    """The checkout's workflow was terminated, timed out or failed, and the ledger knows nothing.

    What the ledger knows goes on without it: then the answer is where that stands.
    """


class OutcomeUnknown(HoldfastError):
    """No answer came in time: the request may or may not have been carried out.

    Asking again with the same id is always safe and gives the one outcome; for an extension that
    is the extension id, which the message names.
    """


class ServerUnreachable(OutcomeUnknown):
    """Temporal did not answer at all."""


class UsedAfterFork(HoldfastError):
    """The client's connection was made before a fork, by another process; nothing was sent.

    A connection cannot be shared: make the client in the process that uses it. A server that forks
    its workers does so after the fork; ``SyncReservationClient`` does so by itself.
    """


class StockUnreadable(HoldfastError):
    """Availability could not be read from the database in time; nothing is known. Ask again."""


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, (list, tuple)) else ()


def _whole_number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _path(location: tuple[int | str, ...]) -> str:
    path = ""
    for part in location:
        if isinstance(part, int):
            path += f"[{part}]"
        else:
            path += f".{part}" if path else part
    return excerpt(path, _PATH_LENGTH_MAX)


def _problem(message: str) -> str:
    text = message.removeprefix("Value error, ")
    return excerpt(text[:1].lower() + text[1:], _PROBLEM_LENGTH_MAX)
