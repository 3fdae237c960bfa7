"""A message that waits for its turn, and where its sender finds the answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from activities.inventory.amendment_records import AmendmentAnswer
from activities.inventory.payment_records import PauseAnswer
from activities.inventory.records import ExtensionAnswer, PartAnswer
from holdfast_client.contract.messages import (
    Amendment,
    Cancellation,
    Confirmation,
    Extension,
    PartialRelease,
    PaymentEnded,
    PaymentStarted,
    Shipment,
)
from holdfast_client.contract.outcomes import KnownOutcome, RefundDue
from workflows.arrivals import Arrival


@dataclass(frozen=True, slots=True)
class Look:
    """What nobody sent: a run that was reset wants to know where its checkout stands by now."""


Wish = (
    Confirmation
    | Extension
    | Cancellation
    | Shipment
    | PartialRelease
    | Amendment
    | PaymentStarted
    | PaymentEnded
    | Look
)


@dataclass(slots=True, eq=False)
class Ticket:
    """A message that waits for its turn, and for its sender the place to find the answer.

    ``operation_id`` is under which an extension, part or amendment is made once. ``arrival`` is how
    it came, unless it is of the workflow's own cancellation. ``answer`` is where the checkout stood
    right after the message was dealt with; ``refusal`` is what the ledger said where it was not
    made, and ``failure`` where a payment is another checkout's. ``due`` says that a payment is due
    back, where its sender asked for that. ``dealt_with`` is set then, or when the checkout is over
    before that.
    """

    wish: Wish
    operation_id: str = ""
    arrival: Arrival | None = None
    answer: KnownOutcome | None = None
    due: RefundDue | None = None
    refusal: ExtensionAnswer | PartAnswer | AmendmentAnswer | PauseAnswer | None = None
    failure: Exception | None = None
    dealt_with: asyncio.Event = field(default_factory=asyncio.Event)
