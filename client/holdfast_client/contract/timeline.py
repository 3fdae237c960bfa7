"""The timeline of a checkout: what the database tells of it, however old it is."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import Field

from holdfast_client.contract.fields import Answer, CheckoutId, Message, UtcTime
from holdfast_client.contract.outcomes import (
    PAYMENTS_KEPT_MAX,
    SHIPMENTS_KEPT_MAX,
    CheckoutEvent,
    CheckoutReport,
    HeldLine,
    PaymentReport,
    ShipmentReport,
    Shortage,
)

# At most so many lines, payments, shortages, changes and movements, of each; the rest is counted.
# With the longest texts that are allowed they stay below what Temporal carries in one payload.
TIMELINE_ROWS_MAX: Final = 200

RecordedStatus = Literal["held", "committed", "denied", "fulfilled", "cancelled", "expired"]
MovementKind = Literal["reserve", "amend", "supersede", "fulfil", "release", "cancel", "expire"]
TimelineEventName = Literal[
    RecordedStatus,
    "extended",
    "amended",
    "shipped",
    "released",
    "payment_started",
    "payment_ended",
    "reinstated",
]


class TimelineRequest(Message):
    """Whose timeline is wanted."""

    checkout_id: CheckoutId


class TimelineEvent(Answer):
    """Something that became of the checkout.

    ``expires_at`` is the deadline that a ``held`` or ``extended`` set, or until when a
    ``payment_started`` lets the hold wait; ``seconds`` is by how much
    an extension was asked to move it, or None where that was not recorded. ``units`` is how many
    a ``shipped`` or ``released`` took, or were open after an ``amended``; ``shipment_id`` which
    shipment it was, and ``digest`` what was asked for under that id.
    """

    at: UtcTime
    event: TimelineEventName | str
    actor: str = ""
    reason: str = ""
    seconds: int | None = None
    expires_at: UtcTime | None = None
    units: int | None = None
    shipment_id: str | None = None
    digest: str | None = None


class TimelineMovement(Answer):
    """A change of one stock item's figures that the checkout made, in units."""

    at: UtcTime
    kind: MovementKind | str
    sku: str
    location: str
    total_delta: int
    reserved_delta: int


class Timeline(Answer):
    """What the database has on a checkout, the earliest first.

    Each list has at most ``TIMELINE_ROWS_MAX`` entries, ``events`` so many extensions,
    amendments, shipments and releases, with the beginning, the payment and the end. Beside it
    stands how many were left out: of those changes the earliest, of the others the last.
    ``expires_at`` is the last deadline that was set, None where nothing was ever held;
    ``paying_until`` up to when a hold waits for a payment in flight, None where it does not.
    """

    checkout_id: str
    status: RecordedStatus | str
    customer_id: str | None = None
    cart_id: str | None = None
    created_at: UtcTime
    expires_at: UtcTime | None = None
    paying_until: UtcTime | None = None
    closed_at: UtcTime | None = None
    payment_reference: str | None = None
    lines: Annotated[tuple[HeldLine, ...], Field(strict=False)] = ()
    lines_left_out: int = 0
    payments: Annotated[tuple[PaymentReport, ...], Field(strict=False)] = ()
    payments_left_out: int = 0
    shortages: Annotated[tuple[Shortage, ...], Field(strict=False)] = ()
    shortages_left_out: int = 0
    events: Annotated[tuple[TimelineEvent, ...], Field(strict=False)] = ()
    events_left_out: int = 0
    movements: Annotated[tuple[TimelineMovement, ...], Field(strict=False)] = ()
    movements_left_out: int = 0

    @property
    def ends_at(self) -> datetime | None:
        """When a hold is over, or was to be: the later of its two deadlines."""
        return max((at for at in (self.expires_at, self.paying_until) if at), default=None)

    @property
    def is_unknown(self) -> bool:
        """Whether it stands only for what came under an id that nobody had used."""
        return not self.was_decided

    @property
    def was_decided(self) -> bool:
        """Whether stock was held for it, or denied. Of what was not, its workflow knows more."""
        return self.expires_at is not None or self.status == "denied"

    def report(self) -> CheckoutReport:
        """Return what a checkout's own workflow would report, as far as the database tells."""
        is_held = self.status == "held"
        return CheckoutReport(
            checkout_id=self.checkout_id,
            status=self.status,
            lines=self.lines,
            lines_left_out=self.lines_left_out,
            expires_at=self.expires_at if is_held else None,
            paying_until=self.paying_until,
            payments=self.payments[-PAYMENTS_KEPT_MAX:],
            payments_left_out=max(len(self.payments) - PAYMENTS_KEPT_MAX, 0)
            + self.payments_left_out,
            shipments=tuple(
                ShipmentReport(shipment_id=e.shipment_id, at=e.at, units=e.units or 0)
                for e in self.events
                if e.shipment_id is not None
            )[-SHIPMENTS_KEPT_MAX:],
            events=tuple(
                CheckoutEvent(at=e.at, event=e.event, actor=e.actor, reason=e.reason)
                for e in self.events
            ),
            events_left_out=self.events_left_out,
        )
