"""The cases "growth" and "open holds": does an operation cost more where more lies beside it?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.case import Bar, Contender, Reading, Scale, View
from benchmarks.ledger import old_shop
from benchmarks.ledger.old_shop import OldShop, Operation, Past, latencies
from benchmarks.ledger.server import running_server

if TYPE_CHECKING:
    from benchmarks.results import CaseResult

NO_PAST: Final = "new shop"
_OPERATIONS: Final[Mapping[str, Operation]] = {
    "reserve": old_shop.reserve,
    "reserve 100": old_shop.reserve_batch,
    "deny": old_shop.deny,
    "fulfil": old_shop.fulfil,
    "expire": old_shop.expire,
    "check drift": old_shop.check_drift,
}
# Those that take long are done less often.
_SHARES: Final = {"reserve 100": 10, "check drift": 40}


class Aged:
    """One shop with a past; the settings are the operations."""

    def __init__(
        self, name: str, shop: OldShop, times: int, announce: Callable[[str], None]
    ) -> None:
        self.name = name
        self._shop = shop
        self._times = times
        self._announce = announce

    def prepare(self) -> None:
        self._shop.furnish(self._announce)
        for operation in _OPERATIONS:
            self.run(operation, 0)

    def run(self, setting: str, round: int) -> Sequence[Reading]:  # noqa: ARG002  # what every case is given
        times = max(3, self._times // _SHARES.get(setting, 1))
        return latencies(_OPERATIONS[setting](self._shop, times))

    def audit(self) -> Sequence[Reading]:
        self._announce(f"audit of {self.name}")
        return [Reading("audit", round(self._shop.audit(), 2), "s")]


@dataclass(slots=True)
class Growth:
    """The same operations on shops with more and more of something."""

    name: str
    title: str
    about: str
    pasts: Callable[[Scale], Mapping[str, Past]]
    bar: Callable[[CaseResult], Sequence[Bar]]
    views: Sequence[View] = (View("latency", ("p50", "p99")), View("audit", ("audit",)))
    page_figures: Sequence[str] = ("p50", "audit")

    def settings(self, scale: Scale) -> Sequence[str]:  # noqa: ARG002  # what every case is given
        return tuple(_OPERATIONS)

    def rounds(self, scale: Scale) -> int:
        return scale.pick(7, 5, 1)

    @contextmanager
    def open(
        self, directory: Path, scale: Scale, announce: Callable[[str], None]
    ) -> Iterator[Sequence[Contender]]:
        times = scale.pick(200, 100, 10)
        with running_server(directory) as server, ExitStack() as stack:
            aged = []
            for number, (name, past) in enumerate(self.pasts(scale).items()):
                shop = OldShop(server, f"shop{number}", past)
                stack.callback(shop.close)
                aged.append(Aged(name, shop, times, announce))
            yield aged

    def bars(self, result: CaseResult) -> Sequence[Bar]:
        return self.bar(result)


def _closed(scale: Scale) -> Mapping[str, Past]:
    counts = scale.pick((0, 1_000_000, 10_000_000), (0, 1_000_000), (0, 2_000))
    return {named(count, "closed"): Past(closed=count) for count in counts}


def _open(scale: Scale) -> Mapping[str, Past]:
    counts = scale.pick((0, 50_000), (0, 50_000), (0, 500))
    return {named(count, "open"): Past(open=count) for count in counts}


def named(count: int, what: str) -> str:
    return f"{count:,} {what}" if count else NO_PAST


def _growth_bars(result: CaseResult) -> Sequence[Bar]:
    return [
        Bar(
            f"{operation}: p50 beside 10,000,000 closed reservations against a new shop",
            result.ratio("p50", operation, named(10_000_000, "closed"), NO_PAST),
            at_most=bar,
            unit="times",
        )
        for operation, bar in (("reserve", 1.15), ("expire", 1.15), ("reserve 100", 1.3))
    ]


def no_bars(result: CaseResult) -> Sequence[Bar]:  # noqa: ARG001  # what every case is given
    return ()


CLOSED: Final = Growth(
    "growth",
    "Closed reservations beside",
    "Single operations of one caller on shops that differ in their past alone, each in a database "
    "of its own on one server. A closed reservation has one line and two movements.",
    _closed,
    _growth_bars,
)
OPEN: Final = Growth(
    "open-holds",
    "Open holds beside",
    "The same operations beside so many open holds.",
    _open,
    no_bars,
)
