"""What Holdfast answers: one frozen model per outcome, told apart by ``status``.

Of the known ones ``held`` and ``committed`` can still change, ``FINAL_STATUSES`` names the rest.
Sets of words may grow: a status, reason or kind that a newer server writes reaches the caller as
text.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter

from holdfast_client.contract.fields import Answer, UtcTime

ShortageReason = Literal["insufficient", "unknown_sku", "inactive"]
CheckoutStatus = Literal[
    "pending", "held", "committed", "denied", "fulfilled", "cancelled", "expired", "unavailable"
]
FINAL_STATUSES: Final[frozenset[CheckoutStatus]] = frozenset(
    {"denied", "fulfilled", "cancelled", "expired", "unavailable"}
)


# Why a payment is due back: how its checkout stood when it came, or that it was not the first.
RefundReason = Literal[
    "expired", "cancelled", "denied", "duplicate", "unavailable", "unknown_checkout"
]
PaymentState = Literal["started", "failed", "settled", "refund_due", "refunded"]


# Of checkouts and of stock adjustments.
KNOWN_STATUSES: Final = (
    "held", "committed", "denied", "fulfilled", "cancelled", "expired", "unavailable",
    "applied", "refused", "refund_due",
)  # fmt: skip


# How many of a list are left out; told where any is.
LeftOut = Annotated[int, Field(exclude_if=lambda count: not count)]


class HeldLine(Answer):
    """So many units of a stock item, held or sold by a checkout."""

    sku: str
    location: str
    quantity: int


class Shortage(Answer):
    """Why one stock item could not be held.

    ``available`` is what could be bought at that moment (0 for an unknown or inactive SKU);
    ``next_expiry`` is when the next hold on it ends, or None where none is open, or it is not sold.
    """

    sku: str
    location: str
    requested: int
    available: int
    reason: ShortageReason | str
    next_expiry: UtcTime | None = None


class Held(Answer):
    """All lines are held until ``expires_at``, or while a payment is in flight until
    ``paying_until``, whichever is later.

    ``revision`` counts from 1, one more with each change of the lines.
    """

    status: Literal["held"] = "held"
    expires_at: UtcTime
    paying_until: UtcTime | None = None
    lines: Annotated[tuple[HeldLine, ...], Field(strict=False)]
    revision: int = 1

    @property
    def ends_at(self) -> datetime:
        """When it is over: the later of the two."""
        return max(self.expires_at, self.paying_until or self.expires_at)


class Committed(Answer):
    """Paid, without a deadline, and its goods are still on the shelf.

    ``lines`` is what is open: neither shipped nor given back. ``at`` is when it was paid.
    ``duplicate_payment`` answers a payment that is not the one on record: it is due back.
    ``reinstated`` says that it had expired before, and was paid late.
    """

    status: Literal["committed"] = "committed"
    payment_reference: str
    lines: Annotated[tuple[HeldLine, ...], Field(strict=False)]
    revision: int = 1
    at: UtcTime
    duplicate_payment: bool = False
    reinstated: bool = False


class Denied(Answer):
    """Nothing is held, because of ``shortages``. Final."""

    status: Literal["denied"] = "denied"
    shortages: Annotated[tuple[Shortage, ...], Field(strict=False)]


class Fulfilled(Answer):
    """Paid, and the stock has left: ``lines`` in all, less what was given back. Final.

    Of very many lines with very long names the last that were given back are left out of
    ``released``, and counted. ``reinstated`` says that it had expired before, and was paid late.
    """

    status: Literal["fulfilled"] = "fulfilled"
    payment_reference: str
    lines: Annotated[tuple[HeldLine, ...], Field(strict=False)]
    at: UtcTime
    released: Annotated[tuple[HeldLine, ...], Field(strict=False)] = ()
    released_left_out: LeftOut = 0
    reinstated: bool = False


class Cancelled(Answer):
    """Given back before it was paid, or before anything of it was shipped. Final.

    ``superseded_by`` is the checkout that has taken its units over, if one has. ``was_known`` is
    False where a cancellation met no checkout: its id can hold nothing any more.
    """

    status: Literal["cancelled"] = "cancelled"
    reason: str = ""
    actor: str = ""
    at: UtcTime
    superseded_by: str | None = None
    was_known: Annotated[bool, Field(exclude_if=lambda is_known: is_known)] = True


class Expired(Answer):
    """Nobody paid before the deadline; the stock is free again. Final."""

    status: Literal["expired"] = "expired"
    at: UtcTime


class Unavailable(Answer):
    """Nothing was decided in time; nothing is held, nothing will be. Final."""

    status: Literal["unavailable"] = "unavailable"


def _newer(status: str) -> str:
    """Let an answer of a known status be read as that, or not at all."""
    if status in KNOWN_STATUSES:
        raise ValueError(f"{status} is a known status, and has keys of its own")
    return status


class UnknownOutcome(Answer):
    """An answer of a status that this version does not know, with its other keys as they came.

    Whether anything is held, and whether it is final, only its ``status`` can tell.
    """

    model_config = ConfigDict(extra="allow")

    status: Annotated[
        str,
        AfterValidator(_newer),
        Field(json_schema_extra={"not": {"enum": list(KNOWN_STATUSES)}}),
    ]

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Show the other keys without their values: what is in them may be nobody's to read."""
        yield "status", self.status
        yield "keys", tuple(self.model_extra or ())


