"""The case "loading": a stock file of any size is set while shoppers reserve what it names."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from activities.inventory.database.errors import LedgerUnavailable
from activities.inventory.database.migrate import upgrade
from activities.inventory.ledger import Ledger
from benchmarks.case import AuditFailed, Bar, CaseFailed, Contender, Reading, Scale, View
from benchmarks.ledger.crowd import percentile, repeating
from benchmarks.ledger.server import Server, connect, running_server
from holdfast_client.contract.messages import CheckoutRequest, Line

if TYPE_CHECKING:
    from benchmarks.results import CaseResult

ROWS_MAX: Final = "500,000"
SHOP: Final = "stock load"
# Between two reserves: twenty a second or so, of which each percent is some of them.
_PAUSE_SECONDS: Final = 0.05


@dataclass(slots=True)
class Loaded:
    """A shop whose whole stock is counted anew, with one file, while it is open."""

    server: Server
    directory: Path
    usual_seconds: float
    name: str = SHOP

    def prepare(self) -> None:
        """Nothing: the first load of a round, beside nobody, warms up."""

    def run(self, setting: str, round: int) -> Sequence[Reading]:
        count = int(setting.replace(",", ""))
        url = self.server.make_database(f"loaded_{round}")
        engine = connect(url)
        try:
            upgrade(engine)
            self._load(url, count, total=1_000)
            shoppers = Shoppers(Ledger(engine), count)
            with repeating(shoppers.reserve, _PAUSE_SECONDS) as usual:
                time.sleep(self.usual_seconds)
            with repeating(shoppers.reserve, _PAUSE_SECONDS) as beside:
                seconds = self._load(url, count, total=1_001)
            if breaches := Ledger(engine).audit():
                raise AuditFailed(str(breaches[0]))
        finally:
            engine.dispose()
        return [
            Reading("load", seconds, "s"),
            Reading("usual p99 of a reserve", percentile(usual, 99), "ms"),
            Reading("p99 beside the load", percentile(beside, 99), "ms"),
            Reading(
                "p99 against the usual", percentile(beside, 99) / percentile(usual, 99), "times"
            ),
            Reading("not served", shoppers.not_served, "requests"),
        ]

    def audit(self) -> Sequence[Reading]:
        return []

    def _load(self, url: str, count: int, total: int) -> float:
        """Load a file by the command, as an operator does; return how long it took, in seconds."""
        file = self.directory / f"stock-{total}.csv"
        rows = "".join(f"SKU-{number},{total}\n" for number in range(count))
        file.write_text(f"sku,quantity\n{rows}")
        began = time.perf_counter()
        ran = subprocess.run(
            [sys.executable, "-m", "worker", "stock", "load", str(file)],
            env=os.environ | {"HOLDFAST_DATABASE_URL": url},
            capture_output=True,
            text=True,
            check=False,
        )
        if ran.returncode:
            raise CaseFailed(f"the load failed: {ran.stderr[-500:]}")
        return round(time.perf_counter() - began, 1)


@dataclass(slots=True)
class Shoppers:
    """Reserve one unit after the other, of SKUs by chance."""

    ledger: Ledger
    skus: int
    not_served: int = 0
    _chance: random.Random = field(
        default_factory=lambda: random.Random(1)  # noqa: S311  # which SKU, no secret
    )
    _asked: int = 0

    def reserve(self) -> None:
        self._asked += 1
        line = Line(sku=f"SKU-{self._chance.randrange(self.skus)}", quantity=1)
        try:
            self.ledger.reserve([CheckoutRequest(checkout_id=f"c-{self._asked}", lines=(line,))])
        except LedgerUnavailable:
            self.not_served += 1


@dataclass(slots=True)
class Loading:
    """How long it takes, and what shoppers notice of it."""

    name: str = "loading"
    title: str = "Loading a stock file"
    about: str = (
        "All totals are counted anew by one file, with `stock load`, while about twenty units a "
        "second are reserved."
    )
    views: Sequence[View] = (
        View("", ("load", "usual p99 of a reserve", "p99 beside the load", "not served")),
    )
    page_figures: Sequence[str] = ("load", "p99 against the usual")

    def settings(self, scale: Scale) -> Sequence[str]:
        return scale.pick((ROWS_MAX,), ("20,000",), ("300",))

    def rounds(self, scale: Scale) -> int:  # noqa: ARG002  # what every case is given
        return 1

    @contextmanager
    def open(
        self,
        directory: Path,
        scale: Scale,
        announce: Callable[[str], None],  # noqa: ARG002  # what every case is given
    ) -> Iterator[Sequence[Contender]]:
        with running_server(directory) as server:
            yield [Loaded(server, directory, scale.pick(60.0, 20.0, 0.5))]

    def bars(self, result: CaseResult) -> Sequence[Bar]:
        return (
            Bar(
                "stock load of 500,000 rows: p99 of a reserve against the usual",
                result.median(SHOP, ROWS_MAX, "p99 against the usual"),
                at_most=3,
                unit="times",
            ),
        )
