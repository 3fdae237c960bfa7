"""Stock items, found or made, locked, and moved in their totals: what the verbs on stock share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from activities.inventory.allocation.wants import StockKey
from activities.inventory.database.calls import Call, Steps
from activities.inventory.sql.statements import stock as statements

Change = tuple[int, str, int]
"""A stock item's id, the movement's kind, and by how much the total changes, in units."""


def create_items(keys: Sequence[StockKey]) -> Steps[frozenset[int]]:
    """Make the stock items that do not exist yet, without stock; return the ids of the new ones."""
    rows = yield Call(statements.CREATE_STOCK_ITEMS, columns(keys))
    return frozenset(row[0] for row in rows)


def lock_items(keys: Sequence[StockKey]) -> Steps[dict[StockKey, Any]]:
    """Lock stock items and return their rows; unknown ones are left out."""
    rows = yield Call(statements.LOCK_STOCK, columns(keys))
    return {(row.sku, row.location): row for row in rows}


def move_totals(
    changes: Sequence[Change], operation: int, *, reason: str, actor: str
) -> Steps[None]:
    """Change totals, or what is for sale, as one operation, with a movement for each."""
    if not changes:
        return
    yield Call(
        statements.MOVE_TOTALS,
        {
            "operation": operation,
            "item_ids": [id for id, _, _ in changes],
            "kinds": [kind for _, kind, _ in changes],
            "deltas": [delta for _, _, delta in changes],
            "reason": reason,
            "actor": actor,
        },
    )


def columns(keys: Sequence[StockKey]) -> dict[str, list[Any]]:
    """Return the columns by which stock items are named."""
    return {
        "skus": [sku for sku, _ in keys],
        "locations": [location for _, location in keys],
    }
