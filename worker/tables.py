"""What the operators' commands show: tables in a terminal, tab-separated lines in a pipe, JSON."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from activities.inventory.records import Availability, OverdueReservation
from holdfast_client.terminal.moments import exact_text
from holdfast_client.terminal.screen import Screen
from holdfast_client.terminal.sheet import LOCATION, Column, Sheet, Table
from worker.stock_load import RowStanding

CHANGES_SHOWN_MAX: Final = 50_000

_STOCK_COLUMNS: Final = (
    "sku",
    LOCATION,
    Column("name", rank=4, is_prose=True),
    Column("total", rank=2),
    Column("reserved", rank=2),
    "available",
    Column("for_sale", rank=3),
)
_CHANGE_COLUMNS: Final = (
    "sku",
    LOCATION,
    "old",
    "new",
    Column("reserved", rank=2),
    Column("sold_since", rank=3),
)
_OVERDUE_COLUMNS: Final = (
    "checkout_id",
    Column("customer_id", rank=2),
    Column("expires_at", rank=3),
    "overdue",
    Column("units", rank=1),
)


def show_stock(items: Sequence[Availability], *, as_json: bool) -> None:
    """Show the figures of stock items."""
    rows = tuple(
        (
            item.sku,
            item.location,
            item.name,
            item.total,
            item.reserved,
            item.available,
            "yes" if item.active else "no",
        )
        for item in items
    )
    document = [
        {
            "sku": item.sku,
            "location": item.location,
            "name": item.name,
            "active": item.active,
            "total": item.total,
            "reserved": item.reserved,
            "available": item.available,
        }
        for item in items
    ]
    found = "1 stock item" if len(rows) == 1 else f"{len(rows):,} stock items"
    _show(document, f"{found}.", Table("stock", _STOCK_COLUMNS, rows), as_json=as_json)


def show_changes(changes: Sequence[RowStanding], *, as_json: bool) -> None:
    """Show what a stock file would set, old and new; a new item has no old total."""
    shown = changes[:CHANGES_SHOWN_MAX]
    rows = tuple(
        (
            change.row.sku,
            change.row.location,
            change.standing.total,
            change.total,
            change.standing.reserved,
            change.standing.sold,
        )
        for change in shown
    )
    names = ("sku", "location", "old", "new", "reserved", "sold_since")
    document = [dict(zip(names, row, strict=True)) for row in rows]
    found = "1 row" if len(changes) == 1 else f"{len(changes):,} rows"
    table = Table("change", _CHANGE_COLUMNS, rows)
    _show(document, f"{found} would change.", table, as_json=as_json)
    if len(shown) < len(changes):
        Screen(as_json=as_json, prefix="").note(
            f"only the first {len(shown):,} of {len(changes):,} are shown"
        )


def show_overdue(holds: Sequence[OverdueReservation], *, as_json: bool) -> None:
    """Show holds that are past their deadline."""
    rows = tuple(
        (
            hold.checkout_id,
            hold.customer_id,
            hold.expires_at,
            timedelta(seconds=hold.overdue_seconds),
            hold.units,
        )
        for hold in holds
    )
    document = [
        {
            "checkout_id": hold.checkout_id,
            "customer_id": hold.customer_id,
            "expires_at": exact_text(hold.expires_at),
            "overdue_seconds": hold.overdue_seconds,
            "units": hold.units,
        }
        for hold in holds
    ]
    found = "1 overdue hold" if len(rows) == 1 else f"{len(rows):,} overdue holds"
    _show(document, f"{found}.", Table("overdue", _OVERDUE_COLUMNS, rows), as_json=as_json)


def _show(document: object, headline: str, table: Table, *, as_json: bool) -> None:
    Screen(as_json=as_json, prefix="").show(document, Sheet(headline, (), (table,)))
