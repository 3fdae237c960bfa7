"""What the operators' commands show: tables in a terminal, tab-separated lines in a pipe."""

from __future__ import annotations

from collections.abc import Sequence

from activities.inventory.records import Availability, OverdueReservation
from holdfast_client.cli.screen import Screen
from holdfast_client.cli.sheet import Sheet, Table, moment_text

_STOCK_COLUMNS = ("sku", "location", "name", "total", "reserved", "available", "for_sale")
_OVERDUE_COLUMNS = ("checkout_id", "customer_id", "expires_at", "overdue_seconds", "units")


def show_stock(items: Sequence[Availability]) -> None:
    """Show the figures of stock items."""
    rows = tuple(
        (
            item.sku,
            item.location,
            item.name,
            str(item.total),
            str(item.reserved),
            str(item.available),
            "yes" if item.active else "no",
        )
        for item in items
    )
    _show(f"{len(rows)} stock items.", Table("stock", _STOCK_COLUMNS, rows))


def show_overdue(holds: Sequence[OverdueReservation]) -> None:
    """Show holds that are past their deadline."""
    rows = tuple(
        (
            hold.checkout_id,
            hold.customer_id or "",
            moment_text(hold.expires_at),
            f"{hold.overdue_seconds:.0f}",
            str(hold.units),
        )
        for hold in holds
    )
    _show(f"{len(rows)} overdue holds.", Table("overdue", _OVERDUE_COLUMNS, rows))


def _show(headline: str, table: Table) -> None:
    Screen(as_json=False).show(None, Sheet(headline, (), (table,)))
