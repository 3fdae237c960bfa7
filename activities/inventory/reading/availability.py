"""What can be bought, and what is overdue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from activities.inventory.database.calls import Call, Steps, scalar
from activities.inventory.records import Availability, OverdueReservation
from activities.inventory.sql.statements import reservations, stock

QUANTITY_UNBOUNDED: Final = 2**62


def read_availability(skus: Sequence[str]) -> Steps[tuple[Availability, ...]]:
    """Return the figures of some SKUs at every location; unknown ones are left out."""
    rows = yield Call(stock.READ_AVAILABILITY, {"skus": list(skus)})
    return tuple(Availability(*row) for row in rows)


def read_stock_between(
    for_sale_min: int, for_sale_max: int, after: tuple[str, str], page_size: int
) -> Steps[tuple[Availability, ...]]:
    """Return a page of active stock items with so much for sale, by SKU and location."""
    rows = yield Call(
        stock.READ_STOCK_BETWEEN,
        {
            "for_sale_min": for_sale_min,
            "for_sale_max": for_sale_max,
            "after_sku": after[0],
            "after_location": after[1],
            "page_size": page_size,
        },
    )
    return tuple(Availability(*row) for row in rows)


def read_locations(sku: str, rows_max: int) -> Steps[tuple[str, ...]]:
    """Return where a SKU is."""
    rows = yield Call(stock.READ_LOCATIONS, {"sku": sku, "rows_max": rows_max})
    return tuple(row.location for row in rows)


def read_units_held() -> Steps[int]:
    """Return how many units are reserved by open holds, over all stock items."""
    return int((yield from scalar(Call(stock.READ_UNITS_HELD, {}))))


def read_overdue(
    older_than_seconds: float, page_size: int
) -> Steps[tuple[OverdueReservation, ...]]:
    """Return the oldest holds that are past their deadline by more than so many seconds."""
    rows = yield Call(
        reservations.READ_OVERDUE,
        {"older_than_seconds": older_than_seconds, "page_size": page_size},
    )
    return tuple(OverdueReservation(*row) for row in rows)


def count_overdue(older_than_seconds: float) -> Steps[int]:
    """Return how many holds are past their deadline by more than so many seconds."""
    call = Call(reservations.COUNT_OVERDUE, {"older_than_seconds": older_than_seconds})
    return int((yield from scalar(call)))
