"""Stock and checkouts in memory, under the rules of the real ledger and lifecycle.

It decides by code of its own, on purpose: it is an independent oracle. The conformance tests put
the same questions to it and to the real ledger, and two rules that agree were written twice.
Its clock stands still until it is moved, so a hold ends exactly when a test says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain
from typing import Final, NamedTuple

from holdfast_client.contract.conflicts import adjustment_conflict, checkout_conflict
from holdfast_client.contract.errors import (
    CheckoutNotFound,
    ExtensionRefused,
    HoldNotActive,
)
from holdfast_client.contract.fields import HOLD_SECONDS_MAX, Message
from holdfast_client.contract.messages import (
    Cancellation,
    CheckoutRequest,
    Confirmation,
    Extension,
    StockAdjustment,
)
from holdfast_client.contract.outcomes import (
    HOLDERS_MAX,
    SHIPMENTS_KEPT_MAX,
    AdjustmentApplied,
    AdjustmentRefused,
    Cancelled,
    CheckoutEvent,
    CheckoutReport,
    Committed,
    Denied,
    Expired,
    FinalOutcome,
    Fulfilled,
    Held,
    HeldLine,
    Holder,
    KnownAdjustmentOutcome,
    KnownOutcome,
    OpenOutcome,
    RefusalReason,
    SettledOutcome,
    ShipmentReport,
    Shortage,
    ShortageReason,
    Unavailable,
)
from holdfast_client.contract.summaries import CheckoutSummary
from holdfast_client.contract.timeline import MovementKind, TimelineEvent, TimelineMovement
from holdfast_client.contract.wording import over_cap

_ENDINGS: Final[dict[str, MovementKind]] = {
    "fulfilled": "fulfil",
    "cancelled": "cancel",
    "expired": "expire",
}


class StockFigures(NamedTuple):
    """The figures of one stock item, in units."""

    total: int
    reserved: int
    available: int


@dataclass
class Shelf:
    """One stock item."""

    total: int = 0
    reserved: int = 0
    active: bool = True

    @property
    def figures(self) -> StockFigures:
        """Total, reserved and available units."""
        return StockFigures(self.total, self.reserved, self.total - self.reserved)


@dataclass
class Checkout:
    """One attempt to buy; ``request`` is in its normalized form."""

    request: CheckoutRequest
    started_at: datetime
    outcome: KnownOutcome
    closed_at: datetime | None = None
    events: list[CheckoutEvent] = field(default_factory=list)
    extensions: dict[str, Held] = field(default_factory=dict)
    story: list[TimelineEvent] = field(default_factory=list)
    movements: list[TimelineMovement] = field(default_factory=list)
    shipments: list[ShipmentReport] = field(default_factory=list)
    parts: dict[tuple[str, str], Message] = field(default_factory=dict)
    last_open: tuple[HeldLine, ...] = ()
    shipped: tuple[HeldLine, ...] = ()
    released: tuple[HeldLine, ...] = ()

    @property
    def about(self) -> tuple[HeldLine, ...]:
        """What it is about: what is open or was sold, was open last, or was asked for."""
        if isinstance(self.outcome, Held | Committed | Fulfilled):
            return self.outcome.lines
        return self.last_open or self.lines

    @property
    def open_lines(self) -> tuple[HeldLine, ...]:
        """What is open."""
        return self.outcome.lines if isinstance(self.outcome, OpenOutcome) else ()

    def given_back_whole(self, reason: str, actor: str, at: datetime) -> Cancelled | Fulfilled:
        """Return how it ends where all that is open is given back."""
        if isinstance(self.outcome, Committed) and self.shipped:
            return Fulfilled(
                payment_reference=self.outcome.payment_reference,
                lines=self.shipped,
                released=summed(self.released, self.open_lines),
                at=at,
            )
        return Cancelled(reason=reason, actor=actor, at=at)

    @property
    def lines(self) -> tuple[HeldLine, ...]:
        """The lines as an outcome shows them."""
        return tuple(
            HeldLine(sku=line.sku, location=line.location or "", quantity=line.quantity)
            for line in self.request.lines
        )


def summed(*parts: tuple[HeldLine, ...]) -> tuple[HeldLine, ...]:
    """Return the units of all parts, a line for each stock item, in order."""
    units: dict[tuple[str, str], int] = {}
    for line in chain(*parts):
        units[line.sku, line.location] = units.get((line.sku, line.location), 0) + line.quantity
    return tuple(
        HeldLine(sku=sku, location=location, quantity=quantity)
        for (sku, location), quantity in sorted(units.items())
        if quantity
    )


class FakeLedger:
    """Every checkout, stock item and adjustment of one fake shop."""

    def __init__(self, now: datetime, hold_length_seconds_max: int) -> None:
        self.now = now
        self.shelves: dict[tuple[str, str], Shelf] = {}
        self._hold_length_max = timedelta(seconds=hold_length_seconds_max)
        self._checkouts: dict[str, Checkout] = {}
        self._adjustments: dict[str, tuple[StockAdjustment, KnownAdjustmentOutcome]] = {}

    def move_clock(self, seconds: float) -> None:
        """Let time pass and end every hold whose deadline has come, the earliest first."""
        self.now += timedelta(seconds=seconds)
        due = [
            (outcome.expires_at, checkout)
            for checkout, outcome in self.open_holds()
            if outcome.expires_at <= self.now
        ]
        for deadline, checkout in sorted(due, key=lambda pair: pair[0]):
            self._end(checkout, Expired(at=deadline), deadline)

    def reserve(self, request: CheckoutRequest, *, inventory_answers: bool) -> KnownOutcome:
        """Hold every line or none; the same request again gives the present outcome."""
        wanted = request.normalized()
        known = self._checkouts.get(request.checkout_id)
        if known is None:
            known = self._open(wanted, inventory_answers)
        elif conflict := checkout_conflict(wanted, known.request):
            raise conflict
        return known.outcome

    def confirm(self, checkout_id: str, message: Confirmation) -> SettledOutcome:
        """Fulfil or commit a live hold, or return the outcome that came first."""
        checkout = self.checkout(checkout_id)
        if isinstance(checkout.outcome, Committed):
            is_another = message.payment_reference != checkout.outcome.payment_reference
            return checkout.outcome.model_copy(update={"duplicate_payment": is_another})
        if not isinstance(checkout.outcome, Held):
            return checkout.outcome
        if message.settle == "commit":
            return self._commit(checkout, checkout.outcome, message)
        outcome = Fulfilled(
            payment_reference=message.payment_reference,
            lines=checkout.outcome.lines,
            released=checkout.released,
            at=self.now,
        )
        return self._end(checkout, outcome, self.now, actor=message.actor)

    def _commit(self, checkout: Checkout, held: Held, message: Confirmation) -> Committed:
        committed = Committed(
            payment_reference=message.payment_reference,
            lines=held.lines,
            revision=held.revision,
            at=self.now,
        )
        checkout.outcome = committed
        checkout.events.append(self._event("committed", message.actor))
        checkout.story.append(
            TimelineEvent(
                at=self.now, event="committed", reason=f"payment {message.payment_reference}"
            )
        )
        return committed

    def cancel(self, checkout_id: str, message: Cancellation) -> FinalOutcome:
        """Give back what is open, or return the final outcome that came first."""
        checkout = self.checkout(checkout_id)
        if not isinstance(checkout.outcome, OpenOutcome):
            return checkout.outcome
        outcome = checkout.given_back_whole(message.reason, message.actor, self.now)
        return self._end(checkout, outcome, self.now, actor=message.actor, reason=message.reason)

    def extend(self, checkout_id: str, message: Extension, extension_id: str) -> Held:
        """Move the deadline of a live hold, under the cap on its whole length, once per id."""
        checkout = self.checkout(checkout_id)
        if extension_id in checkout.extensions:
            return checkout.extensions[extension_id]
        if not isinstance(checkout.outcome, Held):
            raise HoldNotActive(
                f"checkout {checkout_id!r} is {checkout.outcome.status}: there is no live hold "
                "to extend",
                {"standing": checkout.outcome.model_dump(mode="json")},
            )
        deadline = checkout.outcome.expires_at + timedelta(seconds=message.seconds)
        if deadline > checkout.started_at + self._hold_length_max:
            raise self._over_cap(checkout, checkout.outcome)
        held = checkout.outcome.model_copy(update={"expires_at": deadline})
        checkout.outcome = held
        checkout.extensions[extension_id] = held
        checkout.events.append(self._event("extended", message.actor, message.reason))
        checkout.story.append(
            TimelineEvent(
                at=self.now,
                event="extended",
                actor=message.actor,
                reason=message.reason,
                seconds=message.seconds,
                expires_at=deadline,
            )
        )
        return held

    def _over_cap(self, checkout: Checkout, held: Held) -> ExtensionRefused:
        left = checkout.started_at + self._hold_length_max - held.expires_at
        seconds_max = min(max(left // timedelta(seconds=1), 0), HOLD_SECONDS_MAX)
        cap_seconds = int(self._hold_length_max.total_seconds())
        return ExtensionRefused(
            over_cap(cap_seconds, seconds_max),
            {"cap_seconds": cap_seconds, "seconds_max": seconds_max},
        )

    def known(self, checkout_id: str) -> Checkout:
        """Return a checkout that the database has."""
        try:
            return self._checkouts[checkout_id]
        except KeyError:
            raise CheckoutNotFound(
                f"checkout {checkout_id!r} is not known to the database"
            ) from None

    def report(self, checkout_id: str) -> CheckoutReport:
        """Return where a checkout stands and how it came there."""
        checkout = self.checkout(checkout_id)
        outcome = checkout.outcome
        return CheckoutReport(
            checkout_id=checkout_id,
            status=outcome.status,
            lines=checkout.about,
            expires_at=outcome.expires_at if isinstance(outcome, Held) else None,
            revision=outcome.revision if isinstance(outcome, OpenOutcome) else None,
            shipments=tuple(checkout.shipments[-SHIPMENTS_KEPT_MAX:]),
            shipments_left_out=max(len(checkout.shipments) - SHIPMENTS_KEPT_MAX, 0),
            events=tuple(checkout.events),
        )

    def summaries(self) -> Iterator[CheckoutSummary]:
        """Yield every checkout: the open ones, the latest first, then the latest to close."""
        for checkout in sorted(self._checkouts.values(), key=_place, reverse=True):
            request = checkout.request
            yield CheckoutSummary(
                checkout_id=request.checkout_id,
                status=checkout.outcome.status,
                customer_id=request.customer_id,
                cart_id=request.cart_id,
                skus=tuple(sorted({line.sku for line in request.lines})),
                started_at=checkout.started_at,
                closed_at=checkout.closed_at,
            )

    def adjust(self, change: StockAdjustment) -> KnownAdjustmentOutcome:
        """Apply a change once, or refuse it; the same adjustment id gives the first answer."""
        known = self._adjustments.get(change.adjustment_id)
        if known is None:
            known = self._adjustments[change.adjustment_id] = (change, self._adjusted(change))
        if conflict := adjustment_conflict(change, known[0]):
            raise conflict
        return known[1]

    def _open(self, wanted: CheckoutRequest, inventory_answers: bool) -> Checkout:
        checkout = Checkout(wanted, self.now, Unavailable())
        if inventory_answers:
            checkout.outcome = self._decide(checkout)
        if isinstance(checkout.outcome, Held):
            self.move(checkout, "reserve", checkout.lines)
            deadline = checkout.outcome.expires_at
            checkout.story.append(TimelineEvent(at=self.now, event="held", expires_at=deadline))
        else:
            checkout.closed_at = self.now
        checkout.events.append(self._event(checkout.outcome.status))
        self._checkouts[wanted.checkout_id] = checkout
        return checkout

    def _decide(self, checkout: Checkout) -> KnownOutcome:
        shortages = tuple(
            shortage for line in checkout.lines if (shortage := self._shortage(line)) is not None
        )
        if shortages:
            return Denied(shortages=shortages)
        expires_at = self.now + timedelta(seconds=checkout.request.hold_seconds)
        return Held(expires_at=expires_at, lines=checkout.lines)

    def _shortage(self, line: HeldLine) -> Shortage | None:
        shelf = self.shelves.get((line.sku, line.location))
        if shelf is None:
            return self._short(line, 0, "unknown_sku")
        if not shelf.active:
            return self._short(line, 0, "inactive")
        if shelf.figures.available < line.quantity:
            return self._short(line, shelf.figures.available, "insufficient")
        return None

    def _short(self, line: HeldLine, available: int, reason: ShortageReason) -> Shortage:
        deadlines = [
            outcome.expires_at
            for _, outcome in self.open_holds()
            if any((line.sku, line.location) == (held.sku, held.location) for held in outcome.lines)
        ]
        return Shortage(
            sku=line.sku,
            location=line.location,
            requested=line.quantity,
            available=available,
            reason=reason,
            next_expiry=min(deadlines, default=None),
        )

    def _end(
        self,
        checkout: Checkout,
        outcome: FinalOutcome,
        at: datetime,
        *,
        actor: str = "",
        reason: str = "",
    ) -> FinalOutcome:
        # What is fulfilled while it was committed has been shipped: only its rest is given back.
        was_shipped = isinstance(checkout.outcome, Committed) and isinstance(outcome, Fulfilled)
        kind = "release" if was_shipped else _ENDINGS[outcome.status]
        self.move(checkout, kind, checkout.open_lines, at)
        checkout.last_open = checkout.open_lines
        checkout.outcome = outcome
        checkout.closed_at = at
        checkout.events.append(
            CheckoutEvent(at=at, event=outcome.status, actor=actor, reason=reason)
        )
        return outcome

    def _adjusted(self, change: StockAdjustment) -> KnownAdjustmentOutcome:
        sku, location = change.sku, change.location
        known = self.shelves.get((sku, location))
        if known is None and not (change.kind == "receive" and change.new):
            return AdjustmentRefused(reason="unknown_sku", sku=sku, location=location)
        shelf = known or Shelf()
        total = change.quantity if change.kind == "count" else shelf.total + change.quantity
        if total < 0:
            return self._refused(change, shelf, "negative_total")
        if total < shelf.reserved:
            return self._refused(change, shelf, "below_reserved")
        shelf.total = total
        shelf.active = {"activate": True, "deactivate": False}.get(change.kind, shelf.active)
        self.shelves[sku, location] = shelf
        return AdjustmentApplied(
            sku=sku,
            location=location,
            **shelf.figures._asdict(),
            created=known is None,
            active=shelf.active,
        )

    def _refused(
        self, change: StockAdjustment, shelf: Shelf, reason: RefusalReason
    ) -> AdjustmentRefused:
        holders = self._holders(change) if reason == "below_reserved" else ()
        named = sum(holder.quantity for holder in holders)
        return AdjustmentRefused(
            reason=reason,
            sku=change.sku,
            location=change.location,
            **shelf.figures._asdict(),
            holders=holders,
            units_left_out=shelf.reserved - named if holders else 0,
        )

    def _holders(self, change: StockAdjustment) -> tuple[Holder, ...]:
        found = [
            Holder(
                checkout_id=checkout.request.checkout_id,
                quantity=line.quantity,
                expires_at=getattr(checkout.outcome, "expires_at", None),
            )
            for checkout in self._checkouts.values()
            for line in checkout.open_lines
            if (line.sku, line.location) == (change.sku, change.location)
        ]
        found.sort(key=lambda h: (h.expires_at is None, h.expires_at or self.now, h.checkout_id))
        return tuple(found[:HOLDERS_MAX])

    def end(
        self, checkout: Checkout, outcome: FinalOutcome, *, actor: str = "", reason: str = ""
    ) -> FinalOutcome:
        """End a checkout now; what is open of it moves as its outcome says."""
        return self._end(checkout, outcome, self.now, actor=actor, reason=reason)

    def move(
        self,
        checkout: Checkout,
        kind: MovementKind,
        lines: tuple[HeldLine, ...],
        at: datetime | None = None,
    ) -> None:
        """Move the figures of stock items, and put it on record."""
        for line in lines:
            reserved = line.quantity if kind == "reserve" else -line.quantity
            total = -line.quantity if kind == "fulfil" else 0
            shelf = self.shelves[line.sku, line.location]
            shelf.reserved += reserved
            shelf.total += total
            checkout.movements.append(
                TimelineMovement(
                    at=at or self.now,
                    kind=kind,
                    sku=line.sku,
                    location=line.location,
                    total_delta=total,
                    reserved_delta=reserved,
                )
            )

    def open_holds(self) -> Iterator[tuple[Checkout, Held]]:
        """Yield each open hold with its checkout."""
        for checkout in self._checkouts.values():
            if isinstance(checkout.outcome, Held):
                yield checkout, checkout.outcome

    def checkout(self, checkout_id: str) -> Checkout:
        """Return a checkout that Temporal knows."""
        try:
            return self._checkouts[checkout_id]
        except KeyError:
            raise CheckoutNotFound(f"checkout {checkout_id!r} is not known to Temporal") from None

    def _event(self, event: str, actor: str = "", reason: str = "") -> CheckoutEvent:
        return CheckoutEvent(at=self.now, event=event, actor=actor, reason=reason)


def _place(checkout: Checkout) -> tuple[bool, datetime, datetime]:
    closed_at = checkout.closed_at
    return closed_at is None, closed_at or checkout.started_at, checkout.started_at
