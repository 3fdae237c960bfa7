"""The cases "adopting" and "adopted": a shop is taken in beside its work, and what that costs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from activities.inventory.adoption import steps
from activities.inventory.database.migrate import upgrade
from activities.inventory.ledger import Ledger
from benchmarks.case import AuditFailed, Bar, Contender, Reading, Scale, View
from benchmarks.ledger.baskets import HOT_SKU, STOCK_AMPLE
from benchmarks.ledger.contention import Rival
from benchmarks.ledger.crowd import percentile
from benchmarks.ledger.holdfast_shop import HoldfastShop
from benchmarks.ledger.plain_shop import PLAN, make_named_products, make_products, writing
from benchmarks.ledger.server import Server, connect, running_server

if TYPE_CHECKING:
    from benchmarks.results import CaseResult

MILLION: Final = "1,000,000"
NOT_ADOPTED: Final = "not adopted"
ADOPTED: Final = "adopted"
CANNOT_ADOPT: Final = "cannot adopt"
# What a ledger does for the shop that it has adopted, if it has.
_FOR_THE_SHOP: Final = (
    ("post_movements", "PERFORM holdfast.lock_shop_rows(items);", ""),
    ("lock_stock", "PERFORM holdfast.lock_shop_rows(ids);", ""),
    ("lock_stock", "PERFORM holdfast.follow_late_words(NULL, NULL);", ""),
    ("lock_stock", "IF holdfast.follow_late_words(ids, skus) THEN", "IF false THEN"),
    ("reserve_what_fits", "IF holdfast.follow_late_words(NULL, NULL) THEN", "IF false THEN"),
    (
        "reserve_what_fits",
        "IF to_regclass('holdfast.adopted_rows') IS NOT NULL THEN",
        "IF false THEN",
    ),
)


class Taken:
    """A shop of so many products, taken in while it goes on changing them."""

    name = "a shop at work"

    def __init__(self, server: Server) -> None:
        self._server = server

    def prepare(self) -> None:
        self.run("500", -1)

    def run(self, setting: str, round: int) -> Sequence[Reading]:
        count = int(setting.replace(",", ""))
        url = self._server.make_database(f"shop_{count}_{round + 1}")
        engine = connect(url, statement_timeout_ms=0)
        try:
            upgrade(engine)
            make_products(url, count)
            with writing(url, count) as waits:
                began = time.perf_counter()
                steps.apply(engine, PLAN)
                seconds = time.perf_counter() - began
            if breaches := Ledger(engine).audit():
                raise AuditFailed(str(breaches[0]))
        finally:
            engine.dispose()
        return [
            Reading("apply", round_to_tenths(seconds), "s"),
            Reading("p99 of its writes", percentile(waits, 99), "ms"),
            Reading("longest of its writes", round_to_tenths(max(waits) * 1_000), "ms"),
        ]

    def audit(self) -> Sequence[Reading]:
        return []


def round_to_tenths(value: float) -> float:
    return round(value, 1)


@dataclass(slots=True)
class Adopting:
    """How long it takes, and what the shop notices of it."""

    name: str = "adopting"
    title: str = "Adopting a shop"
    about: str = (
        "A table of products is taken in while the shop changes one of them every few milliseconds."
    )
    views: Sequence[View] = (View("", ("apply", "p99 of its writes", "longest of its writes")),)
    page_figures: Sequence[str] = ("apply", "longest of its writes")

    def settings(self, scale: Scale) -> Sequence[str]:
        return scale.pick((MILLION,), ("50,000",), ("600",))

    def rounds(self, scale: Scale) -> int:  # noqa: ARG002  # what every case is given
        return 1

    @contextmanager
    def open(
        self,
        directory: Path,
        scale: Scale,  # noqa: ARG002  # what every case is given
        announce: Callable[[str], None],  # noqa: ARG002  # what every case is given
    ) -> Iterator[Sequence[Contender]]:
        with running_server(directory) as server:
            yield [Taken(server)]

    def bars(self, result: CaseResult) -> Sequence[Bar]:
        return (
            Bar(
                "a shop of 1,000,000 products is adopted in",
                result.median(Taken.name, MILLION, "apply"),
                at_most=300,
                unit="s",
            ),
            Bar(
                "meanwhile its own writes take at most",
                result.median(Taken.name, MILLION, "longest of its writes"),
                at_most=400,
                unit="ms",
            ),
        )


@dataclass(slots=True)
class Adopted:
    """The same rush for one SKU, with the shop's row of it, without, and with no regard to it."""

    name: str = "adopted"
    title: str = "Beside a shop's own table"
    about: str = "Many callers want one SKU, whose figures are in the shop's own table too or not."
    views: Sequence[View] = (View("checkouts", ("rate", "p50", "p99", "failed")),)
    page_figures: Sequence[str] = ("rate", "p50")

    def settings(self, scale: Scale) -> Sequence[str]:
        return scale.pick(("1", "16", "64"), ("1", "64"), ("1", "16"))

    def rounds(self, scale: Scale) -> int:
        return scale.pick(5, 3, 1)

    @contextmanager
    def open(
        self,
        directory: Path,
        scale: Scale,
        announce: Callable[[str], None],  # noqa: ARG002  # what every case is given
    ) -> Iterator[Sequence[Contender]]:
        with running_server(directory) as server, ExitStack() as stack:
            rivals = []
            for name in (CANNOT_ADOPT, NOT_ADOPTED, ADOPTED):
                url = server.make_database(name.replace(" ", "_"))
                shop = HoldfastShop(url, HOT_SKU.skus)
                stack.callback(shop.close)
                if name == ADOPTED:
                    adopt(url, HOT_SKU.skus)
                if name == CANNOT_ADOPT:
                    disregard_shops(url)
                rivals.append(Rival(name, shop, HOT_SKU, scale.pick(2.0, 1.0, 0.2)))
            yield rivals

    def bars(self, result: CaseResult) -> Sequence[Bar]:
        return (
            Bar(
                "adopted: p50 of a lone reserve against not adopted",
                result.ratio("p50", "1", ADOPTED, NOT_ADOPTED),
                at_most=1.5,
                unit="times",
            ),
            Bar(
                "adopted: hot SKU, 64 callers: rate against not adopted",
                result.ratio("rate", "64", ADOPTED, NOT_ADOPTED),
                at_least=0.5,
                unit="times",
            ),
            Bar(
                "nothing adopted: p50 of a lone reserve against a ledger that cannot adopt",
                result.ratio("p50", "1", NOT_ADOPTED, CANNOT_ADOPT),
                at_most=1.05,
                unit="times",
            ),
        )


def disregard_shops(url: str) -> None:
    """Take out of a ledger whatever it does for shops that it may adopt."""
    engine = connect(url)
    try:
        with engine.begin() as connection:
            for name, clause, instead in _FOR_THE_SHOP:
                definition = connection.exec_driver_sql(
                    "SELECT pg_get_functiondef(oid) FROM pg_proc WHERE proname = %s", (name,)
                ).scalar_one()
                if clause not in definition:
                    raise LookupError(f"{name} does not say {clause}")
                connection.exec_driver_sql(definition.replace(clause, instead))
    finally:
        engine.dispose()


def adopt(url: str, skus: Sequence[str]) -> None:
    """Let a shop have these SKUs in a table of its own, and adopt it."""
    make_named_products(url, skus, STOCK_AMPLE)
    engine = connect(url, statement_timeout_ms=0)
    try:
        steps.apply(engine, PLAN)
    finally:
        engine.dispose()
