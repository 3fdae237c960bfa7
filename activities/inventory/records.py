"""What the ledger is asked and what it answers, beside the contract's own models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import Field, TypeAdapter
from pydantic_core import to_json

from holdfast_client.contract.messages import Line
from holdfast_client.contract.outcomes import (
    Held,
    HeldLine,
    KnownOutcome,
    RefundReason,
    ShipmentReport,
    Shortage,
    parse_known_outcome,
)

ClosingStatus = Literal["fulfilled", "committed", "cancelled", "expired"]

# An outcome is in one task of its workflow three times, beside the message that led to it, and a
# task may be 4 MiB. So of a thousand lines, both sold and given back, there is room for all where
# names are of plain letters, and for the first where each is of letters of four bytes.
RELEASED_BYTES_MAX: Final = 256 * 1_024

_SHORTAGES: Final = TypeAdapter(tuple[Shortage, ...])


@dataclass(frozen=True, slots=True)
class Closing:
    """The wish to end a checkout, or to commit a hold.

    ``expired`` only comes true once the deadline has passed. ``attempt`` is of which it speaks,
    None of the last. A payment that is ``reinstating`` is not due back where its hold had expired,
    before it was tried to hold all of it again. A cancellation that is ``only_held`` leaves alone
    what is paid. Of a payment the ``operation_id`` is under which it is told of: what was refused
    under it stays refused.
    """

    checkout_id: str
    status: ClosingStatus
    reason: str = ""
    actor: str = ""
    payment_reference: str | None = None
    attempt: int | None = None
    reinstating: bool = False
    only_held: bool = False
    operation_id: str = ""


@dataclass(frozen=True, slots=True)
class HoldExtension:
    """The wish to move a hold's deadline to a point in time, once for an ``extension_id``.

    ``seconds`` is what was asked for, for the record.
    """

    checkout_id: str
    expires_at: datetime
    extension_id: str
    seconds: int | None = None
    reason: str = ""
    actor: str = ""
    attempt: int | None = None


@dataclass(frozen=True, slots=True)
class ReservationState:
    """Where a reservation stands.

    ``remaining_seconds`` is the deadline less the database's clock, negative when overdue, and
    None unless it is held. Waiting that long needs no agreement between clocks. The workflow of a
    hold is to wake ``wake_late_seconds`` after that: not 0 where too many would wake with it.
    ``supersedes`` says that it has taken over what the request names. ``refund_due`` is why the
    payment that was told of is due back; None where it is not. ``shortages`` are why it could not
    be reinstated. ``is_known`` is false of a tombstone, which never held anything. ``attempt``
    counts from 1, one more where a late payment was reinstated.
    """

    # By its status: else each kind would be tried on what an activity has answered.
    outcome: Annotated[KnownOutcome, Field(discriminator="status")]
    remaining_seconds: float | None
    wake_late_seconds: float = 0.0
    supersedes: bool = False
    refund_due: RefundReason | str | None = None
    shortages: tuple[Shortage, ...] = ()
    is_known: bool = True
    attempt: int = 1


ExtensionVerdict = Literal["extended", "not_active", "over_cap"]


@dataclass(frozen=True, slots=True)
class ExtensionAnswer:
    """What became of an extension, and where the reservation stands now.

    One that was made stays ``extended`` when it is asked for again, also where the hold is over.
    ``over_cap`` comes with the cap and with the most seconds that could have been asked for.
    """

    verdict: ExtensionVerdict
    state: ReservationState
    cap_seconds: int | None = None
    seconds_max: int | None = None


PartKind = Literal["fulfil", "release"]


@dataclass(frozen=True, slots=True)
class Part:
    """The wish to take units out of a checkout, once for its kind and ``operation_id``.

    ``lines`` None means all that is open. ``rest_released`` gives back what a shipment leaves.
    """

    checkout_id: str
    kind: PartKind
    operation_id: str
    lines: tuple[Line, ...] | None = None
    rest_released: bool = False
    reason: str = ""
    actor: str = ""
    attempt: int | None = None


PartVerdict = Literal["done", "over_open", "not_active", "conflict"]


@dataclass(frozen=True, slots=True)
class PartAnswer:
    """What became of a part, and where the reservation stands now.

    One that was made stays ``done`` when it is asked for again, one that was refused stays refused:
    ``refused_at`` is where the checkout stood then, None where it is refused just now.
    ``over_open`` comes with what is ``open``, a ``conflict`` with the keys in which it ``differs``
    from what was decided under its id.
    """

    verdict: PartVerdict
    state: ReservationState
    open: tuple[HeldLine, ...] = ()
    differs: tuple[str, ...] = ()
    shipment: ShipmentReport | None = None
    refused_at: KnownOutcome | None = None


@dataclass(frozen=True, slots=True)
class StockRow:
    """One row of a stock file: the total that a stock item has. An empty name leaves it as is."""

    sku: str
    location: str
    quantity: int
    name: str = ""


@dataclass(frozen=True, slots=True)
class StockStanding:
    """Where the stock item of a row stands, and what moved it since the row was counted.

    ``total`` is None where there is no such item yet. ``moved`` is by how much sales, deliveries
    and corrections changed the total since, ``sold`` how much of that were sales; 0 where no moment
    was given. An item that was ``recounted`` since keeps its total: the later count is the truth.
    ``moved_at`` is when the first of it happened.
    """

    total: int | None = None
    reserved: int = 0
    name: str = ""
    sold: int = 0
    moved: int = 0
    recounted: bool = False
    moved_at: datetime | None = None

    def total_of(self, row: StockRow) -> int:
        """Return the total that a row leads to; below what is reserved it is to be refused."""
        return self.total or 0 if self.recounted else row.quantity + self.moved


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

    id: int
    checkout_id: str
    customer_id: str | None
    expires_at: datetime
    overdue_seconds: float
    units: int


Invariant = Literal["I1", "I2", "I3", "I4", "I5", "I6"]


@dataclass(frozen=True, slots=True)
class Breach:
    """One violation of an invariant."""

    invariant: Invariant
    subject: str
    finding: str

    def __str__(self) -> str:
        return f"{self.invariant} {self.subject}: {self.finding}"


def held_state(lines: tuple[HeldLine, ...], hold_seconds: int, at: datetime) -> ReservationState:
    """Return the state of a hold that was granted just now, for so many seconds.

    Args:
        lines: what was picked.
        hold_seconds: from `at` on.
        at: since when, by the database's clock.
    """
    held = Held(expires_at=at + timedelta(seconds=hold_seconds), lines=lines)
    return ReservationState(held, float(hold_seconds))


def shortages_json(shortages: tuple[Shortage, ...]) -> str:
    """Return shortages as they are kept with a denial, or with a payment that came late."""
    return _SHORTAGES.dump_json(shortages).decode()


def kept_shortages(kept: Any) -> tuple[Shortage, ...]:
    """Return shortages that were kept with a payment; none where there were none."""
    return _SHORTAGES.validate_python(kept or ())


def reservation_state(row: Any) -> ReservationState:
    """Translate a row of a reservation that was read, or ended, in the database."""
    remaining = row.remaining_seconds if row.status == "held" else None
    # What was ended just now had been held, so its row need not say that it is no tombstone.
    is_known = getattr(row, "digest", "") is not None
    return ReservationState(
        parse_known_outcome(_outcome_fields(row)), remaining, is_known=is_known, attempt=row.attempt
    )


def _outcome_fields(row: Any) -> dict[str, Any]:
    match row.status:
        case "held":
            return {
                "status": "held",
                "expires_at": row.expires_at,
                "paying_until": row.paying_until,
                "lines": row.lines,
                "revision": row.revision,
            }
        case "committed":
            return {
                "status": "committed",
                "payment_reference": row.payment_reference,
                "lines": row.lines,
                "revision": row.revision,
                "at": row.committed_at,
                "reinstated": row.attempt > 1,
            }
        case "denied":
            return {"status": "denied", "shortages": row.shortages or []}
        case "fulfilled":
            return {
                "status": "fulfilled",
                "payment_reference": row.payment_reference,
                "lines": row.lines,
                **_released(row.released),
                "at": row.closed_at,
                "reinstated": row.attempt > 1,
            }
        case "cancelled":
            return {
                "status": "cancelled",
                "reason": row.reason,
                "actor": row.actor,
                "at": row.closed_at,
                "superseded_by": row.superseded_by,
            }
        case status:
            return {"status": status, "at": row.closed_at}


def _released(lines: Sequence[Any]) -> dict[str, Any]:
    """Return the lines that were given back as far as there is room, and how many are left out."""
    room, told = RELEASED_BYTES_MAX, 0
    for line in lines:
        room -= len(to_json(line)) + 1
        if room < 0:
            break
        told += 1
    return {"released": lines[:told], "released_left_out": len(lines) - told}
