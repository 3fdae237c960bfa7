"""Stock that is wanted, locked, and what is told of it where there is too little."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any

from activities.inventory.allocation.wants import Shortfall, StockKey, StockLevel
from activities.inventory.database.calls import Call, Steps, scalar
from activities.inventory.database.errors import LedgerUnavailable
from activities.inventory.operations.items import lock_items
from activities.inventory.sql.statements import reservations as statements
from holdfast_client.contract.outcomes import Shortage


@dataclass(frozen=True, slots=True)
class LockedStock:
    """Stock items that are locked, and the time at which all of them were."""

    levels: Mapping[StockKey, StockLevel]
    at: datetime


def lock_levels(keys: Iterable[StockKey], own: Mapping[StockKey, int]) -> Steps[LockedStock]:
    """Lock stock items and tell what they have for new holds.

    Args:
        keys: of the items; unknown ones are left out.
        own: what whoever asks has of them already, in units.
    """
    rows = yield from lock_items(sorted(set(keys)))
    levels = {
        key: StockLevel(row.id, row.active, row.for_sale_quantity, own.get(key, 0))
        for key, row in rows.items()
    }
    times = [row.at for row in rows.values()]
    return LockedStock(
        levels, max(times) if times else (yield from scalar(Call(statements.CLOCK, {})))
    )


def require_items(lines: Iterable[Any], locked: LockedStock) -> None:
    """Give way where an adopted shop has renamed what a reservation has, since it was read.

    Args:
        lines: of the reservation, each with the number, SKU and location of its item.
        locked: the stock, by the SKUs of now; of other items as well, or only of some.

    Raises:
        LedgerUnavailable: a SKU is another item's by now. The transaction is to be undone.
    """
    for line in lines:
        level = locked.levels.get((line.sku, line.location))
        if level is None or level.item_id != line.stock_item_id:
            raise LedgerUnavailable("the shop has renamed what the checkout has: ask again")


def short_items(shortfalls: Iterable[Shortfall], locked: LockedStock) -> list[int]:
    """Return the stock items of which there is too little, by number."""
    return sorted(
        {
            locked.levels[shortfall.key].item_id
            for shortfall in shortfalls
            if shortfall.reason == "insufficient"
        }
    )


def tell_shortages(
    refused: Mapping[str, Sequence[Shortfall]], locked: LockedStock, reservation: int | None = None
) -> Steps[dict[str, tuple[Shortage, ...]]]:
    """Return what each of those who are refused lacks, with the next holds that end.

    Args:
        refused: what they lack, by checkout id.
        locked: the stock.
        reservation: whose own deadline is none of those that are told.
    """
    items = short_items(chain.from_iterable(refused.values()), locked)
    rows = yield Call(statements.FIND_NEXT_EXPIRY, {"item_ids": items, "except_id": reservation})
    next_expiries = {row.id: row.next_expiry for row in rows}
    return {
        id: tuple(_shortage(shortfall, locked, next_expiries) for shortfall in shortfalls)
        for id, shortfalls in refused.items()
    }


def _shortage(
    shortfall: Shortfall, locked: LockedStock, next_expiries: Mapping[int, datetime | None]
) -> Shortage:
    sku, location = shortfall.key
    level = locked.levels.get(shortfall.key)
    return Shortage(
        sku=sku,
        location=location,
        requested=shortfall.requested,
        available=shortfall.available,
        reason=shortfall.reason,
        next_expiry=next_expiries.get(level.item_id) if level else None,
    )
