"""What the ledger is asked and what it answers of changed lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from activities.inventory.records import ReservationState
from holdfast_client.contract.messages import Line
from holdfast_client.contract.outcomes import KnownOutcome, Shortage


@dataclass(frozen=True, slots=True)
class HoldAmendment:
    """The wish that these lines be all that is open of a checkout, once for an ``operation_id``.

    ``lines`` are merged. ``revision`` is that of the lines they are to replace; None means any.
    ``attempt`` is of which it speaks, None of the last.
    """

    checkout_id: str
    operation_id: str
    lines: tuple[Line, ...]
    revision: int | None = None
    reason: str = ""
    actor: str = ""
    attempt: int | None = None


AmendmentVerdict = Literal["done", "short", "over_limit", "stale", "not_active", "conflict"]


@dataclass(frozen=True, slots=True)
class AmendmentAnswer:
    """What became of a change of lines, and where the reservation stands now.

    One that was made stays ``done`` when it is asked for again, one that was refused stays refused:
    ``refused_at`` is where the checkout stood then, None where it is refused just now. ``short``
    comes with what could not be had; ``stale`` means that the lines are of another revision, which
    ``refused_at`` tells, or ``state``. ``over_limit`` would have had more lines than a checkout may
    ever have: it has had ``lines_already``, and these are ``lines_new`` beside them.
    """

    verdict: AmendmentVerdict
    state: ReservationState
    shortages: tuple[Shortage, ...] = ()
    differs: tuple[str, ...] = ()
    lines_already: int = 0
    lines_new: int = 0
    refused_at: KnownOutcome | None = None
