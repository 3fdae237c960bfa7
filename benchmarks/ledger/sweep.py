"""The cases "sweep" and "start": what the reconciler and a starting worker meet in the ledger."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.case import Bar, CaseFailed, Contender, Reading, Scale, View
from benchmarks.ledger.growth import named, no_bars
from benchmarks.ledger.old_shop import OldShop, Past
from benchmarks.ledger.server import running_server
from workflows.policies import RECONCILE_BATCH_SIZE

if TYPE_CHECKING:
    from benchmarks.results import CaseResult

_START: Final = """
import os, resource, sys, time
began = time.perf_counter()
from activities.inventory.database.engine import open_engine
from activities.inventory.ledger import Ledger
loaded = time.perf_counter()
ledger = Ledger(open_engine(sys.argv[1], connections_max=20))
ledger.schema_version()
ledger.count_overdue()
ready = time.perf_counter()
kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print((ready - loaded) * 1000, kilobytes / 1000)
"""


class Swept:
    """A shop whose overdue holds are ended as the reconciler ends them, batch by batch."""

    def __init__(self, name: str, shop: OldShop, announce: Callable[[str], None]) -> None:
        self.name = name
        self._shop = shop
        self._announce = announce

    def prepare(self) -> None:
        self._shop.furnish(self._announce)
        self.run("1", 0)

    def run(self, setting: str, round: int) -> Sequence[Reading]:  # noqa: ARG002  # what every case is given
        overdue = int(setting.replace(",", ""))
        self._shop.write_overdue(overdue)
        began = time.perf_counter()
        ended = 0
        while batch := self._shop.ledger.expire_overdue(0, RECONCILE_BATCH_SIZE):
            ended += batch
        seconds = time.perf_counter() - began
        if ended != overdue:
            raise CaseFailed(f"{ended:,} of {overdue:,} overdue holds were ended")
        return [
            Reading("sweep", _rounded(seconds * 1_000), "ms"),
            Reading("a hold", _rounded(seconds * 1_000 / overdue), "ms"),
        ]

    def audit(self) -> Sequence[Reading]:
        return [Reading("audit", round(self._shop.audit(), 2), "s")]


class Started:
    """A process that opens the ledger of a shop, as a worker does when it starts."""

    def __init__(self, name: str, shop: OldShop, announce: Callable[[str], None]) -> None:
        self.name = name
        self._shop = shop
        self._announce = announce

    def prepare(self) -> None:
        self._shop.furnish(self._announce)
        self.run("", 0)

    def run(self, setting: str, round: int) -> Sequence[Reading]:  # noqa: ARG002  # what every case is given
        ended = subprocess.run(
            [sys.executable, "-c", _START, self._shop.url],
            check=True,
            capture_output=True,
            text=True,
        )
        milliseconds, megabytes = ended.stdout.split()
        return [
            Reading("ready", _rounded(float(milliseconds)), "ms"),
            Reading("memory", _rounded(float(megabytes)), "MB"),
        ]

    def audit(self) -> Sequence[Reading]:
        return [Reading("audit", round(self._shop.audit(), 2), "s")]


def _rounded(value: float) -> float:
    return round(value, 3)


@dataclass(slots=True)
class Reconciled:
    """One of the two, on shops that differ in their past alone."""

    name: str
    title: str
    about: str
    contender: Callable[[str, OldShop, Callable[[str], None]], Contender]
    pasts: Callable[[Scale], Sequence[tuple[str, Past]]]
    sizes: Callable[[Scale], Sequence[str]]
    views: Sequence[View]
    page_figures: Sequence[str]

    def settings(self, scale: Scale) -> Sequence[str]:
        return self.sizes(scale)

    def rounds(self, scale: Scale) -> int:
        return scale.pick(3, 2, 1)

    @contextmanager
    def open(
        self, directory: Path, scale: Scale, announce: Callable[[str], None]
    ) -> Iterator[Sequence[Contender]]:
        with running_server(directory) as server, ExitStack() as stack:
            contenders = []
            for number, (name, past) in enumerate(self.pasts(scale)):
                shop = OldShop(server, f"shop{number}", past)
                stack.callback(shop.close)
                contenders.append(self.contender(name, shop, announce))
            yield contenders

    def bars(self, result: CaseResult) -> Sequence[Bar]:
        return no_bars(result)


def _closed(scale: Scale) -> Sequence[tuple[str, Past]]:
    counts = (0, scale.pick(1_000_000, 1_000_000, 2_000))
    return [(named(count, "closed"), Past(closed=count)) for count in counts]


def _open(scale: Scale) -> Sequence[tuple[str, Past]]:
    counts = (0, scale.pick(50_000, 50_000, 500))
    return [(named(count, "open"), Past(open=count)) for count in counts]


def _overdue(scale: Scale) -> Sequence[str]:
    return scale.pick(("1", "1,000", "100,000"), ("1", "1,000", "10,000"), ("1", "300"))


SWEEP: Final = Reconciled(
    "sweep",
    "Sweeping up overdue holds",
    "So many holds are overdue at once, and are ended in the reconciler's batches, on a new shop "
    "and beside a million closed reservations.",
    Swept,
    _closed,
    _overdue,
    (View("sweep", ("sweep", "a hold")), View("audit", ("audit",))),
    ("a hold",),
)
START: Final = Reconciled(
    "start",
    "A worker's start beside open holds",
    "A fresh process opens the ledger, checks the schema and counts what is overdue. What Temporal "
    "does when a worker starts is not part of it.",
    Started,
    _open,
    lambda scale: ("",),  # noqa: ARG005
    (View("start", ("ready", "memory")),),
    ("ready", "memory"),
)
