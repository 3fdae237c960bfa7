"""The figures of a run: what was driven, what struck, how long nobody was served."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from holdfast_client.contract.outcomes import Denied, Held
from soak.storm import Strike
from soak.testimony import RESERVE, Testimony, Told
from soak.violations import Violation


@dataclass(frozen=True, slots=True)
class FaultFigures:
    """One kind of fault.

    Args:
        kind: which.
        strikes: how often it struck.
        measured: of these, how often it struck alone, and buyers who were being served. Only faults
            of the servers are measured: the others leave nobody but one checkout without service.
        until_served_seconds: the longest time from a measured strike until a reserve that was
            asked for after it was answered; None if none was measured.
        silence_seconds: the longest time between two answered reserves that such a strike fell
            into, or that fell into it.
    """

    kind: str
    strikes: int
    measured: int
    until_served_seconds: float | None
    silence_seconds: float | None


@dataclass(frozen=True, slots=True)
class Figures:
    """What a run comes to."""

    seed: int
    seconds: float
    checkouts: int
    counts: Mapping[str, int]
    faults: tuple[FaultFigures, ...]
    workers_ended_by_themselves: int
    violations: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """Return them as JSON takes them."""
        return asdict(self)

    def lines(self) -> list[str]:
        """Return them as text for people."""
        counts = [f"  {name:28} {count:>8,}" for name, count in sorted(self.counts.items())]
        faults = [_fault_line(fault) for fault in self.faults]
        shown = [f"  {violation}" for violation in self.violations]
        return [
            f"seed {self.seed}, {self.seconds:.0f} s",
            f"checkouts {self.checkouts:,}",
            *counts,
            f"  {'workers ended by themselves':28} {self.workers_ended_by_themselves:>8,}",
            f"{'faults':30}{'strikes':>8}{'alone':>8}{'until served':>14}{'silence':>10}",
            *faults,
            f"violations {len(self.violations)}",
            *shown,
        ]


def fault_figures(strikes: Sequence[Strike], testimony: Testimony) -> tuple[FaultFigures, ...]:
    """Return the figures of each kind of fault, by name."""
    served = sorted((told for told in testimony.told if _is_service(told)), key=lambda t: t.ended)
    ends = [told.ended for told in served]
    found = []
    for kind in sorted({strike.kind for strike in strikes}):
        same = [strike for strike in strikes if strike.kind == kind]
        alone = [strike for strike in same if _is_alone(strike, strikes, served)]
        waits = [_until_served(strike, served) for strike in alone]
        silences = [_silence(strike, ends) for strike in alone]
        found.append(FaultFigures(kind, len(same), len(alone), _longest(waits), _longest(silences)))
    return tuple(found)


def worded(violations: Sequence[Violation]) -> tuple[str, ...]:
    """Return violations as text."""
    return tuple(str(violation) for violation in violations)


def _is_service(told: Told) -> bool:
    return told.asked == RESERVE and isinstance(told.outcome, Held | Denied)


def _is_alone(strike: Strike, strikes: Sequence[Strike], served: Sequence[Told]) -> bool:
    """Say whether what was seen after a strike is its doing, and not that of another."""
    if not strike.breaks_servers:
        return False
    others = [other for other in strikes if other.breaks_servers and other is not strike]
    if any(o.began <= strike.mended and strike.began <= o.mended for o in others):
        return False
    before = max((o.mended for o in others if o.mended < strike.began), default=0.0)
    return any(before <= told.began and told.ended <= strike.began for told in served)


def _until_served(strike: Strike, served: Sequence[Told]) -> float | None:
    ended = (told.ended for told in served if told.began >= strike.began)
    first = next(ended, None)
    return None if first is None else first - strike.began


def _silence(strike: Strike, ends: Sequence[float]) -> float | None:
    first = max(bisect_left(ends, strike.began) - 1, 0)
    last = bisect_left(ends, strike.mended)
    gaps = [
        later - earlier for earlier, later in zip(ends[first:last], ends[first + 1 :], strict=False)
    ]
    return max(gaps, default=None)


def _longest(seconds: Sequence[float | None]) -> float | None:
    known = [s for s in seconds if s is not None]
    return round(max(known), 2) if known else None


def _fault_line(fault: FaultFigures) -> str:
    return (
        f"  {fault.kind:28}{fault.strikes:>8}{fault.measured:>8}"
        f"{_seconds(fault.until_served_seconds):>14}{_seconds(fault.silence_seconds):>10}"
    )


def _seconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.2f} s"
