"""What happens in a replay, and what it comes to: a count over the steps of its checkouts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import ceil
from typing import Final, Literal

from holdfast_client.cli.orders.reading import Order
from holdfast_client.cli.replay.plan import Intent
from holdfast_client.contract.outcomes import Fulfilled, Held, Outcome

_MEDIAN: Final = 50
_NEARLY_ALL: Final = 99


class Step(StrEnum):
    """What can happen to a replayed checkout; the ends bear the names of their outcomes."""

    HELD = "held"
    EXTENDED = "extended"
    ABANDONED = "abandoned"
    DENIED = "denied"
    COMMITTED = "committed"
    FULFILLED = "fulfilled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    UNAVAILABLE = "unavailable"
    ASKED_AGAIN = "asked_again"
    UNKNOWN = "unknown"
    FAILED = "failed"
    NOT_ASKED = "not_asked"


ENDS: Final = frozenset(
    {Step.DENIED, Step.FULFILLED, Step.CANCELLED, Step.EXPIRED, Step.UNAVAILABLE}
)
# After these nothing more is asked for the order, unless the end of its hold is awaited.
CLOSING_STEPS: Final = ENDS | {
    Step.COMMITTED,
    Step.ABANDONED,
    Step.UNKNOWN,
    Step.FAILED,
    Step.NOT_ASKED,
}


Question = Literal["", "reserve", "confirm", "extend", "cancel", "status"]


@dataclass(frozen=True)
class CheckoutStep:
    """Something that happened to one checkout of a replay.

    Args:
        asked: which method the step is the answer of; empty where it is none.
        outcome: the answer, where there is one.
        seconds: what the shopper waited for it, asking again included.
        error_type, error_message: what was raised, where the step is ``failed``, ``unknown`` or
            ``asked_again``.
    """

    order: Order
    checkout_id: str
    intent: Intent
    step: Step
    asked: Question = ""
    outcome: Outcome | None = None
    seconds: float | None = None
    error_type: str = ""
    error_message: str = ""


@dataclass(frozen=True)
class ExpiryWait:
    """All orders are asked; so many abandoned holds are awaited, for up to so many seconds."""

    holds: int
    seconds: float


ReplayEvent = CheckoutStep | ExpiryWait


@dataclass(frozen=True)
class ReplayError:
    """One type of error that orders ended in, with the text of the first."""

    type: str
    count: int
    example: str


@dataclass(frozen=True)
class ReplayReport:
    """What a replay came to.

    ``orders`` is the sum of ``denied``, ``fulfilled``, ``cancelled``, ``expired``,
    ``unavailable``, ``open`` (abandoned, and its end not seen), ``unknown``, ``failed`` and
    ``not_asked``. ``held`` counts the orders that were answered with a hold, whatever became of it.
    Percentiles are by nearest rank, in milliseconds, and None where nothing was measured.
    ``checkouts_per_second`` leaves the wait for abandoned holds out.
    """

    prefix: str
    orders: int
    held: int
    denied: int
    fulfilled: int
    cancelled: int
    expired: int
    unavailable: int
    open: int
    unknown: int
    failed: int
    not_asked: int
    extended: int
    asked_again: int
    units_reserved: int
    units_fulfilled: int
    duration_seconds: float
    expiry_wait_seconds: float
    checkouts_per_second: float
    reserve_p50_ms: float | None
    reserve_p99_ms: float | None
    confirm_p50_ms: float | None
    confirm_p99_ms: float | None
    errors: tuple[ReplayError, ...]


@dataclass
class Tally:
    """Counts the steps of a replay as they happen."""

    steps: Counter[Step] = field(default_factory=Counter)
    units_reserved: int = 0
    units_fulfilled: int = 0
    reserve_seconds: list[float] = field(default_factory=list)
    confirm_seconds: list[float] = field(default_factory=list)
    _open: set[str] = field(default_factory=set)
    _errors: Counter[str] = field(default_factory=Counter)
    _examples: dict[str, str] = field(default_factory=dict)

    @property
    def open(self) -> int:
        """How many abandoned holds have not been seen to end."""
        return len(self._open)

    def take(self, event: CheckoutStep) -> None:
        """Count one step."""
        self.steps[event.step] += 1
        if event.step is Step.ABANDONED:
            self._open.add(event.checkout_id)
        elif event.step in ENDS:
            self._open.discard(event.checkout_id)
        if event.step in (Step.FAILED, Step.UNKNOWN):
            self._errors[event.error_type] += 1
            self._examples.setdefault(event.error_type, event.error_message)
        self._take_units(event)
        self._take_seconds(event)

    def report(
        self, *, prefix: str, orders: int, duration_seconds: float, expiry_wait_seconds: float
    ) -> ReplayReport:
        """Return what has been counted so far."""
        answered = sum(self.steps[end] for end in ENDS) + self.open
        return ReplayReport(
            prefix=prefix,
            orders=orders,
            held=self.steps[Step.HELD],
            denied=self.steps[Step.DENIED],
            fulfilled=self.steps[Step.FULFILLED],
            cancelled=self.steps[Step.CANCELLED],
            expired=self.steps[Step.EXPIRED],
            unavailable=self.steps[Step.UNAVAILABLE],
            open=self.open,
            unknown=self.steps[Step.UNKNOWN],
            failed=self.steps[Step.FAILED],
            not_asked=self.steps[Step.NOT_ASKED],
            extended=self.steps[Step.EXTENDED],
            asked_again=self.steps[Step.ASKED_AGAIN],
            units_reserved=self.units_reserved,
            units_fulfilled=self.units_fulfilled,
            duration_seconds=round(duration_seconds, 3),
            expiry_wait_seconds=round(expiry_wait_seconds, 3),
            checkouts_per_second=_rate(answered, duration_seconds),
            reserve_p50_ms=percentile_ms(self.reserve_seconds, _MEDIAN),
            reserve_p99_ms=percentile_ms(self.reserve_seconds, _NEARLY_ALL),
            confirm_p50_ms=percentile_ms(self.confirm_seconds, _MEDIAN),
            confirm_p99_ms=percentile_ms(self.confirm_seconds, _NEARLY_ALL),
            errors=self._error_list(),
        )

    def _take_units(self, event: CheckoutStep) -> None:
        if isinstance(event.outcome, Held) and event.step is Step.HELD:
            self.units_reserved += sum(line.quantity for line in event.outcome.lines)
        elif isinstance(event.outcome, Fulfilled):
            self.units_fulfilled += sum(line.quantity for line in event.outcome.lines)

    def _take_seconds(self, event: CheckoutStep) -> None:
        if event.seconds is None:
            return
        if event.asked == "reserve":
            self.reserve_seconds.append(event.seconds)
        elif event.asked == "confirm":
            self.confirm_seconds.append(event.seconds)

    def _error_list(self) -> tuple[ReplayError, ...]:
        return tuple(
            ReplayError(kind, count, self._examples[kind])
            for kind, count in self._errors.most_common()
        )


def _rate(count: int, duration_seconds: float) -> float:
    return round(count / duration_seconds, 1) if duration_seconds > 0 else 0.0


def percentile_ms(seconds: Sequence[float], percent: int) -> float | None:
    """Return the percentile by nearest rank of durations, in milliseconds to one decimal."""
    if not seconds:
        return None
    rank = max(1, ceil(len(seconds) * percent / 100))
    return round(sorted(seconds)[rank - 1] * 1000, 1)
