"""``stock show`` and ``stock low``: looking at stock items."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Final

from activities.inventory.grouping.batches import in_batches
from activities.inventory.ledger_readings import LOW_STOCK_THRESHOLD_DEFAULT
from activities.inventory.records import Availability
from holdfast_client.terminal import options
from worker import tables
from worker.commands.options import JsonOption, sku_argument
from worker.commands.session import opened_ledger

STOCK_SHOWN_MAX: Final = 50_000


def show(
    skus: Annotated[list[str] | None, sku_argument("All in stock if left out.")] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Show total, reserved and available stock."""
    with opened_ledger() as ledger:
        if skus:
            found = [item for batch in in_batches(skus) for item in ledger.availability(batch)]
        else:
            found = _all_pages(ledger.in_stock)
    tables.show_stock(found, as_json=as_json)


def low(
    *,
    threshold: Annotated[
        int, options.whole_number("At most so many available,", 0)
    ] = LOW_STOCK_THRESHOLD_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Show what is running out."""
    with opened_ledger() as ledger:
        found = _all_pages(partial(ledger.low_stock, threshold))
    tables.show_stock(found, as_json=as_json)


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
