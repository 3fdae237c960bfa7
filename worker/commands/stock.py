"""``stock``: loading stock items and looking at them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import typer

from activities.inventory.errors import StockLoadRefused
from activities.inventory.ledger import LOW_STOCK_THRESHOLD_DEFAULT
from activities.inventory.records import Availability
from worker import tables
from worker.commands.session import opened_ledger
from worker.stock_file import StockFileInvalid, read_stock_file

STOCK_SHOWN_MAX: Final = 50_000


def load(file: Annotated[Path, typer.Argument(help="CSV: sku,quantity[,location,name]")]) -> None:
    """Set the totals of stock items from a file, all rows or none."""
    sheet = read_stock_file(file)
    with opened_ledger(statement_timeout_ms=0) as ledger:
        try:
            result = ledger.load_stock(sheet.rows)
        except StockLoadRefused as error:
            raise StockFileInvalid(
                [
                    f"line {sheet.lines[index]}: {wanted:,} is below the {reserved:,} reserved"
                    for index, wanted, reserved in error.rows
                ]
            ) from error
    print(
        f"{len(sheet.rows):,} rows: {result.created:,} new, {result.changed:,} changed, "
        f"{result.unchanged:,} as they were"
    )


def show(
    skus: Annotated[list[str] | None, typer.Argument(help="All in stock if left out.")] = None,
) -> None:
    """Show total, reserved and available stock."""
    with opened_ledger() as ledger:
        tables.show_stock(ledger.availability(skus) if skus else _all_pages(ledger.in_stock))


def low(
    threshold: Annotated[
        int, typer.Option(min=0, help="At most so many available.")
    ] = LOW_STOCK_THRESHOLD_DEFAULT,
) -> None:
    """Show what is running out."""
    with opened_ledger() as ledger:
        tables.show_stock(_all_pages(partial(ledger.low_stock, threshold)))


def _all_pages(read_page: Callable[..., Sequence[Availability]]) -> list[Availability]:
    """Read page after page, at most ``STOCK_SHOWN_MAX`` rows, and say when there are more."""
    rows: list[Availability] = []
    page = read_page()
    while page and len(rows) < STOCK_SHOWN_MAX:
        rows += page
        page = read_page(after=(rows[-1].sku, rows[-1].location))
    if page:
        print(f"only the first {len(rows):,} are shown", file=sys.stderr)
    return rows
