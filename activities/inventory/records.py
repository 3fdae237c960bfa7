"""What the ledger is asked and what it answers, beside the contract's own models."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from holdfast_client.messages import CheckoutRequest, StockAdjustment
from holdfast_client.names import checkout_workflow_id
from holdfast_client.outcomes import Outcome, parse_outcome

ClosingStatus = Literal["fulfilled", "cancelled", "expired"]


@dataclass(frozen=True, slots=True)
class Closing:
    """The wish to end a hold: ``expired`` only comes true once the deadline has passed."""

    checkout_id: str
    status: ClosingStatus
    reason: str = ""
    actor: str = ""
    payment_reference: str | None = None

    @property
    def reservation_id(self) -> str:
        return checkout_workflow_id(self.checkout_id)


@dataclass(frozen=True, slots=True)
class HoldExtension:
    """The wish to move a hold's deadline to a point in time, which makes asking twice harmless."""

    checkout_id: str
    expires_at: datetime

    @property
    def reservation_id(self) -> str:
        return checkout_workflow_id(self.checkout_id)


@dataclass(frozen=True, slots=True)
class ReservationState:
    """Where a reservation stands.

    ``remaining_seconds`` is the deadline less the database's clock, negative when overdue, and
    None unless it is held. Waiting that long needs no agreement between clocks.
    """

    outcome: Outcome
    remaining_seconds: float | None


ExtensionVerdict = Literal["extended", "not_active", "over_cap"]


@dataclass(frozen=True, slots=True)
class ExtensionAnswer:
    """What became of an extension, and where the reservation stands now."""

    verdict: ExtensionVerdict
    state: ReservationState


@dataclass(frozen=True, slots=True)
class StockRow:
    """One row of a stock file: the total that a stock item has. An empty name leaves it as is."""

    sku: str
    location: str
    quantity: int
    name: str = ""


@dataclass(frozen=True, slots=True)
class StockLoad:
    """What loading a stock file changed."""

    created: int
    changed: int
    unchanged: int


@dataclass(frozen=True, slots=True)
class Availability:
    """What a product page reads of one stock item."""

    sku: str
    location: str
    name: str
    active: bool
    total: int
    reserved: int
    available: int


@dataclass(frozen=True, slots=True)
class OverdueReservation:
    """A hold past its deadline that nothing has ended yet."""

    id: str
    checkout_id: str
    customer_id: str | None
    expires_at: datetime
    overdue_seconds: float
    units: int


@dataclass(frozen=True, slots=True)
class Breach:
    """One violation of an invariant."""

    invariant: Literal["I1", "I2", "I3", "I4"]
    subject: str
    finding: str

    def __str__(self) -> str:
        return f"{self.invariant} {self.subject}: {self.finding}"


def request_digest(request: CheckoutRequest) -> str:
    """Return a text that is equal for two requests exactly when they ask for the same."""
    return _digest(request.normalized().model_dump_json())


def adjustment_digest(adjustment: StockAdjustment) -> str:
    """Return a text that is equal for two adjustments exactly when they are the same."""
    return _digest(adjustment.model_dump_json())


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def reservation_state(row: Any) -> ReservationState:
    """Translate a row of READ_RESERVATIONS."""
    remaining = row.remaining_seconds if row.status == "held" else None
    return ReservationState(parse_outcome(_outcome_fields(row)), remaining)


def _outcome_fields(row: Any) -> dict[str, Any]:
    match row.status:
        case "held":
            return {"status": "held", "expires_at": row.expires_at, "lines": row.lines}
        case "denied":
            return {"status": "denied", "shortages": row.shortages or []}
        case "fulfilled":
            return {
                "status": "fulfilled",
                "payment_reference": row.payment_reference,
                "lines": row.lines,
                "at": row.closed_at,
            }
        case "cancelled":
            return {
                "status": "cancelled",
                "reason": row.reason,
                "actor": row.actor,
                "at": row.closed_at,
            }
        case status:
            return {"status": status, "at": row.closed_at}
