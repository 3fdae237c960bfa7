"""Scale-out on one machine: one, two and four worker processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.case import Bar, Contender, Scale, View
from benchmarks.results import CaseResult
from benchmarks.stack.contenders import (
    DbosCrew,
    FloorCrew,
    HoldfastCrew,
    Load,
    contenders_at_work,
)

SHOPPERS: Final = 40


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

    def bars(self, result: CaseResult) -> Sequence[Bar]:  # noqa: ARG002  # none was set
        return []


def _loads(scale: Scale) -> dict[str, Load]:
    checkouts = scale.pick(400, 200, 20)
    counts = scale.pick((1, 2, 4), (1, 2, 4), (2,))
    return {
        f"{count} process" + ("es" if count > 1 else ""): Load(SHOPPERS, checkouts, count)
        for count in counts
    }
