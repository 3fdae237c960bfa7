"""What Holdfast answers: one frozen model per outcome, told apart by ``status``.

``held`` is the only answer that can still change; ``FINAL_STATUSES`` names the rest.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import Field, TypeAdapter

from holdfast_client.contract.fields import Answer, UtcTime

ShortageReason = Literal["insufficient", "unknown_sku", "inactive"]
CheckoutStatus = Literal[
    "pending", "held", "denied", "fulfilled", "cancelled", "expired", "unavailable"
]
FINAL_STATUSES: Final[frozenset[CheckoutStatus]] = frozenset(
    {"denied", "fulfilled", "cancelled", "expired", "unavailable"}
)


class HeldLine(Answer):
    """So many units of a stock item, held or sold by a checkout."""

    sku: str
    location: str
    quantity: int


class Shortage(Answer):
    """Why one stock item could not be held.

    ``available`` is what could be bought at that moment (0 for an unknown or inactive SKU);
    ``next_expiry`` is when the next hold on it ends, or None where none is open.
    """

    sku: str
    location: str
    requested: int
    available: int
    reason: ShortageReason
    next_expiry: UtcTime | None = None


class Held(Answer):
    """All lines are held until ``expires_at``."""

    status: Literal["held"] = "held"
    expires_at: UtcTime
    lines: Annotated[tuple[HeldLine, ...], Field(strict=False)]


class Denied(Answer):
    """Nothing is held, because of ``shortages``. Final."""

    status: Literal["denied"] = "denied"
    shortages: Annotated[tuple[Shortage, ...], Field(strict=False)]


class Fulfilled(Answer):
    """Paid, and the stock has left. Final."""

    status: Literal["fulfilled"] = "fulfilled"
    payment_reference: str
    lines: Annotated[tuple[HeldLine, ...], Field(strict=False)]
    at: UtcTime


class Cancelled(Answer):
    """Given back before it was paid. Final."""

    status: Literal["cancelled"] = "cancelled"
    reason: str = ""
    actor: str = ""
    at: UtcTime


class Expired(Answer):
    """Nobody paid before the deadline; the stock is free again. Final."""

    status: Literal["expired"] = "expired"
    at: UtcTime


class Unavailable(Answer):
    """The inventory database did not answer in time; nothing is held, nothing will be. Final."""

    status: Literal["unavailable"] = "unavailable"


FinalOutcome = Denied | Fulfilled | Cancelled | Expired | Unavailable
Outcome = Held | FinalOutcome

_OUTCOME: Final[TypeAdapter[Outcome]] = TypeAdapter(
    Annotated[Outcome, Field(discriminator="status")]
)


def parse_outcome(answer: Any) -> Outcome:
    """Return the typed outcome of an answer that was read from JSON.

    Raises:
        pydantic.ValidationError: the answer is none that this version knows.
    """
    return _OUTCOME.validate_python(answer)


class CheckoutEvent(Answer):
    """One entry of a checkout's own story."""

    at: UtcTime
    event: str
    actor: str = ""
    reason: str = ""


class CheckoutReport(Answer):
    """The answer of the ``status`` query: where a checkout stands and how it came there."""

    checkout_id: str
    status: CheckoutStatus
    lines: Annotated[tuple[HeldLine, ...], Field(strict=False)] = ()
    expires_at: UtcTime | None = None
    events: Annotated[tuple[CheckoutEvent, ...], Field(strict=False)] = ()


class AdjustmentApplied(Answer):
    """The change is made; the figures are those right after it.

    ``created`` says that it made the stock item, ``active`` that new holds may take from it.
    """

    status: Literal["applied"] = "applied"
    sku: str
    location: str
    total: int
    reserved: int
    available: int
    created: bool = False
    active: bool = True


RefusalReason = Literal["below_reserved", "unknown_sku", "negative_total"]
HOLDERS_MAX: Final = 10


class Holder(Answer):
    """A hold on a stock item: so many of its units, until its deadline."""

    checkout_id: str
    quantity: int
    expires_at: UtcTime


class AdjustmentRefused(Answer):
    """The change would break the stock's figures; nothing was changed.

    The figures are those that stand; None where there is no such stock item. What is below what is
    reserved names the holds in its way: at most ``HOLDERS_MAX``, those that end first, and how many
    units are left out because others hold them.
    """

    status: Literal["refused"] = "refused"
    reason: RefusalReason
    sku: str | None = None
    location: str | None = None
    total: int | None = None
    reserved: int | None = None
    available: int | None = None
    holders: Annotated[tuple[Holder, ...], Field(strict=False)] = ()
    units_left_out: int = 0


AdjustmentOutcome = AdjustmentApplied | AdjustmentRefused

_ADJUSTMENT_OUTCOME: Final[TypeAdapter[AdjustmentOutcome]] = TypeAdapter(
    Annotated[AdjustmentOutcome, Field(discriminator="status")]
)


def parse_adjustment_outcome(answer: Any) -> AdjustmentOutcome:
    """Return the typed outcome of a stock adjustment that was read from JSON.

    Raises:
        pydantic.ValidationError: the answer is none that this version knows.
    """
    return _ADJUSTMENT_OUTCOME.validate_python(answer)
