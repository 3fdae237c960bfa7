"""The cases "hot SKU" and "wide catalogue": many callers, each wanting one checkout at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from benchmarks.case import Bar, Contender, Reading, Scale, View
from benchmarks.ledger import peers
from benchmarks.ledger.bare_statements import BARE, BareStatements, pgbench_path
from benchmarks.ledger.baskets import HOT_SKU, STOCK_AMPLE, WIDE_CATALOGUE, Assortment, Basket
from benchmarks.ledger.crowd import Tally, readings
from benchmarks.ledger.holdfast_shop import HoldfastShop
from benchmarks.ledger.server import Server, connect, running_server

if TYPE_CHECKING:
    from benchmarks.results import CaseResult

HOLDFAST: Final = "Holdfast"
LOCKING: Final = "SELECT FOR UPDATE"
CALLERS: Final = ("1", "16", "64")
_PEERS: Final = (
    (LOCKING, peers.lock_then_write),
    ("UPDATE line by line", peers.take_line_by_line),
    ("read, then increment", peers.read_then_increment),
)


class _Shop(Protocol):
    def rush(
        self, customers: Sequence[Callable[[], Basket]], prefix: str, seconds: float
    ) -> tuple[Tally, float]: ...
    def want_at_once(self, checkout_ids: Sequence[str], basket: Basket) -> None: ...
    def leave_units(self, basket: Basket, units: int) -> None: ...
    def analyze(self) -> None: ...
    def oversold_units(self) -> int: ...


class Rival:
    """A shop under a rush; after each, half as many units are left as there are callers."""

    def __init__(self, name: str, shop: _Shop, assortment: Assortment, seconds: float) -> None:
        self.name = name
        self._shop = shop
        self._assortment = assortment
        self._seconds = seconds
        self._oversold = 0

    def prepare(self) -> None:
        self._shop.rush(self._customers(2, "first"), "first", self._seconds / 4)
        self._shop.analyze()

    def run(self, setting: str, round: int) -> Sequence[Reading]:
        callers, prefix = int(setting), f"{setting}-{round}"
        tally, seconds = self._shop.rush(self._customers(callers, prefix), prefix, self._seconds)
        self._last_units(callers, prefix)
        return readings(tally, seconds)

    def audit(self) -> Sequence[Reading]:
        return [Reading("oversold", self._oversold + self._shop.oversold_units(), "units")]

    def _customers(self, count: int, seed: str) -> list[Callable[[], Basket]]:
        return [self._assortment.customer(f"{seed}-{number}") for number in range(count)]

    def _last_units(self, callers: int, prefix: str) -> None:
        """Let all want the same last units at one moment, and count what was oversold."""
        basket = self._assortment.skus[: self._assortment.lines]
        self._shop.leave_units(basket, max(1, callers // 2))
        self._shop.want_at_once([f"last-{prefix}-{number}" for number in range(callers)], basket)
        self._oversold += self._shop.oversold_units()
        self._shop.leave_units(basket, STOCK_AMPLE)


@dataclass(slots=True)
class Contention:
    """One assortment, wanted by more and more callers."""

    name: str
    title: str
    about: str
    assortment: Assortment
    bar: Callable[[CaseResult], Sequence[Bar]]
    views: Sequence[View] = (
        View("checkouts", ("rate", "p50", "p99", "failed")),
        View("audit", ("oversold",)),
    )
    page_figures: Sequence[str] = ("rate", "p99", "oversold")

    def settings(self, scale: Scale) -> Sequence[str]:
        return scale.pick(CALLERS, CALLERS, ("1", "16"))

    def rounds(self, scale: Scale) -> int:
        return scale.pick(5, 3, 1)

    @contextmanager
    def open(
        self, directory: Path, scale: Scale, announce: Callable[[str], None]
    ) -> Iterator[Sequence[Contender]]:
        seconds = scale.pick(2.0, 1.0, 0.2)
        with ExitStack() as stack:
            server = stack.enter_context(running_server(directory))
            yield [
                *self._rivals(server, stack, seconds),
                *self._floor(server, stack, seconds, directory, announce),
            ]

    def bars(self, result: CaseResult) -> Sequence[Bar]:
        return self.bar(result)

    def _rivals(self, server: Server, stack: ExitStack, seconds: float) -> Iterator[Rival]:
        skus = self.assortment.skus
        holdfast = HoldfastShop(server.make_database("ours"), skus)
        stack.callback(holdfast.close)
        yield Rival(HOLDFAST, holdfast, self.assortment, seconds)
        for number, (name, take) in enumerate(_PEERS):
            peer = peers.PeerShop(connect(server.make_database(f"peer{number}")), take, skus)
            stack.callback(peer.close)
            yield Rival(name, peer, self.assortment, seconds)

    def _floor(
        self,
        server: Server,
        stack: ExitStack,
        seconds: float,
        directory: Path,
        announce: Callable[[str], None],
    ) -> Iterator[BareStatements]:
        program = pgbench_path()
        if program is None:
            announce("left out: the bare statements, because this Postgres has no pgbench")
            return
        url = server.make_database("floor")
        bare = BareStatements(
            program, url, self.assortment, seconds=seconds, directory=directory / "pgbench"
        )
        stack.callback(bare.close)
        yield bare


def _hot_bars(result: CaseResult) -> Sequence[Bar]:
    return (
        Bar(
            "hot SKU, 64 callers: rate against SELECT FOR UPDATE",
            result.ratio("rate", "64", HOLDFAST, LOCKING),
            at_least=20.0,
            unit="times",
        ),
        Bar(
            "hot SKU, 64 callers: p99 against SELECT FOR UPDATE",
            result.ratio("p99", "64", HOLDFAST, LOCKING),
            at_most=1.0,
            unit="times",
        ),
        Bar(
            "hot SKU, a lone reserve: p50 against the bare statements",
            result.ratio("p50", "1", HOLDFAST, BARE),
            at_most=1.2,
            unit="times",
        ),
    )


def _wide_bars(result: CaseResult) -> Sequence[Bar]:
    return tuple(
        Bar(
            f"wide catalogue, {callers} callers: rate against the bare statements",
            result.ratio("rate", callers, HOLDFAST, BARE),
            at_least=bar,
            unit="times",
        )
        for callers, bar in (("16", 1.0), ("64", 1.5))
    )


_ABOUT: Final = (
    "The ledger alone. Each caller asks for one checkout at a time, those of the peers in threads, "
    "Holdfast's in coroutines, as a worker's do. All use the same Postgres and as many connections "
    "at most. The peers leave out constraints, idempotence and the "
    "record of denials. After each round the callers want the last units at one moment."
)
HOT: Final = Contention("hot-sku", "One SKU that everybody wants", _ABOUT, HOT_SKU, _hot_bars)
WIDE: Final = Contention(
    "wide-catalogue", "1,000 SKUs, 3 lines a checkout", _ABOUT, WIDE_CATALOGUE, _wide_bars
)
