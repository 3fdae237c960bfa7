"""The life of one checkout as pure data: what has happened, what waits, what comes next.

No I/O, no clock and no Temporal: the workflow feeds it and does what it says.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from activities.inventory.payment_records import Resumable
from activities.inventory.records import ReservationState
from holdfast_client.contract.fields import HOLD_SECONDS_DEFAULT, Message
from holdfast_client.contract.messages import (
    Cancellation,
    CheckoutRequest,
    Confirmation,
    Extension,
    Line,
    PaymentEnded,
    Resumed,
    ResumedAttempt,
    Shipment,
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
from workflows.arrivals import Arrival
from workflows.carried import CarriedState
from workflows.payments import Payments
from workflows.policies import (
    CLOCK_JITTER_SECONDS,
    EVENTS_KEPT_MAX,
    RUN_INPUT_BYTES_MAX,
    WAIT_SECONDS_MIN,
    WAITING_MESSAGES_MAX,
)
from workflows.tickets import Ticket, Wish


@dataclass(slots=True)
class Checkout:
    """Where a checkout stands.

    ``outcome`` is None until the ledger has decided, then held, perhaps committed, then final.
    ``attempt`` is the one that its messages concern, ``attempt_told`` the last that the ledger has
    told of: after a reset it may be told of a later one first. ``resume`` is of a run that goes on
    with what the ledger has, and knows what was asked for by its digest alone. ``wake_at`` is when
    the workflow ends the hold, by its own clock: at the deadline, or later in a crowd. ``lines`` is
    what it is about: what was asked for, is open, or was sold. ``endings`` are payments,
    cancellations, parts and amendments that wait, ``extensions`` what waits beside them.
    """

    request: CheckoutRequest
    outcome: KnownOutcome | None = None
    wake_at: datetime | None = None
    endings: deque[Ticket] = field(default_factory=deque)
    extensions: deque[Ticket] = field(default_factory=deque)
    events: list[CheckoutEvent] = field(default_factory=list)
    events_left_out: int = 0
    extend_signals: int = 0
    attempt: int = 1
    resume: ResumedAttempt | None = None
    payments: Payments = field(default_factory=Payments)
    shipments: list[ShipmentReport] = field(default_factory=list)
    shipments_left_out: int = 0
    attempt_told: int = field(init=False)
    lines: tuple[HeldLine, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.attempt_told = self.attempt
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
        """Say whether one more message may wait; nothing else takes room from who pays."""
        line = self._line_of(wish)
        if isinstance(wish, Confirmation):
            return sum(isinstance(each.wish, Confirmation) for each in line) < WAITING_MESSAGES_MAX
        return len(line) < WAITING_MESSAGES_MAX

    def post(self, wish: Wish, operation_id: str = "", arrival: Arrival | None = None) -> Ticket:
        """Queue a message, the last of its line unless it goes ahead of some."""
        ticket = Ticket(wish, operation_id, arrival)
        line = self._line_of(wish)
        place = len(line)
        while arrival and place and arrival.goes_before(line[place - 1].arrival):
            place -= 1
        line.insert(place, ticket)
        return ticket

    def next_message(self) -> Ticket:
        """Take the message that is served next, of one or more that wait.

        Whoever extends goes last, and else it is first come, first served: a hundred extensions
        ahead of it would keep a payment waiting for calls that come to nothing. A shipment stays
        before a cancellation that came after it, an amendment before the payment of it.
        """
        return (self.endings or self.extensions).popleft()

    def take_told(self) -> Iterator[Ticket]:
        """Take whatever waits and is told by the outcome: the checkout is over.

        What is left are payments that did not settle it: they are due back, and put down as that.
        """
        waiting = [*self.endings, *self.extensions]
        self.extensions.clear()
        self.endings = deque(ticket for ticket in waiting if self.must_ask(ticket.wish))
        yield from (ticket for ticket in waiting if not self.must_ask(ticket.wish))

    def must_ask(self, wish: Wish) -> bool:
        """Say whether the ledger must be asked though it is over.

        So of a payment that is due back, or has failed, and of a shipment whose id is known: it may
        be another one.
        """
        match wish:
            case Confirmation():
                return not self.is_paid_by(wish.payment_reference)
            case Shipment():
                return self.has_shipped(wish.shipment_id)
            case _:
                return isinstance(wish, PaymentEnded)

    def is_paid_by(self, payment_reference: str) -> bool:
        """Say whether this payment has settled it."""
        return getattr(self.outcome, "payment_reference", None) == payment_reference

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
        self.attempt_told = state.attempt
        # A restore may have taken the later one back.
        self.attempt = min(self.attempt, state.attempt)
        self._take_lines()
        self.payments.follow(before, self.outcome, now)
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

    def concern_last_attempt(self) -> None:
        """Let the messages that are served from now on concern the last attempt.

        Not before those are through that came to the attempt before, as all do that come again
        after a reset: they waited together when the ledger first told of the later one.
        """
        self.attempt = self.attempt_told

    def take_resumed(self, found: Resumable) -> None:
        """Take over who buys, and what, from the ledger; where it stands is settled after that."""
        lines = getattr(found.state.outcome, "lines", ())
        self.request = self.request.model_copy(
            update={
                "lines": tuple(
                    Line.model_construct(
                        sku=line.sku, location=line.location, quantity=line.quantity
                    )
                    for line in lines
                ),
                "customer_id": found.customer_id,
                "cart_id": found.cart_id,
            }
        )

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
            paying_until=self.outcome.paying_until if isinstance(self.outcome, Held) else None,
            revision=self.outcome.revision if isinstance(self.outcome, OpenOutcome) else None,
            payments=tuple(self.payments.told),
            payments_left_out=self.payments.left_out,
            shipments=tuple(self.shipments),
            shipments_left_out=self.shipments_left_out,
            events=tuple(self.events),
            events_left_out=self.events_left_out,
        )

    def carried(self) -> CarriedState:
        if not isinstance(self.outcome, OpenOutcome):
            raise RuntimeError("only what is open is carried over")
        carried = CarriedState(
            held=self.outcome,
            wake_at=self.wake_at,
            payments=tuple(self.payments.told),
            payments_left_out=self.payments.left_out,
            shipments=tuple(self.shipments),
            shipments_left_out=self.shipments_left_out,
            events=tuple(self.events),
            events_left_out=self.events_left_out,
            attempt=self.attempt,
            extend_signals=self.extend_signals,
        )
        again = self.start_again().model_dump_json().encode()
        return carried.within(RUN_INPUT_BYTES_MAX - len(again))

    def start_again(self) -> Message:
        """Return what the next run is started with."""
        if self.resume is None:
            return self.request
        return Resumed(checkout_id=self.request.checkout_id, resume=self.resume)

    @classmethod
    def of_ledger(cls, start: Resumed) -> Checkout:
        """Return a checkout of which nothing is known yet but that the ledger has it."""
        request = CheckoutRequest.model_construct(
            checkout_id=start.checkout_id,
            lines=(),
            hold_seconds=HOLD_SECONDS_DEFAULT,
            customer_id=None,
            cart_id=None,
        )
        return cls(request, attempt=start.resume.attempt, resume=start.resume)

    @classmethod
    def resumed(
        cls, request: CheckoutRequest, carried: CarriedState, resume: ResumedAttempt | None = None
    ) -> Checkout:
        return cls(
            request,
            resume=resume,
            attempt=carried.attempt,
            outcome=carried.held,
            wake_at=carried.wake_at,
            payments=Payments(list(carried.payments), carried.payments_left_out),
            shipments=list(carried.shipments),
            shipments_left_out=carried.shipments_left_out,
            events=list(carried.events),
            events_left_out=carried.events_left_out,
            extend_signals=carried.extend_signals,
        )


def _end_together(before: KnownOutcome | None, held: Held) -> bool:
    """Say whether a hold ends when it did before."""
    return isinstance(before, Held) and before.ends_at == held.ends_at
