"""Runs the demo: start everything, let shoppers shop, and check what is left."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from temporalio.client import Client

from activities.inventory.grouping.batches import in_batches
from activities.inventory.ledger import Ledger
from activities.inventory.records import Availability, StockRow
from holdfast_client.cli.orders.reading import Order, OrderBook, read_orders
from holdfast_client.cli.replay.engine import Replay
from holdfast_client.cli.replay.plan import ReplayOptions
from holdfast_client.cli.replay.report import CheckoutStep, ReplayEvent, ReplayReport, Step
from holdfast_client.cli.replay.stock_file import cover_demand
from holdfast_client.client import ReservationClient
from holdfast_client.contract.names import DEFAULT_LOCATION
from holdfast_client.transport.encryption import encrypting
from holdfast_client.transport.privacy import private_by_environment
from worker.composition import open_inventory
from worker.demo import catalogue
from worker.demo.board import Board
from worker.demo.report import Verdict, print_links, print_report
from worker.dev import RunningStack, running_stack
from worker.embedded.errors import EmbeddedServerError
from worker.service import Stop, run_until_stopped
from worker.stock_load import load_all

EXIT_BROKEN: Final = 1
FILE_COVER: Final = 0.9
_LOOK_SECONDS: Final = 0.25
# A look at a large catalogue takes longer, and must not keep the database from its shoppers.
_LOOK_SHARE: Final = 0.2
# What the demo's shoppers and those of an order file do.
_SHOPPERS: Final = ReplayOptions(
    prefix="demo",
    concurrency=12,
    abandon_share=0.15,
    cancel_share=0.10,
    extend_share=0.10,
    seed=catalogue.SEED,
    hold_seconds=8,
    think_seconds=0.8,
)
_FILE_SHOPPERS: Final = ReplayOptions(
    prefix="demo", concurrency=20, abandon_share=0.10, cancel_share=0.05, hold_seconds=10
)


@dataclass(frozen=True, slots=True)
class Show:
    """What is put on: the stock at the start, who comes, and how they behave."""

    stock: tuple[StockRow, ...]
    orders: tuple[Order, ...]
    options: ReplayOptions


async def demonstrate(orders_path: Path | None) -> int:
    """Put the show on, and in a terminal keep the servers up until Ctrl-C.

    Args:
        orders_path: an order file to replay; without one the demo has shoppers of its own.

    Returns:
        The exit code: 0 if every invariant holds, 1 if not, 130 where Ctrl-C came before the end.

    Raises:
        EmbeddedServerError: a server did not start.
        NoOrders: there is no order in the order file.
        OrderFileError: the order file cannot be read.
    """
    console = Console()
    show = _show(console, orders_path)
    data_dir = _new_directory()

    async def put_on(stop: Stop, done: asyncio.Event) -> int:
        began = time.monotonic()
        async with running_stack(data_dir) as running:
            _say(console, f"Everything is up after {time.monotonic() - began:.1f} s")
            _say(console, f"  Web UI    {running.ui_url}")
            _say(console, f"  Temporal  {running.temporal_address}")
            holds = await _perform(console, running, show)
            done.set()
            if console.is_terminal and not stop.is_set():
                _say(console, f"\nLook around: {running.ui_url}   Ctrl-C ends it.")
                await stop.wait()
        return 0 if holds else EXIT_BROKEN

    try:
        return await run_until_stopped(put_on)
    finally:
        shutil.rmtree(data_dir, ignore_errors=True)


def _new_directory() -> Path:
    try:
        return Path(tempfile.mkdtemp(prefix="holdfast-demo-"))
    except OSError as error:
        raise EmbeddedServerError(
            f"There is no room for the demo's files: {error.strerror}. "
            "Set TMPDIR to a directory that can be written."
        ) from error


def _show(console: Console, orders_path: Path | None) -> Show:
    if orders_path is None:
        return Show(catalogue.stock(), catalogue.orders(), _SHOPPERS)
    book = read_orders(orders_path)
    _tell_skipped(console, orders_path, book)
    cover = cover_demand(book.orders, FILE_COVER)
    _say(console, f"Stock for {FILE_COVER:.0%} of what they ask for, so that some are denied")
    stock = tuple(
        StockRow(sku, DEFAULT_LOCATION, quantity, book.names.get(sku, ""))
        for sku, quantity in cover.quantities.items()
    )
    return Show(stock, book.orders, _FILE_SHOPPERS)


def _tell_skipped(console: Console, path: Path, book: OrderBook) -> None:
    _say(console, f"{path}: {len(book.orders):,} orders; {book.rows_skipped:,} rows are skipped")
    # A warning that much is skipped has the reasons already.
    for line in dict.fromkeys((*book.warnings(), *(f"  {one}" for one in book.skipped))):
        _say(console, line)


async def _perform(console: Console, running: RunningStack, show: Show) -> bool:
    inventory = open_inventory(running.settings)
    try:
        ledger = inventory.ledger
        _say(console, await asyncio.to_thread(_stock_up, ledger, show))
        client = await _customer(running.temporal_address)
        report, examples, ends = await _shop(console, client, ledger, show)
        stock, verdict = await asyncio.to_thread(_judge, ledger, show, report, ends)
        print_report(console, report, stock, verdict)
        if console.is_terminal:
            # Otherwise the servers are gone before anybody could follow a link.
            print_links(console, running.ui_url, examples)
        return verdict.holds
    finally:
        inventory.close()


def _stock_up(ledger: Ledger, show: Show) -> str:
    skus = load_all(ledger, show.stock)
    return f"Stock of {skus:,} SKUs is loaded; {len(show.orders):,} shoppers come"


async def _customer(temporal_address: str) -> ReservationClient:
    """Connect to our own Temporal, whatever the environment says of another one."""
    temporal = await Client.connect(temporal_address, data_converter=encrypting())
    return ReservationClient(temporal, private_metadata=private_by_environment())


async def _shop(
    console: Console, client: ReservationClient, ledger: Ledger, show: Show
) -> tuple[ReplayReport, dict[Step, str], dict[str, Step]]:
    examples: dict[Step, str] = {}
    ends: dict[str, Step] = {}
    skus = [row.sku for row in show.stock]
    with Board(console, len(show.orders)) as board:

        def hear(event: ReplayEvent) -> None:
            if isinstance(event, CheckoutStep):
                examples.setdefault(event.step, event.checkout_id)
                if event.outcome is not None or event.asked == "status":
                    ends[event.checkout_id] = event.step
            board.hear(event)

        replay = Replay(client, show.orders, show.options, on_event=hear)
        looking = asyncio.create_task(_look(board, ledger, skus))
        try:
            report = await replay.run()
        finally:
            looking.cancel()
            await asyncio.wait({looking})
        board.see(await asyncio.to_thread(_figures, ledger, skus))
    return report, examples, ends


async def _look(board: Board, ledger: Ledger, skus: Sequence[str]) -> None:
    while True:
        began = time.monotonic()
        board.see(await asyncio.to_thread(_figures, ledger, skus))
        took = time.monotonic() - began
        await asyncio.sleep(max(_LOOK_SECONDS, took / _LOOK_SHARE))


def _figures(ledger: Ledger, skus: Sequence[str]) -> tuple[Availability, ...]:
    return tuple(item for batch in in_batches(skus) for item in ledger.availability(batch))


def _judge(
    ledger: Ledger, show: Show, report: ReplayReport, ends: dict[str, Step]
) -> tuple[tuple[Availability, ...], Verdict]:
    stock = _figures(ledger, [row.sku for row in show.stock])
    verdict = Verdict(ledger.audit(), _disagreements(ledger, ends), report.open)
    return stock, verdict


def _disagreements(ledger: Ledger, ends: dict[str, Step]) -> tuple[str, ...]:
    """Compare what every shopper was told last with what the database has."""
    found: list[str] = []
    for batch in in_batches(list(ends)):
        known = ledger.reservations(batch)
        for checkout_id in batch:
            state = known.get(checkout_id)
            has = state.outcome.status if state else "nothing"
            told = "held" if ends[checkout_id] is Step.EXTENDED else ends[checkout_id].value
            if has != told:
                found.append(f"{checkout_id} was told {told}, the database has {has}")
    return tuple(found)


def _say(console: Console, line: str) -> None:
    if console.is_terminal:
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    else:
        print(line, file=sys.stdout, flush=True)
