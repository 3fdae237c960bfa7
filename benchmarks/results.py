"""What a run has measured, as one JSON document; and the short one that the page is made from."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

FORMAT: Final = 1


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Series(_Record):
    """The values of one figure over the rounds: of one contender, at one setting."""

    setting: str
    contender: str
    figure: str
    unit: str
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def least(self) -> float:
        return min(self.values)

    @property
    def most(self) -> float:
        return max(self.values)

    def summary(self) -> Series:
        """Return it with the least, the median and the most in place of all its values."""
        three = (self.least, round(self.median, 4), self.most)
        return self.model_copy(update={"values": three})


class BarResult(_Record):
    """A bar as it came out; ``value`` is None where it was not measured."""

    text: str
    unit: str
    value: float | None
    at_least: float | None
    at_most: float | None
    is_met: bool


class CaseResult(_Record):
    """All figures of one case."""

    name: str
    date: str
    scale: str
    seconds: float
    series: tuple[Series, ...]
    bars: tuple[BarResult, ...] = ()

    def summary(self, figures: Sequence[str]) -> CaseResult:
        """Return these figures alone, of each series the least, the median and the most."""
        kept = tuple(series.summary() for series in self.series if series.figure in figures)
        return self.model_copy(update={"series": kept})

    def find(self, contender: str, setting: str, figure: str) -> Series | None:
        """Return one figure's values, or None where it was not measured."""
        wanted = (contender, setting, figure)
        found = (s for s in self.series if (s.contender, s.setting, s.figure) == wanted)
        return next(found, None)

    def median(self, contender: str, setting: str, figure: str) -> float | None:
        """Return one figure's median, or None where it was not measured."""
        series = self.find(contender, setting, figure)
        return series.median if series else None

    def ratio(self, figure: str, setting: str, contender: str, to: str) -> float | None:
        """Return the ratio of two contenders' medians, or None where one is missing."""
        one, other = self.median(contender, setting, figure), self.median(to, setting, figure)
        return round(one / other, 3) if one is not None and other else None


class Machine(_Record):
    """Where it was measured."""

    processor: str
    cores: int
    memory_gigabytes: float
    system: str
    python: str


class RunResult(_Record):
    """One run of the benchmarks."""

    format: Literal[1] = FORMAT
    scale: str
    machine: Machine
    versions: dict[str, str]
    cases: tuple[CaseResult, ...]

    def case(self, name: str) -> CaseResult | None:
        return next((case for case in self.cases if case.name == name), None)

    def summary(self, page_figures: Mapping[str, Sequence[str]]) -> RunResult:
        """Return what the page shows, by the names of its cases: of each series three values."""
        return self.model_copy(
            update={
                "cases": tuple(
                    case.summary(page_figures[case.name])
                    for case in self.cases
                    if case.name in page_figures
                )
            }
        )

    def bars(self) -> Sequence[BarResult]:
        """Return every bar of every case, in order."""
        return [bar for case in self.cases for bar in case.bars]
