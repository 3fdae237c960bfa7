"""Stock and checkouts in memory: what there is, and how it moves.

The files beside this one decide by code of their own, on purpose: they are an independent oracle.
The conformance tests put the same questions to them and to the real ledger, and two rules that
agree were written twice. The clock stands still until it is moved, so a hold ends exactly when a
test says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain
from typing import Final, NamedTuple

from holdfast_client.contract.errors import (
    CheckoutNotFound,
    HoldfastError,
    HoldNotActive,
)
from holdfast_client.contract.messages import CheckoutRequest, Shipment, StockAdjustment
from holdfast_client.contract.outcomes import (
    Cancelled,
    CheckoutEvent,
    Committed,
    Expired,
    FinalOutcome,
    Fulfilled,
    Held,
    HeldLine,
    KnownAdjustmentOutcome,
    KnownOutcome,
    OpenOutcome,
    PaymentReport,
    PaymentState,
    ShipmentReport,
    Shortage,
)
from holdfast_client.contract.timeline import MovementKind, TimelineEvent, TimelineMovement

_ENDINGS: Final[dict[str, MovementKind]] = {
    "fulfilled": "fulfil",
    "cancelled": "cancel",
    "expired": "expire",
}


# Of these the lines say by how much reserved changes, up or down.
_SIGNED: Final = frozenset({"reserve", "amend", "supersede"})


class StockFigures(NamedTuple):
    """The figures of one stock item, in units."""

    total: int
    reserved: int
    available: int


@dataclass
class StockItem:
    """One SKU at one location."""

    total: int = 0
    reserved: int = 0
    active: bool = True

    @property
    def figures(self) -> StockFigures:
        """Total, reserved and available units."""
        return StockFigures(self.total, self.reserved, self.total - self.reserved)


@dataclass
class Checkout:
    """One attempt to buy; ``request`` is in its normalized form.

    ``timeline`` is what the database would tell of it, ``events`` what its workflow would. Of what
    was reinstated ``started_at``, ``taken``, ``shipped`` and ``released`` are of its last attempt.
    """

    request: CheckoutRequest
    started_at: datetime
    outcome: KnownOutcome
    closed_at: datetime | None = None
    # Why the request was refused, where its workflow failed by it.
    refusal: HoldfastError | None = None
    attempt: int = 1
    events: list[CheckoutEvent] = field(default_factory=list)
    timeline: list[TimelineEvent] = field(default_factory=list)
    movements: list[TimelineMovement] = field(default_factory=list)
    shipments: list[ShipmentReport] = field(default_factory=list)
    asked_shipments: dict[str, Shipment] = field(default_factory=dict)
    refused_shipments: dict[str, HoldfastError] = field(default_factory=dict)
    releases: set[str] = field(default_factory=set)
    last_open: tuple[HeldLine, ...] = ()
    # All that it ever had, whatever became of it.
    taken: tuple[HeldLine, ...] = ()
    shipped: tuple[HeldLine, ...] = ()
    released: tuple[HeldLine, ...] = ()
    # When the first of the holds began whose units it has.
    held_since: datetime = field(init=False)
    # What was in the cart, where the request leaves its lines to that.
    from_cart: tuple[HeldLine, ...] = ()

    def __post_init__(self) -> None:
        self.held_since = self.started_at

    @property
    def lines(self) -> tuple[HeldLine, ...]:
        """The lines that were asked for, as an outcome shows them."""
        return self.from_cart or tuple(
            HeldLine(sku=line.sku, location=line.location or "", quantity=line.quantity)
            for line in self.request.lines
        )

    @property
    def open_lines(self) -> tuple[HeldLine, ...]:
        """What is open."""
        return self.outcome.lines if isinstance(self.outcome, OpenOutcome) else ()

    @property
    def about(self) -> tuple[HeldLine, ...]:
        """What it is about: what is open or was sold, was open last, or was asked for."""
        if isinstance(self.outcome, Held | Committed | Fulfilled):
            return self.outcome.lines
        return self.last_open or self.lines

    def given_back_whole(self, reason: str, actor: str, at: datetime) -> Cancelled | Fulfilled:
        """Return how it ends where all that is open is given back."""
        if isinstance(self.outcome, Committed) and self.shipped:
            return Fulfilled(
                payment_reference=self.outcome.payment_reference,
                lines=self.shipped,
                released=summed(self.released, self.open_lines),
                at=at,
                reinstated=self.attempt > 1,
            )
        return Cancelled(reason=reason, actor=actor, at=at)

    def not_active(self, missing: str) -> HoldNotActive:
        """Return the error for what its outcome does not allow."""
        return HoldNotActive(
            f"checkout {self.request.checkout_id!r} is {self.outcome.status}: {missing}",
            {"standing": self.outcome.model_dump(mode="json")},
        )

    def tell(self, event: TimelineEvent) -> None:
        """Note what became of it, for the database's timeline and the workflow's events."""
        self.timeline.append(event)
        self.note(event.at, event.event, event.actor, event.reason)

    def note(self, at: datetime, event: str, actor: str = "", reason: str = "") -> None:
        """Note what became of it, for the workflow's events alone."""
        self.events.append(CheckoutEvent(at=at, event=event, actor=actor, reason=reason))


