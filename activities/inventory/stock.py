"""The transactions on totals: adjustments by id, and loading rows of a stock file.

They take their locks in the order of all others: claim the adjustment, create stock items,
lock stock by id.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from activities.inventory import statements
from activities.inventory.digests import ADJUSTMENT_KEYS, adjustment_digest, differing_keys
from activities.inventory.errors import AdjustmentConflict, StockLoadRefused
from activities.inventory.records import StockLoad, StockRow, StockStanding
from holdfast_client.messages import AdjustmentKind, StockAdjustment
from holdfast_client.outcomes import (
    HOLDERS_MAX,
    AdjustmentApplied,
    AdjustmentOutcome,
    AdjustmentRefused,
    Holder,
    RefusalReason,
    parse_adjustment_outcome,
)
from holdfast_client.wording import difference

# How much later than its time a movement may have got its id: by a long statement, or by another
# server's clock after a failover.
MOVEMENTS_MARGIN_SECONDS: Final = 3_600.0


def adjusted_total(
    kind: AdjustmentKind, quantity: int, total: int, reserved: int
) -> int | RefusalReason:
    """Return the total that an adjustment leads to, or why it is refused."""
    new_total = quantity if kind == "count" else total + quantity
    if new_total < 0:
        return "negative_total"
    if new_total < reserved:
        return "below_reserved"
    return new_total


def adjust(connection: Connection, adjustment: StockAdjustment) -> AdjustmentOutcome:
    """Apply an adjustment, or give the answer that its id was given before.

    Raises:
        AdjustmentConflict: the id belongs to a different change.
    """
    digest = adjustment_digest(adjustment)
    claim = {"id": adjustment.adjustment_id, "digest": digest}
    if connection.execute(statements.CLAIM_ADJUSTMENT, claim).first() is None:
        return _earlier_answer(connection, adjustment.adjustment_id, digest)
    outcome = _apply(connection, adjustment)
    connection.execute(
        statements.RECORD_ADJUSTMENT,
        {"id": adjustment.adjustment_id, "outcome": outcome.model_dump_json()},
    )
    return outcome


def load(
    connection: Connection, rows: Sequence[StockRow], as_of: datetime | None = None
) -> StockLoad:
    """Set the totals of many stock items, creating those that are new. All rows or none.

    Args:
        connection: in a transaction.
        rows: each stock item at most once.
        as_of: when they were counted; what was sold, delivered or corrected since is made up for.
            None: now.

    Raises:
        StockLoadRefused: some totals would be below what is reserved; nothing was loaded.
        ValueError: a stock item is given twice, so that it is not clear which total it has.
    """
    keys = _keys(rows)
    created = set(connection.execute(statements.CREATE_STOCK_ITEMS, _columns(keys)).scalars())
    items = _lock_items(connection, keys)
    # Read after the wait for the locks, so nothing can come in between.
    standings = _standings(connection, items, as_of)
    totals = [standings[key].total_of(row) for key, row in zip(keys, rows, strict=True)]
    below = [
        (index, total, items[key].reserved_quantity)
        for index, (key, total) in enumerate(zip(keys, totals, strict=True))
        if total < items[key].reserved_quantity
    ]
    if below:
        raise StockLoadRefused(below)
    changes = [
        (item.id, "receive" if item.id in created else "count", total - item.total_quantity)
        for key, total in zip(keys, totals, strict=True)
        if total != (item := items[key]).total_quantity
    ]
    _move(connection, changes, reason="stock file", actor="stock load")
    named = [(items[key].id, row.name) for key, row in zip(keys, rows, strict=True) if row.name]
    connection.execute(
        statements.NAME_STOCK,
        {"item_ids": [id for id, _ in named], "names": [name for _, name in named]},
    )
    changed = sum(1 for id, _, _ in changes if id not in created)
    return StockLoad(len(created), changed, len(rows) - len(created) - changed)


def preview(
    connection: Connection, rows: Sequence[StockRow], as_of: datetime | None
) -> tuple[StockStanding, ...]:
    """Return where the stock item of each row stands, in their order, without locking it.

    Args:
        connection: whose statements all read the same moment.
        rows: each stock item at most once.
        as_of: as of :func:`load`.
    """
    keys = _keys(rows)
    found = connection.execute(statements.READ_STANDINGS, _columns(keys))
    standings = _standings(connection, {(row.sku, row.location): row for row in found}, as_of)
    return tuple(standings.get(key, StockStanding()) for key in keys)


def _keys(rows: Sequence[StockRow]) -> list[tuple[str, str]]:
    keys = [(row.sku, row.location) for row in rows]
    for (sku, location), count in Counter(keys).items():
        if count > 1:
            raise ValueError(f"{sku} at {location} is given twice")
    return keys


def _standings(
    connection: Connection, items: Mapping[tuple[str, str], Any], as_of: datetime | None
) -> dict[tuple[str, str], StockStanding]:
    moves: dict[int, Any] = {}
    if as_of is not None:
        wanted = {
            "item_ids": [item.id for item in items.values()],
            "as_of": as_of,
            "margin_seconds": MOVEMENTS_MARGIN_SECONDS,
        }
        moves = {row.id: row for row in connection.execute(statements.READ_MOVED_SINCE, wanted)}
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


def _earlier_answer(connection: Connection, adjustment_id: str, digest: str) -> AdjustmentOutcome:
    row = connection.execute(statements.READ_ADJUSTMENT, {"id": adjustment_id}).one()
    if row.request_digest != digest:
        differs = differing_keys(ADJUSTMENT_KEYS, row.request_digest, digest)
        raise AdjustmentConflict(
            f"adjustment {adjustment_id} was made with a different change{difference(differs)}",
            differs,
        )
    return parse_adjustment_outcome(row.outcome)


def _apply(connection: Connection, adjustment: StockAdjustment) -> AdjustmentOutcome:
    key = (adjustment.sku, adjustment.location)
    created = False
    if adjustment.kind == "receive" and adjustment.new:
        made = connection.execute(statements.CREATE_STOCK_ITEMS, _columns([key]))
        created = made.first() is not None
    item = _lock_items(connection, [key]).get(key)
    if item is None:
        return AdjustmentRefused(
            reason="unknown_sku", sku=adjustment.sku, location=adjustment.location
        )
    total = adjusted_total(
        adjustment.kind, adjustment.quantity, item.total_quantity, item.reserved_quantity
    )
    if isinstance(total, str):
        return _refused(connection, item, total)
    if adjustment.kind in {"activate", "deactivate"}:
        _set_active(connection, item, adjustment)
    else:
        _move(
            connection,
            [(item.id, adjustment.kind, total - item.total_quantity)],
            reason=adjustment.reason,
            actor=adjustment.actor,
            adjustment_id=adjustment.adjustment_id,
        )
    return AdjustmentApplied(
        sku=item.sku,
        location=item.location,
        total=total,
        reserved=item.reserved_quantity,
        available=total - item.reserved_quantity,
        created=created,
        active=_active_after(adjustment.kind, item.active),
    )


def _active_after(kind: AdjustmentKind, active: bool) -> bool:
    return {"activate": True, "deactivate": False}.get(kind, active)


def _refused(connection: Connection, item: Any, reason: RefusalReason) -> AdjustmentRefused:
    """Refuse a change of a stock item that is locked, with its figures and the holds in the way."""
    holders = _holders(connection, item.id) if reason == "below_reserved" else ()
    named = sum(holder.quantity for holder in holders)
    return AdjustmentRefused(
        reason=reason,
        sku=item.sku,
        location=item.location,
        total=item.total_quantity,
        reserved=item.reserved_quantity,
        available=item.total_quantity - item.reserved_quantity,
        holders=holders,
        units_left_out=item.reserved_quantity - named if holders else 0,
    )


def _holders(connection: Connection, item_id: int) -> tuple[Holder, ...]:
    rows = connection.execute(
        statements.READ_HOLDERS, {"item_id": item_id, "rows_max": HOLDERS_MAX}
    )
    return tuple(
        Holder(checkout_id=row.checkout_id, quantity=row.quantity, expires_at=row.expires_at)
        for row in rows
    )


def _set_active(connection: Connection, item: Any, adjustment: StockAdjustment) -> None:
    connection.execute(
        statements.SET_ACTIVE,
        {
            "item_id": item.id,
            "active": adjustment.kind == "activate",
            "kind": adjustment.kind,
            "adjustment_id": adjustment.adjustment_id,
            "reason": adjustment.reason,
            "actor": adjustment.actor,
        },
    )


def _move(
    connection: Connection,
    changes: Sequence[tuple[int, str, int]],
    *,
    reason: str,
    actor: str,
    adjustment_id: str | None = None,
) -> None:
    connection.execute(
        statements.MOVE_STOCK,
        {
            "item_ids": [id for id, _, _ in changes],
            "kinds": [kind for _, kind, _ in changes],
            "deltas": [delta for _, _, delta in changes],
            "adjustment_id": adjustment_id,
            "reason": reason,
            "actor": actor,
        },
    )


def _lock_items(
    connection: Connection, keys: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], Any]:
    rows = connection.execute(statements.LOCK_STOCK, _columns(keys))
    return {(row.sku, row.location): row for row in rows}


def _columns(keys: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    return {"skus": [sku for sku, _ in keys], "locations": [location for _, location in keys]}
