"""Scale-out on one machine: one, two and four worker processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.case import Bar, Contender, Scale, View
from benchmarks.results import CaseResult
from benchmarks.stack.contenders import (
    DBOS,
    HOLDFAST,
    DbosCrew,
    FloorCrew,
    HoldfastCrew,
    Load,
    contenders_at_work,
)

SHOPPERS: Final = 40
_COUNTS: Final = (1, 2, 4)


class ScaleOutCase:
    """The same checkouts with more and more worker processes on the same machine."""

    name = "scale-out"
    title = "Worker processes on one machine"
    about = (
        "Whole checkouts by 40 shoppers at once. Of DBOS, whose workflows run in the process that "
        "takes the request, there are as many such processes, which share the shoppers."
    )
    views: Sequence[View] = (
        View("Answers", ("rate", "reserve p50", "reserve p99")),
        View(
            "Processor time of one checkout",
            ("client CPU", "worker CPU", "Temporal CPU", "Postgres CPU", "CPU in all"),
        ),
    )
    page_figures: Sequence[str] = ("rate",)

    def settings(self, scale: Scale) -> Sequence[str]:
        return tuple(_loads(scale))

    def rounds(self, scale: Scale) -> int:
        return scale.pick(3, 1, 1)

    @contextmanager
    def open(
        self, directory: Path, scale: Scale, announce: Callable[[str], None]
    ) -> Iterator[Sequence[Contender]]:
        crews = (HoldfastCrew, FloorCrew, DbosCrew)
        with contenders_at_work(crews, directory, _loads(scale), scale, announce) as contenders:
            yield contenders

    def bars(self, result: CaseResult) -> Sequence[Bar]:
        ours = result.median(HOLDFAST, _named(1), "rate")
        theirs = [result.median(DBOS, _named(count), "rate") for count in _COUNTS]
        best = max((rate for rate in theirs if rate is not None), default=None)
        return [
            Bar(
                "Whole checkouts of one worker, as a multiple of DBOS's best by 1, 2 or 4",
                round(ours / best, 3) if ours and best else None,
                at_least=1.6,
            )
        ]


def _loads(scale: Scale) -> dict[str, Load]:
    checkouts = scale.pick(400, 200, 20)
    counts = scale.pick(_COUNTS, _COUNTS, (2,))
    return {_named(count): Load(SHOPPERS, checkouts, count) for count in counts}


def _named(count: int) -> str:
    return f"{count} process" + ("es" if count > 1 else "")
