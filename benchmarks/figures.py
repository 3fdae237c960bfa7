"""What is measured: answers as a checkout service sees them, start-up times, memory at rest."""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from activities.inventory.records import StockRow
from holdfast_client.cli.checkout_plan import ReplayOptions
from holdfast_client.cli.orders import Order, read_orders
from holdfast_client.cli.replay import Replay
from holdfast_client.cli.replay_report import ReplayReport
from holdfast_client.cli.stock_file import cover_demand
from holdfast_client.client import ReservationClient
from holdfast_client.names import DEFAULT_LOCATION
from worker.composition import open_inventory
from worker.dev import RunningStack, running_stack

SKU: Final = "BENCH-01"
WARM_UP: Final = 30
STARTS: Final = 5
COVER: Final = 0.9
SHOPPERS_AT_ONCE: Final = 20
REST_SECONDS: Final = 3.0


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value."""

    name: str
    value: float
    unit: str


async def measure(
    checkouts: int, orders_path: Path | None, announce: Callable[[str], None]
) -> list[Figure]:
    """Measure everything on a stack of its own.

    Args:
        checkouts: how many for each figure.
        orders_path: an order file to replay, or None.
        announce: told what is being measured.

    Raises:
        RuntimeError: the ledger did not add up afterwards, so no figure counts.
    """
    announce("starting programs")
    figures = _start_up_times()
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as directory:
        async with running_stack(Path(directory)) as running:
            figures.append(_worker_at_rest(running))
            announce(f"{checkouts} checkouts, one after the other")
            figures += await _lone(running, checkouts)
            announce(f"{checkouts} checkouts, {SHOPPERS_AT_ONCE} at once")
            figures += _rates("at 20", await _many(running, _equal_orders(checkouts)))
            if orders_path:
                announce(f"the orders of {orders_path}, {SHOPPERS_AT_ONCE} at once")
                orders = read_orders(orders_path).orders
                figures += _rates("orders", await _many(running, orders, abandon=0.10, cancel=0.05))
            await asyncio.to_thread(_audit, running)
    return figures


def _start_up_times() -> list[Figure]:
    client = [sys.executable, "-c", "import holdfast_client"]
    help = [str(Path(sys.executable).with_name("holdfast")), "--help"]
    return [
        Figure("import holdfast_client", _median_seconds(client), "s"),
        Figure("holdfast --help", _median_seconds(help), "s"),
    ]


def _median_seconds(command: Sequence[str]) -> float:
    taken = []
    for _ in range(STARTS):
        began = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        taken.append(time.perf_counter() - began)
    return round(statistics.median(taken), 3)


def _worker_at_rest(running: RunningStack) -> Figure:
    """Start a worker process beside the stack's own, let it come to rest, and weigh it."""
    environment = {
        "HOLDFAST_DATABASE_URL": running.settings.database,
        "TEMPORAL_ADDRESS": running.temporal_address,
    }
    with subprocess.Popen(
        [sys.executable, "-m", "worker"], env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        if process.stderr is None or "ready" not in process.stderr.readline():
            raise RuntimeError("the worker did not start")
        time.sleep(REST_SECONDS)
        megabytes = psutil.Process(process.pid).memory_info().rss / 1_000_000
        process.terminate()
        process.communicate()
    return Figure("worker at rest", round(megabytes), "MB")


async def _lone(running: RunningStack, checkouts: int) -> list[Figure]:
    await asyncio.to_thread(_load, running, {SKU: 2 * checkouts + 2 * WARM_UP})
    client = await ReservationClient.connect(running.temporal_address)
    reserve: list[float] = []
    confirm: list[float] = []
    for number in range(WARM_UP + checkouts):
        began = time.perf_counter()
        await client.reserve(f"lone-{number}", [(SKU, 1)])
        held = time.perf_counter()
        await client.confirm(f"lone-{number}", "payment")
        if number >= WARM_UP:
            reserve.append(held - began)
            confirm.append(time.perf_counter() - held)
    return [
        Figure("lone reserve p50", _ms(reserve, 50), "ms"),
        Figure("lone reserve p99", _ms(reserve, 99), "ms"),
        Figure("lone confirm p50", _ms(confirm, 50), "ms"),
        Figure("lone confirm p99", _ms(confirm, 99), "ms"),
    ]


def _equal_orders(count: int) -> tuple[Order, ...]:
    return tuple(Order(f"equal-{number}", ((SKU, 1),)) for number in range(count))


async def _many(
    running: RunningStack, orders: Sequence[Order], abandon: float = 0.0, cancel: float = 0.0
) -> ReplayReport:
    cover = cover_demand(orders, COVER if abandon else 1.0)
    await asyncio.to_thread(_load, running, cover.quantities)
    options = ReplayOptions(
        prefix=f"bench-{len(orders)}",
        concurrency=SHOPPERS_AT_ONCE,
        abandon_share=abandon,
        cancel_share=cancel,
        hold_seconds=20,
    )
    client = await ReservationClient.connect(running.temporal_address)
    return await Replay(client, orders, options).run()


def _rates(name: str, report: ReplayReport) -> list[Figure]:
    return [
        Figure(f"{name}: checkouts", report.orders, ""),
        Figure(f"{name}: held", report.held, ""),
        Figure(f"{name}: denied", report.denied, ""),
        Figure(f"{name}: fulfilled", report.fulfilled, ""),
        Figure(f"{name}: cancelled", report.cancelled, ""),
        Figure(f"{name}: expired", report.expired, ""),
        Figure(f"{name}: without answer", report.unknown + report.failed + report.not_asked, ""),
        Figure(f"{name}: rate", report.checkouts_per_second, "checkouts/s"),
        Figure(f"{name}: reserve p50", report.reserve_p50_ms or 0.0, "ms"),
        Figure(f"{name}: reserve p99", report.reserve_p99_ms or 0.0, "ms"),
        Figure(f"{name}: confirm p50", report.confirm_p50_ms or 0.0, "ms"),
        Figure(f"{name}: confirm p99", report.confirm_p99_ms or 0.0, "ms"),
    ]


def _load(running: RunningStack, quantities: Mapping[str, int]) -> None:
    inventory = open_inventory(running.settings)
    rows = [StockRow(sku, DEFAULT_LOCATION, units) for sku, units in quantities.items()]
    inventory.ledger.load_stock(rows)
    inventory.close()


def _audit(running: RunningStack) -> None:
    inventory = open_inventory(running.settings)
    breaches = inventory.ledger.audit()
    inventory.close()
    if breaches:
        raise RuntimeError(f"the ledger does not add up: {breaches[0]}")


def _ms(seconds: Sequence[float], percent: int) -> float:
    return round(statistics.quantiles(seconds, n=100)[percent - 1] * 1_000, 1)
