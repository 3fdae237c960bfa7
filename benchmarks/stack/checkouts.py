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
    PlainCrew,
    contenders_at_work,
)

ALONE: Final = "alone"
AT_20: Final = "20 at once"
AT_100: Final = "100 at once"
AT_20_BUSY: Final = "20 at once, two busy loops beside"


class CheckoutsCase:
    """Holdfast beside the engine floor, DBOS, and reservations without an engine."""

    name = "checkouts"
    title = "Whole checkouts"
    about = (
        "One unit of one of 100 SKUs is reserved and, as soon as that is answered, confirmed and "
        "fulfilled, by shoppers who do nothing else. Shoppers and worker are one process each; "
        "DBOS and plain Postgres work in the shoppers' process, so their client is their worker."
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
        "worker CPU",
        "CPU in all",
    )

    def settings(self, scale: Scale) -> Sequence[str]:
        return scale.pick((ALONE, AT_20, AT_100, AT_20_BUSY), (ALONE, AT_20), (AT_20,))

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
            AT_20_BUSY: Load(20, 200, busy_loops=2),
        }
        crews = (HoldfastCrew, FloorCrew, DbosCrew, PlainCrew)
        with contenders_at_work(crews, directory, loads, scale, announce) as contenders:
            yield contenders

    def bars(self, result: CaseResult) -> Sequence[Bar]:
        return [
            Bar(
                "Whole checkouts at 20 at once, as a share of the engine floor's",
                result.ratio("rate", AT_20, HOLDFAST, FLOOR),
                at_least=0.92,
            ),
            Bar(
                "Whole checkouts at 20 at once beside two busy loops, as a multiple of DBOS's",
                result.ratio("rate", AT_20_BUSY, HOLDFAST, DBOS),
                at_least=1.2,
            ),
            Bar(
                "Processor time in all of a checkout at 20 at once, as a multiple of the floor's",
                result.ratio("CPU in all", AT_20, HOLDFAST, FLOOR),
                at_most=1.15,
            ),
            Bar(
                "Processor time in all of a checkout at 20 at once, as a multiple of DBOS's",
                result.ratio("CPU in all", AT_20, HOLDFAST, DBOS),
                at_most=0.7,
            ),
            Bar(
                "The worker's processor time of a checkout at 20 at once, against the floor's",
                result.ratio("worker CPU", AT_20, HOLDFAST, FLOOR),
                at_most=1.2,
            ),
            Bar(
                "A lone reserve's median, as a multiple of the engine floor's",
                result.ratio("reserve p50", ALONE, HOLDFAST, FLOOR),
                at_most=1.2,
            ),
            Bar(
                "A lone reserve's median, as a multiple of DBOS's",
                result.ratio("reserve p50", ALONE, HOLDFAST, DBOS),
                at_most=1.0,
            ),
        ]
