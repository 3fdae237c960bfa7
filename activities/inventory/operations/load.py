"""Load: set the totals of a stock file's items, creating those that are new. All rows or none."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, Final

from activities.inventory.allocation.wants import StockKey
from activities.inventory.database.calls import Call, Steps, scalar
from activities.inventory.database.errors import StockLoadRefused
from activities.inventory.operations.items import (
    Change,
    columns,
    create_items,
    lock_items,
    move_totals,
)
from activities.inventory.records import StockLoad, StockRow, StockStanding
from activities.inventory.sql.statements import movements, operations, stock

_REASON: Final = "stock file"
_ACTOR: Final = "stock load"
# By how much a server's clock may go back, as after a failover.
MOVEMENTS_MARGIN_SECONDS: Final = 3_600.0


def load(rows: Sequence[StockRow], as_of: datetime | None = None) -> Steps[StockLoad]:
    """Set totals, in one transaction.

    Args:
        rows: each stock item at most once.
        as_of: when they were counted; what was sold, delivered or corrected since is made up for.
            None: now.

    Raises:
        StockLoadRefused: some totals would be below what is reserved; nothing was loaded.
        ValueError: a stock item is given twice, so that it is not clear which total it has.
    """
    keys = _distinct_keys(rows)
    operation = yield from _begin()
    created = yield from create_items(keys)
    items = yield from lock_items(keys)
    # Read after the wait for the locks, so nothing can come in between.
    standings = yield from _standings(items, as_of)
    totals = [standings[key].total_of(row) for key, row in zip(keys, rows, strict=True)]
    _refuse_below_reserved(totals, [items[key].reserved_quantity for key in keys])
    changes: list[Change] = [
        (item.id, "receive" if item.id in created else "count", total - item.total_quantity)
        for key, total in zip(keys, totals, strict=True)
        if total != (item := items[key]).total_quantity
    ]
    yield from move_totals(changes, operation, reason=_REASON, actor=_ACTOR)
    yield from _name(
        [(items[key].id, row.name) for key, row in zip(keys, rows, strict=True) if row.name]
    )
    changed = sum(1 for id, _, _ in changes if id not in created)
    loaded = StockLoad(len(created), changed, len(rows) - len(created) - changed)
    answer = {"operation": operation, "answer": json.dumps(asdict(loaded))}
    yield Call(operations.ANSWER_OPERATION, answer)
    return loaded


def preview(rows: Sequence[StockRow], as_of: datetime | None) -> Steps[tuple[StockStanding, ...]]:
    """Return where the stock item of each row stands, in their order, without locking it.

    To be made in a transaction that sees one snapshot.
    """
    keys = _distinct_keys(rows)
    found = yield Call(stock.READ_STANDINGS, columns(keys))
    standings = yield from _standings({(row.sku, row.location): row for row in found}, as_of)
    return tuple(standings.get(key, StockStanding()) for key in keys)


def _begin() -> Steps[int]:
    return int(
        (
            yield from scalar(
                Call(
                    operations.CLAIM_OPERATION,
                    {
                        "operation_id": f"load/{uuid.uuid4().hex}",
                        "kind": "load",
                        "digest": None,
                        "reason": _REASON,
                        "actor": _ACTOR,
                    },
                )
            )
        )
    )


def _distinct_keys(rows: Sequence[StockRow]) -> list[StockKey]:
    keys = [(row.sku, row.location) for row in rows]
    for (sku, location), count in Counter(keys).items():
        if count > 1:
            raise ValueError(f"{sku} at {location} is given twice")
    return keys


def _refuse_below_reserved(totals: Sequence[int], reserved: Sequence[int]) -> None:
    below = [
        (index, total, held)
        for index, (total, held) in enumerate(zip(totals, reserved, strict=True))
        if total < held
    ]
    if below:
        raise StockLoadRefused(below)


def _standings(
    items: Mapping[StockKey, Any], as_of: datetime | None
) -> Steps[dict[StockKey, StockStanding]]:
    moves: dict[int, Any] = {}
    if as_of is not None:
        wanted = {
            "item_ids": [item.id for item in items.values()],
            "as_of": as_of,
            "margin_seconds": MOVEMENTS_MARGIN_SECONDS,
        }
        moves = {row.id: row for row in (yield Call(movements.READ_MOVED_SINCE, wanted))}
    return {key: _standing(item, moves.get(item.id)) for key, item in items.items()}


def _standing(item: Any, move: Any | None) -> StockStanding:
    figures = StockStanding(item.total_quantity, item.reserved_quantity, item.name)
    if move is None:
        return figures
    return replace(
        figures,
        sold=move.sold,
        moved=move.moved,
        recounted=move.is_counted,
        moved_at=move.first_at,
    )


def _name(named: Sequence[tuple[int, str]]) -> Steps[None]:
    if not named:
        return
    yield Call(
        stock.NAME_STOCK_ITEMS,
        {
            "item_ids": [id for id, _ in named],
            "names": [name for _, name in named],
        },
    )
