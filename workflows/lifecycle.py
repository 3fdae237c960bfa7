"""The life of one checkout as pure data: what has happened, what waits, what comes next.

No I/O, no clock and no Temporal: the workflow feeds it and does what it says.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from activities.inventory.records import Closing, HoldExtension
from holdfast_client.fields import Answer, UtcTime
from holdfast_client.messages import Cancellation, CheckoutRequest, Confirmation, Extension
from holdfast_client.outcomes import (
    CheckoutEvent,
    CheckoutReport,
    CheckoutStatus,
    FinalOutcome,
    Held,
    HeldLine,
    Outcome,
    Unavailable,
)
from workflows.policies import EVENTS_KEPT_MAX, WAIT_SECONDS_MIN, WAITING_MESSAGES_MAX

Wish = Confirmation | Extension | Cancellation
Refusal = Literal["not_active", "over_cap"]


@dataclass(slots=True, eq=False)
class Ticket:
    """A message that waits for its turn, and for its sender the place to find the answer.

    ``answer`` is where the checkout stood right after the message was dealt with; ``refusal``
    says why an extension was not made.
    """

    wish: Wish
    answer: Outcome | None = None
    refusal: Refusal | None = None


class CarriedState(Answer):
    """What one run of a checkout's workflow hands to the next."""

    held: Held
    wake_at: UtcTime
    events: tuple[CheckoutEvent, ...]
    events_left_out: int = 0


@dataclass(slots=True)
class Checkout:
    """Where a checkout stands.

    ``outcome`` is None until the ledger has decided, then held, then final. ``wake_at`` is the
    hold's deadline by the workflow's own clock.
    """

    request: CheckoutRequest
    outcome: Outcome | None = None
    wake_at: datetime | None = None
    waiting: deque[Ticket] = field(default_factory=deque)
    events: list[CheckoutEvent] = field(default_factory=list)
    events_left_out: int = 0

    @property
    def status(self) -> CheckoutStatus:
        return self.outcome.status if self.outcome else "pending"

    @property
    def lines(self) -> tuple[HeldLine, ...]:
        """What the checkout is about. All or none: what is held is what was asked for."""
        return tuple(
            HeldLine(sku=line.sku, location=str(line.location), quantity=line.quantity)
            for line in self.request.normalized().lines
        )

    @property
    def over(self) -> bool:
        return self.outcome is not None and not isinstance(self.outcome, Held)

    @property
    def cancel_leads(self) -> bool:
        """Whether a cancellation waits that no payment came before."""
        wishes = (ticket.wish for ticket in self.waiting)
        first = next((wish for wish in wishes if not isinstance(wish, Extension)), None)
        return isinstance(first, Cancellation)

    def final_outcome(self) -> FinalOutcome:
        if self.outcome is None or isinstance(self.outcome, Held):
            raise RuntimeError("the checkout is not over")
        return self.outcome

    # --- messages --------------------------------------------------------------------------------

    def post(self, wish: Wish) -> Ticket | None:
        """Queue a message, first come first served; None when too many wait already."""
        if len(self.waiting) >= WAITING_MESSAGES_MAX:
            return None
        return self.post_always(wish)

    def post_always(self, wish: Wish) -> Ticket:
        """Queue a message however many wait: a workflow is told only once that it is cancelled."""
        ticket = Ticket(wish)
        self.waiting.append(ticket)
        return ticket

    # --- what the ledger said --------------------------------------------------------------------

    def settle(self, outcome: Outcome, remaining_seconds: float | None, now: datetime) -> None:
        """Take over where the ledger says the reservation stands.

        Args:
            outcome: the ledger's word, which always wins.
            remaining_seconds: to the deadline by the database's clock; None unless held.
            now: the workflow's clock.
        """
        self.outcome = outcome
        self.wake_at = None
        if isinstance(outcome, Held):
            seconds = max(remaining_seconds or 0.0, WAIT_SECONDS_MIN)
            self.wake_at = now + timedelta(seconds=seconds)

    def give_up(self) -> None:
        """The database did not answer within the reserve budget."""
        self.outcome = Unavailable()
        self.wake_at = None

    # --- what is asked of the ledger -------------------------------------------------------------

    def confirming(self, wish: Confirmation) -> Closing:
        return Closing(
            self.request.checkout_id,
            "fulfilled",
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

    def extending(self, wish: Extension) -> HoldExtension:
        """Name the deadline itself, not the difference: asked twice, it moves once."""
        if not isinstance(self.outcome, Held):
            raise RuntimeError("only a hold can be extended")
        deadline = self.outcome.expires_at + timedelta(seconds=wish.seconds)
        return HoldExtension(self.request.checkout_id, deadline)

    # --- its own story ---------------------------------------------------------------------------

    def note(self, now: datetime, event: str, *, actor: str = "", reason: str = "") -> None:
        """Add an entry to the story; of a long one the middle is left out, and counted."""
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
            events=tuple(self.events),
        )

    def carried(self) -> CarriedState:
        if not isinstance(self.outcome, Held) or self.wake_at is None:
            raise RuntimeError("only a hold is carried over")
        return CarriedState(
            held=self.outcome,
            wake_at=self.wake_at,
            events=tuple(self.events),
            events_left_out=self.events_left_out,
        )

    @classmethod
    def resumed(cls, request: CheckoutRequest, carried: CarriedState) -> Checkout:
        return cls(
            request,
            outcome=carried.held,
            wake_at=carried.wake_at,
            events=list(carried.events),
            events_left_out=carried.events_left_out,
        )
