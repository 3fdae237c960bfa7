"""A file of real orders, replayed: some pay, some walk away, and stock falls short."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from activities.inventory.records import StockRow
from benchmarks.case import ONLY_SETTING, Bar, Contender, Reading, Scale, View
from benchmarks.results import CaseResult
from benchmarks.stack.contenders import HOLDFAST
from benchmarks.stack.programs import start_worker
from benchmarks.stack.site import Site, running_site
from holdfast_client import ReservationClient
from holdfast_client.cli.orders.reading import read_orders
from holdfast_client.cli.replay.engine import Replay
from holdfast_client.cli.replay.plan import ReplayOptions
from holdfast_client.cli.replay.report import ReplayReport
from holdfast_client.cli.replay.stock_file import cover_demand
from holdfast_client.contract.names import DEFAULT_LOCATION
from worker.composition import open_inventory
from worker.settings import load_settings
from worker.stock_load import load_all

SHOPPERS_AT_ONCE: Final = 20
COVER: Final = 0.9
ABANDON_SHARE: Final = 0.10
CANCEL_SHARE: Final = 0.05
HOLD_SECONDS: Final = 20


class OrdersCase:
    """The orders of a file, through the whole stack."""

    name = "orders"
    title = "Orders of a file"
    about = (
        f"Replayed by {SHOPPERS_AT_ONCE} shoppers at once on stock for {COVER:.0%} of the demand; "
        f"{ABANDON_SHARE:.0%} walk away and {CANCEL_SHARE:.0%} cancel."
    )
    views: Sequence[View] = (
        View(
            "Outcomes",
            ("orders", "held", "denied", "fulfilled", "cancelled", "expired", "without answer"),
        ),
        View("Answers", ("rate", "reserve p50", "reserve p99", "confirm p50", "confirm p99")),
    )
    page_figures: Sequence[str] = ()

    def __init__(self, path: Path) -> None:
        self._path = path

    def settings(self, scale: Scale) -> Sequence[str]:  # noqa: ARG002  # there is but one
        return (ONLY_SETTING,)

    def rounds(self, scale: Scale) -> int:  # noqa: ARG002  # stock is loaded once
        return 1

    @contextmanager
    def open(
        self,
        directory: Path,
        scale: Scale,  # noqa: ARG002  # the file says how much
        announce: Callable[[str], None],
    ) -> Iterator[Sequence[Contender]]:
        with running_site(directory, announce) as site, ExitStack() as programs:
            worker = start_worker(["worker"], site.worker_environment, site.log_path("worker"))
            programs.enter_context(worker)
            yield [OrdersContender(site, self._path)]

    def bars(self, result: CaseResult) -> Sequence[Bar]:  # noqa: ARG002  # none was set
        return []


class OrdersContender:
    """Holdfast, with the file's orders."""

    name = HOLDFAST

    def __init__(self, site: Site, path: Path) -> None:
        self._site = site
        self._orders = read_orders(path).orders

    def prepare(self) -> None:
        wanted = cover_demand(self._orders, COVER).quantities
        rows = [StockRow(sku, DEFAULT_LOCATION, units) for sku, units in wanted.items()]
        inventory = open_inventory(load_settings(database_url=self._site.stack.postgres.url))
        load_all(inventory.ledger, rows)
        inventory.close()

    def run(self, setting: str, round: int) -> Sequence[Reading]:  # noqa: ARG002  # there is but one
        return _readings(asyncio.run(self._replay()))

    def audit(self) -> Sequence[Reading]:
        self._site.audit()
        return []

    async def _replay(self) -> ReplayReport:
        client = await ReservationClient.connect(self._site.stack.temporal.address)
        options = ReplayOptions(
            prefix="bench",
            concurrency=SHOPPERS_AT_ONCE,
            abandon_share=ABANDON_SHARE,
            cancel_share=CANCEL_SHARE,
            hold_seconds=HOLD_SECONDS,
        )
        return await Replay(client, self._orders, options).run()


def _readings(report: ReplayReport) -> list[Reading]:
    return [
        Reading("orders", report.orders, ""),
        Reading("held", report.held, ""),
        Reading("denied", report.denied, ""),
        Reading("fulfilled", report.fulfilled, ""),
        Reading("cancelled", report.cancelled, ""),
        Reading("expired", report.expired, ""),
        Reading("without answer", report.unknown + report.failed + report.not_asked, ""),
        Reading("rate", report.checkouts_per_second, "/s"),
        Reading("reserve p50", report.reserve_p50_ms or 0.0, "ms"),
        Reading("reserve p99", report.reserve_p99_ms or 0.0, "ms"),
        Reading("confirm p50", report.confirm_p50_ms or 0.0, "ms"),
        Reading("confirm p99", report.confirm_p99_ms or 0.0, "ms"),
    ]