@dataclass
class Payment:
    """What became of one payment; ``paying_until`` is how long its checkout waits for it.

    ``shortages`` are what kept its expired checkout from being held again.
    """

    reference: str
    checkout_id: str
    changed_at: datetime
    state: PaymentState = "started"
    reason: str = ""
    paying_until: datetime | None = None
    shortages: tuple[Shortage, ...] = ()

    def is_nobodys(self, at: datetime) -> bool:
        """Say whether any checkout may take it: it has failed, and is not in flight again."""
        is_in_flight = self.paying_until is not None and self.paying_until > at
        return self.state == "failed" and not is_in_flight

    def turn(self, state: PaymentState, at: datetime, reason: str = "") -> None:
        """Let it be in another state from a moment on."""
        self.state, self.reason, self.changed_at = state, reason, at

    def report(self) -> PaymentReport:
        """Return it as a checkout's report tells it."""
        return PaymentReport(
            payment_reference=self.reference,
            state=self.state,
            reason=self.reason,
            at=self.changed_at,
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


class MemoryShop:
    """Every checkout, stock item and adjustment of one shop in memory.

    Args:
        now: where the clock starts.
        hold_length_seconds_max: the cap on a hold's whole length, from its creation.
        payment_grace_cap: how long after its deadline a hold waits for a payment, in seconds.
    """

    def __init__(
        self, now: datetime, hold_length_seconds_max: int, payment_grace_cap: int = 1_800
    ) -> None:
        self.now = now
        self.hold_length_max = timedelta(seconds=hold_length_seconds_max)
        self.items: dict[tuple[str, str], StockItem] = {}
        self.payment_grace_cap = payment_grace_cap
        self.checkouts: dict[str, Checkout] = {}
        # Ids under which nothing can be held any more, and what was told of each.
        self.barred: dict[str, Expired | Cancelled] = {}
        self.payments: dict[str, Payment] = {}
        # What is in the shop's carts, in units by SKU.
        self.carts: dict[str, dict[str, int]] = {}
        # What was refused without a trace in the database: Temporal alone knows of it, and why.
        self.refused: dict[str, Checkout] = {}
        self.adjustments: dict[str, tuple[StockAdjustment, KnownAdjustmentOutcome]] = {}

    def advance(self, seconds: float) -> None:
        """Let time pass and end every hold whose deadline has come, the earliest first."""
        self.now += timedelta(seconds=seconds)
        due = [
            (outcome.ends_at, checkout)
            for checkout, outcome in self.open_holds()
            if outcome.ends_at <= self.now
        ]
        for deadline, checkout in sorted(due, key=lambda pair: pair[0]):
            self.end(checkout, Expired(at=deadline), at=deadline)

    def checkout(self, checkout_id: str, by: str = "Temporal") -> Checkout:
        """Return a checkout that ``by`` knows, or raise why there is none."""
        if known := self.checkouts.get(checkout_id):
            return known
        refused = self.refused.get(checkout_id)
        if by == "Temporal" and refused and refused.refusal:
            raise refused.refusal
        raise CheckoutNotFound(f"checkout {checkout_id!r} is not known to {by}")

    def payments_of(self, checkout_id: str) -> Iterator[Payment]:
        """Yield all that was named for a checkout, the first leading."""
        return (p for p in self.payments.values() if p.checkout_id == checkout_id)

    def committed(self) -> Iterator[tuple[Checkout, Committed]]:
        """Yield each committed checkout with where it stands."""
        for checkout in self.checkouts.values():
            if isinstance(checkout.outcome, Committed):
                yield checkout, checkout.outcome

    def open_holds(self) -> Iterator[tuple[Checkout, Held]]:
        """Yield each open hold with its checkout."""
        for checkout in self.checkouts.values():
            if isinstance(checkout.outcome, Held):
                yield checkout, checkout.outcome

    def move(
        self,
        checkout: Checkout,
        kind: MovementKind,
        lines: tuple[HeldLine, ...],
        at: datetime | None = None,
    ) -> None:
        """Move the figures of stock items, and put it on record.

        Args:
            checkout: whose units they are.
            kind: why they move.
            lines: by how much; less than 0 where an amendment or another checkout takes them.
            at: when; now if left out.
        """
        for line in lines:
            reserved = line.quantity if kind in _SIGNED else -line.quantity
            total = -line.quantity if kind == "fulfil" else 0
            item = self.items[line.sku, line.location]
            item.reserved += reserved
            item.total += total
            if reserved > 0:
                checkout.taken = summed(checkout.taken, (line,))
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

    def end(
        self,
        checkout: Checkout,
        outcome: FinalOutcome,
        *,
        actor: str = "",
        reason: str = "",
        at: datetime | None = None,
    ) -> FinalOutcome:
        """End a checkout, now if no moment is given; what is open moves as its outcome says."""
        at = at or self.now
        if isinstance(checkout.outcome, Committed) and isinstance(outcome, Cancelled):
            paid_by = self.payments[checkout.outcome.payment_reference]
            paid_by.turn("refund_due", at, "cancelled")
        # What is fulfilled while it was committed has been shipped: only its rest is given back.
        was_shipped = isinstance(checkout.outcome, Committed) and isinstance(outcome, Fulfilled)
        kind = "release" if was_shipped else _ENDINGS[outcome.status]
        self.move(checkout, kind, checkout.open_lines, at)
        checkout.last_open = checkout.open_lines
        checkout.outcome = outcome
        checkout.closed_at = at
        checkout.note(at, outcome.status, actor, reason)
        return outcome
