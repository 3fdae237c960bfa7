"""Whole checkouts: reserved, then confirmed and fulfilled, by one shopper and by many at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.case import Bar, Contender, Scale, View
from benchmarks.results import CaseResult
from benchmarks.stack.contenders import (
    DBOS,
    FLOOR,
    HOLDFAST,
    DbosCrew,
    FloorCrew,
    HoldfastCrew,
    Load,
    contenders_at_work,
)

ALONE: Final = "alone"
AT_20: Final = "20 at once"
AT_100: Final = "100 at once"


class CheckoutsCase:
    """Holdfast beside the engine floor and DBOS."""

    name = "checkouts"
    title = "Whole checkouts"
    about = (
        "One unit of one of 100 SKUs is reserved and, as soon as that is answered, confirmed and "
        "fulfilled, by shoppers who do nothing else. Shoppers and worker are one process each; "
        "DBOS runs its workflows in the shoppers' process, so its client is its worker as well."
    )
    views: Sequence[View] = (
        View("Answers", ("rate", "reserve p50", "reserve p99", "confirm p50", "confirm p99")),
        View(
            "Processor time of one checkout",
            ("client CPU", "worker CPU", "Temporal CPU", "Postgres CPU", "CPU in all"),
        ),
        View(
            "Peak memory",
            ("client memory", "worker memory", "Temporal memory", "Postgres memory"),
        ),
    )
    page_figures: Sequence[str] = (
        "rate",
        "reserve p50",
        "reserve p99",
        "confirm p50",
        "worker CPU",
        "CPU in all",
    )

    def settings(self, scale: Scale) -> Sequence[str]:
        return scale.pick((ALONE, AT_20, AT_100), (ALONE, AT_20), (AT_20,))

    def rounds(self, scale: Scale) -> int:
        return scale.pick(5, 2, 1)

    @contextmanager
    def open(
        self, directory: Path, scale: Scale, announce: Callable[[str], None]
    ) -> Iterator[Sequence[Contender]]:
        loads = {
            ALONE: Load(1, scale.pick(100, 50, 5)),
            AT_20: Load(20, scale.pick(400, 150, 20)),
            AT_100: Load(100, scale.pick(500, 200, 100)),
        }
        crews = (HoldfastCrew, FloorCrew, DbosCrew)
        with contenders_at_work(crews, directory, loads, scale, announce) as contenders:
            yield contenders

    def bars(self, result: CaseResult) -> Sequence[Bar]:
        return [
            Bar(
                "Whole checkouts at 20 at once, as a share of the engine floor's",
                result.ratio("rate", AT_20, HOLDFAST, FLOOR),
                at_least=0.85,
            ),
            Bar(
                "Whole checkouts at 20 at once, as a multiple of DBOS's",
                result.ratio("rate", AT_20, HOLDFAST, DBOS),
                at_least=1.5,
            ),
            Bar(
                "A lone reserve's median, as a multiple of the engine floor's",
                result.ratio("reserve p50", ALONE, HOLDFAST, FLOOR),
                at_most=1.3,
            ),
            Bar(
                "A lone reserve's median, as a multiple of DBOS's",
                result.ratio("reserve p50", ALONE, HOLDFAST, DBOS),
                at_most=1.0,
            ),
            Bar(
                "Python's processor time in the worker, of one checkout at 20 at once",
                result.median(HOLDFAST, AT_20, "worker CPU"),
                at_most=9.0,
                unit="ms",
            ),
        ]
