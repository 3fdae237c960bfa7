"""The life of one checkout as pure data: what has happened, what waits, what comes next.

No I/O, no clock and no Temporal: the workflow feeds it and does what it says.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from activities.inventory.amendment_records import LineChange, LineChangeAnswer
from activities.inventory.records import (
    Closing,
    ExtensionAnswer,
    HoldExtension,
    Part,
    PartAnswer,
    ReservationState,
)
from holdfast_client.contract.fields import Answer, UtcTime
from holdfast_client.contract.messages import (
    Amendment,
    Cancellation,
    CheckoutRequest,
    Confirmation,
    Extension,
    PartialRelease,
    Shipment,
    merged,
)
from holdfast_client.contract.outcomes import (
    SHIPMENTS_KEPT_MAX,
    CheckoutEvent,
    CheckoutReport,
    CheckoutStatus,
    Committed,
    FinalOutcome,
    Fulfilled,
    Held,
    HeldLine,
    KnownOutcome,
    OpenOutcome,
    ShipmentReport,
    Unavailable,
)
from workflows.policies import (
    CLOCK_JITTER_SECONDS,
    EVENTS_KEPT_MAX,
    WAIT_SECONDS_MIN,
    WAITING_MESSAGES_MAX,
)

Wish = Confirmation | Extension | Cancellation | Shipment | PartialRelease | Amendment


@dataclass(slots=True, eq=False)
class Ticket:
    """A message that waits for its turn, and for its sender the place to find the answer.

    ``operation_id`` is under which an extension, part or amendment is made once. ``answer`` is
    where the checkout stood right after the message was dealt with; ``refusal`` is what the ledger
    said where it was not made. ``dealt_with`` is set then, or when the checkout is over before.
    """

    wish: Wish
    operation_id: str = ""
    answer: KnownOutcome | None = None
    refusal: ExtensionAnswer | PartAnswer | LineChangeAnswer | None = None
    dealt_with: asyncio.Event = field(default_factory=asyncio.Event)


class CarriedState(Answer):
    """What one run of a checkout's workflow hands to the next."""

    held: OpenOutcome
    # None of what is committed, which waits for no deadline.
    wake_at: UtcTime | None
    shipments: tuple[ShipmentReport, ...] = ()
    shipments_left_out: int = 0
    events: tuple[CheckoutEvent, ...]
    events_left_out: int = 0
    # None from a worker of 0.1.0, which does not count them.
    extend_signals: int | None = None


