"""Running a case: every contender in turn, round after round, then every audit."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.case import ONLY_SETTING, Bar, Case, Contender, Reading, Scale
from benchmarks.results import BarResult, CaseResult, Series

_Key = tuple[str, str, str, str]


class Readings:
    """What a case has read so far, in the order in which each figure first came."""

    def __init__(self) -> None:
        self._values: dict[_Key, list[float]] = {}

    def add(self, setting: str, contender: str, readings: Iterable[Reading]) -> None:
        for reading in readings:
            key = (setting, contender, reading.figure, reading.unit)
            self._values.setdefault(key, []).append(reading.value)

    def series(self) -> tuple[Series, ...]:
        return tuple(
            Series(
                setting=setting,
                contender=contender,
                figure=figure,
                unit=unit,
                values=tuple(values),
            )
            for (setting, contender, figure, unit), values in self._values.items()
        )


def run_case(case: Case, scale: Scale, announce: Callable[[str], None]) -> CaseResult:
    """Run one case on servers of its own.

    Raises:
        AuditFailed: a contender that claims to keep count did not.
    """
    began = time.monotonic()
    readings = Readings()
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as directory:

        def tell(line: str) -> None:
            announce(f"{case.name}: {line}")

        with case.open(Path(directory), scale, tell) as contenders:
            for contender in contenders:
                contender.prepare()
            _run_rounds(case, scale, contenders, readings, tell)
            for contender in contenders:
                tell(f"audit: {contender.name}")
                readings.add(ONLY_SETTING, contender.name, contender.audit())
    result = CaseResult(
        name=case.name,
        date=datetime.now(UTC).date().isoformat(),
        scale=scale.name,
        seconds=round(time.monotonic() - began, 1),
        series=readings.series(),
    )
    bars = tuple(_bar_result(bar) for bar in case.bars(result))
    return result.model_copy(update={"bars": bars})


def turns(contenders: Sequence[Contender], round: int) -> list[Contender]:
    """Return the order of a round: each contender leads in its turn."""
    first = round % len(contenders)
    return [*contenders[first:], *contenders[:first]]


def _run_rounds(
    case: Case,
    scale: Scale,
    contenders: Sequence[Contender],
    readings: Readings,
    announce: Callable[[str], None],
) -> None:
    rounds = case.rounds(scale)
    for setting in case.settings(scale):
        for round in range(rounds):
            for contender in turns(contenders, round):
                announce(_progress(setting, round + 1, rounds, contender.name))
                readings.add(setting, contender.name, contender.run(setting, round))


def _progress(setting: str, round: int, rounds: int, contender: str) -> str:
    parts = [*([setting] if setting else []), f"round {round} of {rounds}", contender]
    return ": ".join(parts)


def _bar_result(bar: Bar) -> BarResult:
    return BarResult(
        text=bar.text,
        unit=bar.unit,
        value=bar.value,
        at_least=bar.at_least,
        at_most=bar.at_most,
        is_met=bar.is_met,
    )
