"""What the ledger is asked and answers about payments, and where a workflow is gone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from activities.inventory.records import ReservationState

PauseKind = Literal["payment_started", "payment_ended"]


@dataclass(frozen=True, slots=True)
class Pause:
    """The wish that a hold waits for a payment, or not any longer, once for an ``operation_id``.

    ``seconds`` goes with ``payment_started``, 1 or more; ``result``, why it ended, with the other.
    """

    checkout_id: str
    kind: PauseKind
    operation_id: str
    payment_reference: str
    seconds: int | None = None
    result: str | None = None
    actor: str = ""
    attempt: int | None = None


PauseVerdict = Literal["done", "not_active", "at_cap", "conflict"]


@dataclass(frozen=True, slots=True)
class PauseAnswer:
    """What became of a message about a payment, and where the reservation stands now.

    One that was made stays ``done`` when it is asked for again. ``at_cap`` comes with how long
    after its deadline a hold waits at most, a ``conflict`` with the keys in which it ``differs``.
    """

    verdict: PauseVerdict
    state: ReservationState
    cap_seconds: int | None = None
    differs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PaymentFigures:
    """What is to be looked at every minute of payments and of what they were made for.

    ``refund_oldest_seconds`` is 0 where none is due. ``units_waiting`` were paid more than a day
    ago and are still on the shelf.
    """

    refunds_due: int
    refund_oldest_seconds: float
    in_flight: int
    units_waiting: int


@dataclass(frozen=True, slots=True)
class Resumable:
    """What a workflow goes on with: where a checkout stands, who buys, and what was asked for.

    ``digest`` tells the request from others; a tombstone has none.
    """

    state: ReservationState
    digest: str
    customer_id: str | None = None
    cart_id: str | None = None