FinalOutcome = Denied | Fulfilled | Cancelled | Expired | Unavailable
OpenOutcome = Held | Committed
KnownOutcome = OpenOutcome | FinalOutcome
Outcome = KnownOutcome | UnknownOutcome


class RefundDue(Answer):
    """The answer to a payment that settles nothing: it is due back, and on record as that.

    ``shortages`` say why what had expired could not be reinstated. ``standing`` is where the
    checkout stands; None of one that nobody knows.
    """

    status: Literal["refund_due"] = "refund_due"
    payment_reference: str
    reason: RefundReason | str
    shortages: Annotated[tuple[Shortage, ...], Field(strict=False)] = ()
    standing: Annotated[KnownOutcome, Field(discriminator="status")] | UnknownOutcome | None = None


SettledOutcome = Committed | FinalOutcome | UnknownOutcome

_OUTCOME: Final[TypeAdapter[KnownOutcome]] = TypeAdapter(
    Annotated[KnownOutcome, Field(discriminator="status")]
)
_STATUSES: Final = FINAL_STATUSES | {"held", "committed"}


def parse_outcome(answer: Any) -> Outcome:
    """Return the typed outcome of an answer that was read from JSON.

    Raises:
        pydantic.ValidationError: it has no status, or not the keys that its known status has.
    """
    if _is_of_another_status(answer, _STATUSES):
        return UnknownOutcome.model_validate(answer)
    return parse_known_outcome(answer)


def parse_known_outcome(answer: Any) -> KnownOutcome:
    """Return the outcome of a status that this version knows; raises as ``parse_outcome`` does."""
    return _OUTCOME.validate_python(answer)


def _is_of_another_status(answer: Any, known: AbstractSet[str]) -> bool:
    status = answer.get("status") if isinstance(answer, dict) else None
    return isinstance(status, str) and status not in known


class CheckoutEvent(Answer):
    """Something that a checkout's workflow has noted of itself."""

    at: UtcTime
    event: str
    actor: str = ""
    reason: str = ""


# Of a checkout that leaves in very many parcels the last are told, and of a parcel the first lines.
SHIPMENTS_KEPT_MAX: Final = 50
SHIPMENT_LINES_MAX: Final = 5


class ShipmentReport(Answer):
    """One shipment of a committed checkout: so many units, and the first of its lines."""

    shipment_id: str
    at: UtcTime
    units: int
    lines: Annotated[tuple[HeldLine, ...], Field(strict=False)] = ()
    lines_left_out: int = 0