@dataclass(slots=True)
class Checkout:
    """Where a checkout stands.

    ``outcome`` is None until the ledger has decided, then held, perhaps committed, then final.
    ``wake_at`` is when the workflow ends the hold, by its own clock: at the deadline, or later in a
    crowd. ``lines`` is what it is about: what was asked for, is open, or was sold. ``endings`` are
    payments, cancellations, parts and amendments that wait, ``extensions`` what waits beside them.
    """

    request: CheckoutRequest
    outcome: KnownOutcome | None = None
    wake_at: datetime | None = None
    endings: deque[Ticket] = field(default_factory=deque)
    extensions: deque[Ticket] = field(default_factory=deque)
    events: list[CheckoutEvent] = field(default_factory=list)
    events_left_out: int = 0
    extend_signals: int = 0
    shipments: list[ShipmentReport] = field(default_factory=list)
    shipments_left_out: int = 0
    lines: tuple[HeldLine, ...] = field(init=False)

    def __post_init__(self) -> None:
        # Once: each of its words in the Web UI names them.
        self.lines = tuple(
            HeldLine(sku=line.sku, location=str(line.location), quantity=line.quantity)
            for line in self.request.normalized().lines
        )
        self._take_lines()

    @property
    def status(self) -> CheckoutStatus:
        return self.outcome.status if self.outcome else "pending"

    @property
    def over(self) -> bool:
        return self.outcome is not None and not isinstance(self.outcome, OpenOutcome)

    @property
    def cancel_leads(self) -> bool:
        """Whether a cancellation waits that no payment came before."""
        return bool(self.endings) and isinstance(self.endings[0].wish, Cancellation)

    def final_outcome(self) -> FinalOutcome:
        if self.outcome is None or isinstance(self.outcome, OpenOutcome):
            raise RuntimeError("the checkout is not over")
        return self.outcome

    # --- messages --------------------------------------------------------------------------------

    @property
    def has_messages(self) -> bool:
        """Whether any message waits."""
        return bool(self.endings or self.extensions)

    def has_room(self, wish: Wish) -> bool:
        """Say whether one more message may wait; extensions take no room from who pays."""
        return len(self._line_of(wish)) < WAITING_MESSAGES_MAX

    def post(self, wish: Wish, operation_id: str = "") -> Ticket:
        """Queue a message."""
        ticket = Ticket(wish, operation_id)
        self._line_of(wish).append(ticket)
        return ticket

    def next_message(self) -> Ticket:
        """Take the message that is served next, of one or more that wait.

        Whoever extends goes last, and else it is first come, first served: a hundred extensions
        ahead of it would keep a payment waiting for calls that come to nothing. A shipment stays
        before a cancellation that came after it, an amendment before the payment of it.
        """
        return (self.endings or self.extensions).popleft()

    def take_all(self) -> Iterator[Ticket]:
        """Take whatever waits: the checkout is over, and no more of it is served."""
        while self.has_messages:
            yield self.next_message()

    def _line_of(self, wish: Wish) -> deque[Ticket]:
        return self.extensions if isinstance(wish, Extension) else self.endings

    # --- what the ledger said --------------------------------------------------------------------

    def settle(self, state: ReservationState, now: datetime) -> None:
        """Take over where the ledger says the reservation stands.

        When it wakes stays as long as the deadline does, so that its timer may stay; but not where
        the ledger's clock has run ahead.

        Args:
            state: the ledger's word, which always wins.
            now: the workflow's clock.
        """
        before, self.outcome = self.outcome, state.outcome
        self._take_lines()
        if not isinstance(self.outcome, Held):
            self.wake_at = None
            return
        seconds = max(state.remaining_seconds or 0.0, WAIT_SECONDS_MIN)
        due = now + timedelta(seconds=seconds + state.wake_late_seconds)
        latest = due + timedelta(seconds=CLOCK_JITTER_SECONDS)
        is_kept = (
            _end_together(before, self.outcome) and self.wake_at and now < self.wake_at <= latest
        )
        self.wake_at = self.wake_at if is_kept else due

    def answer_to(self, wish: Wish) -> KnownOutcome | None:
        """Return where it stands; a second payment is told that it is one."""
        match self.outcome, wish:
            case Committed() as committed, Confirmation():
                is_another = wish.payment_reference != committed.payment_reference
                return committed.model_copy(update={"duplicate_payment": is_another})
            case _:
                return self.outcome

    def has_shipped(self, shipment_id: str) -> bool:
        """Say whether a shipment is among those that are kept."""
        return any(known.shipment_id == shipment_id for known in self.shipments)

    def note_shipment(self, shipment: ShipmentReport) -> None:
        """Take a shipment into the report, once; of very many the first are left out."""
        if self.has_shipped(shipment.shipment_id):
            return
        self.shipments.append(shipment)
        if len(self.shipments) > SHIPMENTS_KEPT_MAX:
            del self.shipments[0]
            self.shipments_left_out += 1

    def _take_lines(self) -> None:
        if isinstance(self.outcome, Held | Committed | Fulfilled):
            self.lines = self.outcome.lines

    def give_up(self) -> None:
        """The database did not answer within the reserve budget."""
        self.outcome = Unavailable()
        self.wake_at = None

    # --- what is asked of the ledger -------------------------------------------------------------

    def confirming(self, wish: Confirmation) -> Closing:
        return Closing(
            self.request.checkout_id,
            "committed" if wish.settle == "commit" else "fulfilled",
            actor=wish.actor,
            payment_reference=wish.payment_reference,
        )

    def cancelling(self, wish: Cancellation) -> Closing:
        return Closing(self.request.checkout_id, "cancelled", reason=wish.reason, actor=wish.actor)

    def expiring(self) -> Closing:
        return Closing(self.request.checkout_id, "expired", reason="not paid before the deadline")

    def giving_up(self) -> Closing:
        return Closing(
            self.request.checkout_id, "cancelled", reason="the inventory did not answer in time"
        )

    def shipping(self, wish: Shipment) -> Part:
        return Part(
            self.request.checkout_id,
            "fulfil",
            wish.shipment_id,
            wish.lines,
            rest_released=wish.rest == "release",
            actor=wish.actor,
        )

    def giving_back(self, wish: PartialRelease, operation_id: str) -> Part:
        return Part(
            self.request.checkout_id,
            "release",
            operation_id,
            wish.lines,
            reason=wish.reason,
            actor=wish.actor,
        )

    def amending(self, wish: Amendment, operation_id: str) -> LineChange:
        return LineChange(
            self.request.checkout_id,
            operation_id,
            merged(wish.lines),
            wish.revision,
            wish.reason,
            wish.actor,
        )

    def extending(self, wish: Extension, extension_id: str) -> HoldExtension:
        """Name the deadline itself, which a worker of 0.1.0 knows alone, and the extension's id."""
        if not isinstance(self.outcome, Held):
            raise RuntimeError("only a hold can be extended")
        deadline = self.outcome.expires_at + timedelta(seconds=wish.seconds)
        return HoldExtension(
            self.request.checkout_id,
            deadline,
            extension_id,
            wish.seconds,
            wish.reason,
            wish.actor,
        )

    # --- its own events --------------------------------------------------------------------------

    def note(self, now: datetime, event: str, *, actor: str = "", reason: str = "") -> None:
        """Add an event; of a long one the middle is left out, and counted."""
        self.events.append(CheckoutEvent(at=now, event=event, actor=actor, reason=reason))
        if len(self.events) > EVENTS_KEPT_MAX:
            del self.events[EVENTS_KEPT_MAX // 2]
            self.events_left_out += 1

    def report(self) -> CheckoutReport:
        return CheckoutReport(
            checkout_id=self.request.checkout_id,
            status=self.status,
            lines=self.lines,
            expires_at=self.outcome.expires_at if isinstance(self.outcome, Held) else None,
            revision=self.outcome.revision if isinstance(self.outcome, OpenOutcome) else None,
            shipments=tuple(self.shipments),
            shipments_left_out=self.shipments_left_out,
            events=tuple(self.events),
        )

    def carried(self) -> CarriedState:
        if not isinstance(self.outcome, OpenOutcome):
            raise RuntimeError("only what is open is carried over")
        return CarriedState(
            held=self.outcome,
            wake_at=self.wake_at,
            shipments=tuple(self.shipments),
            shipments_left_out=self.shipments_left_out,
            events=tuple(self.events),
            events_left_out=self.events_left_out,
            extend_signals=self.extend_signals,
        )

    @classmethod
    def resumed(cls, request: CheckoutRequest, carried: CarriedState) -> Checkout:
        return cls(
            request,
            outcome=carried.held,
            wake_at=carried.wake_at,
            shipments=list(carried.shipments),
            shipments_left_out=carried.shipments_left_out,
            events=list(carried.events),
            events_left_out=carried.events_left_out,
            extend_signals=_signals_counted(carried),
        )


def _end_together(before: KnownOutcome | None, held: Held) -> bool:
    """Say whether a hold ends when it did before."""
    return isinstance(before, Held) and before.expires_at == held.expires_at


def _signals_counted(carried: CarriedState) -> int:
    """Return a number that no extend signal so far had a higher one than.

    Where the count was lost, each of them has left an entry among the events at least.
    """
    if carried.extend_signals is None:
        return len(carried.events) + carried.events_left_out
    return carried.extend_signals
