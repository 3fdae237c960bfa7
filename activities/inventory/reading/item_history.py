"""The history of a stock item: its movements, with the figures after each."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

from activities.inventory.database.calls import Call, Steps
from activities.inventory.history_records import (
    HistoryPeriod,
    ItemFigures,
    ItemHistory,
    ItemMovement,
)
from activities.inventory.sql.statements import movements as statements
from activities.inventory.sql.statements.stock import READ_STOCK_ITEM


def read_item_history(sku: str, location: str, period: HistoryPeriod) -> Steps[ItemHistory | None]:
    """Return the movements of a stock item with the figures after each; None if it is unknown.

    To be made in a transaction that sees one snapshot.

    Args:
        sku: the SKU.
        location: where it is.
        period: which movements; of more than its limit the latest.
    """
    found = yield Call(READ_STOCK_ITEM, {"sku": sku, "location": location})
    if not found:
        return None
    item = found[0]
    rows = yield Call(
        statements.READ_ITEM_MOVEMENTS,
        {
            "item_id": item.id,
            "since": period.since,
            "until": period.until,
            "before_id": period.before_id,
            "rows_max": period.limit + 1,
        },
    )
    shown = rows[: period.limit][::-1]
    before = ItemFigures(0, 0)
    if shown:
        before = yield from _figures(
            Call(statements.SUM_MOVEMENTS_BEFORE, {"item_id": item.id, "before_id": shown[0].id})
        )
    at = None
    if period.at is not None:
        at = yield from _figures(
            Call(statements.SUM_MOVEMENTS_UNTIL, {"item_id": item.id, "at": period.at})
        )
    moved = accumulate(shown, lambda figures, row: figures.after(row), initial=before)
    return ItemHistory(
        sku=sku,
        location=location,
        name=item.name,
        active=item.active,
        created_at=item.created_at,
        now=ItemFigures(item.total_quantity, item.reserved_quantity),
        at=at,
        movements=tuple(
            _movement(row, figures) for row, figures in zip(shown, list(moved)[1:], strict=True)
        ),
        has_earlier=len(rows) > period.limit,
    )


def _figures(call: Call) -> Steps[ItemFigures]:
    rows = yield call
    return ItemFigures(rows[0].total, rows[0].reserved)


def _movement(row: Any, figures: ItemFigures) -> ItemMovement:
    return ItemMovement(
        row.id,
        row.created_at,
        row.kind,
        row.total_delta,
        row.reserved_delta,
        figures,
        row.source_id or "",
        row.actor,
        row.reason,
    )