PAYMENTS_KEPT_MAX: Final = 50


class PaymentReport(Answer):
    """What became of a payment that was named for a checkout, and since when.

    ``reason`` is why it failed or is due back.
    """

    payment_reference: str
    state: PaymentState | str
    reason: str = ""
    at: UtcTime


class CheckoutReport(Answer):
    """The answer of the ``status`` query: where a checkout stands and how it came there.

    ``revision`` is None unless something is open. ``payments`` and ``shipments`` are the last
    ``PAYMENTS_KEPT_MAX`` and ``SHIPMENTS_KEPT_MAX``, the earliest first. Once its run is over, the
    database tells it: then ``lines`` is what it had taken in all.
    """

    checkout_id: str
    status: CheckoutStatus | str
    lines: Annotated[tuple[HeldLine, ...], Field(strict=False)] = ()
    lines_left_out: LeftOut = 0
    expires_at: UtcTime | None = None
    paying_until: UtcTime | None = None
    revision: int | None = None
    payments: Annotated[tuple[PaymentReport, ...], Field(strict=False)] = ()
    payments_left_out: int = 0
    shipments: Annotated[tuple[ShipmentReport, ...], Field(strict=False)] = ()
    shipments_left_out: int = 0
    events: Annotated[tuple[CheckoutEvent, ...], Field(strict=False)] = ()
    events_left_out: LeftOut = 0


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


RefusalReason = Literal[
    "below_reserved", "unknown_sku", "negative_total", "over_shop_column", "kept_by_shop"
]
HOLDERS_MAX: Final = 10


class Holder(Answer):
    """A hold on a stock item: so many of its units, until its deadline.

    ``expires_at`` is None where the checkout is committed: paid, and waiting to be shipped.
    """

    checkout_id: str
    quantity: int
    expires_at: UtcTime | None


class AdjustmentRefused(Answer):
    """The change would break the stock's figures, or is the adopted shop's; nothing was changed.

    The figures are those that stand; None where there is no such stock item. What is below what is
    reserved names the holds in its way: at most ``HOLDERS_MAX``, those that end first, how many
    units are left out because others hold them, and how many an adopted shop's own code has
    reserved. What is ``kept_by_shop`` names the column in which the shop says it.
    """

    status: Literal["refused"] = "refused"
    reason: RefusalReason | str
    sku: str | None = None
    location: str | None = None
    total: int | None = None
    reserved: int | None = None
    available: int | None = None
    holders: Annotated[tuple[Holder, ...], Field(strict=False)] = ()
    units_left_out: int = 0
    shop_reserved: int = 0
    shop_column: str | None = None


KnownAdjustmentOutcome = AdjustmentApplied | AdjustmentRefused
AdjustmentOutcome = KnownAdjustmentOutcome | UnknownOutcome

_ADJUSTMENT_OUTCOME: Final[TypeAdapter[KnownAdjustmentOutcome]] = TypeAdapter(
    Annotated[KnownAdjustmentOutcome, Field(discriminator="status")]
)
_ADJUSTMENT_STATUSES: Final = frozenset({"applied", "refused"})


def parse_adjustment_outcome(answer: Any) -> AdjustmentOutcome:
    """Return the typed outcome of a stock adjustment that was read from JSON.

    Raises:
        pydantic.ValidationError: it has no status, or not the keys that its known status has.
    """
    if _is_of_another_status(answer, _ADJUSTMENT_STATUSES):
        return UnknownOutcome.model_validate(answer)
    return parse_known_adjustment_outcome(answer)


def parse_known_adjustment_outcome(answer: Any) -> KnownAdjustmentOutcome:
    """Return the outcome of a known status; raises as ``parse_adjustment_outcome`` does."""
    return _ADJUSTMENT_OUTCOME.validate_python(answer)
