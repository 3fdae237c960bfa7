"""Who holds what, and until when. Only read, and nothing is locked; each list has a bound."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from activities.inventory.database.calls import Call, Steps, scalar
from activities.inventory.sql.statements import open_holds as statements
from activities.inventory.sql.statements.reservations import CLOCK
from activities.inventory.sql.statements.stock import SHOP_RESERVED
from holdfast_client.contract.holds import (
    BEGINNING,
    COMES_FREE_MAX,
    HOLD_LINES_MAX,
    ComingFree,
    Holds,
    HoldsRequest,
    OpenHold,
    Place,
)


def read_holds(request: HoldsRequest) -> Steps[Holds]:
    """Return the open holds that are asked for, those that end first, and what comes free when.

    Or what is committed, those that were paid first.

    To be made in a transaction that sees one snapshot.

    Args:
        request: which holds, and how many at most.
    """
    as_of = yield from scalar(Call(CLOCK, {}))
    read, count = _statements(request)
    wanted = {
        "sku": request.sku,
        "customer_id": request.customer_id,
        "ends_before": _moved(as_of, request.ends_within_seconds),
        "committed_before": _moved(as_of, request.older_than_seconds, -1),
        "after_at": request.after.at,
        "after_id": request.after.number,
    }
    rows = yield Call(read, wanted | {"rows_max": request.limit})
    # Whoever is not cut short has seen all.
    is_cut = len(rows) == request.limit
    found = (yield from scalar(Call(count, wanted))) if is_cut else len(rows)
    # What is committed does not come free by itself.
    free = () if request.committed else (yield from _coming_free(rows, request.sku))
    holds = yield from _open_holds(rows, request.sku)
    beside = yield from _reserved_beside(request, wanted)
    return Holds(
        as_of=as_of,
        holds=holds,
        holds_left_out=found - len(rows),
        comes_free=tuple(
            ComingFree(
                sku=row.sku,
                location=row.location,
                at=row.at,
                units=row.units,
                units_by_then=row.units_by_then,
            )
            for row in free
        ),
        comes_free_left_out=free[0].found - len(free) if free else 0,
        next_page=_next_page(rows) if found > len(rows) else None,
        **beside,
    )


def _next_page(rows: Sequence[Any]) -> str:
    last = rows[-1]
    return str(Place(last.committed_at or last.ends_at, last.id))


def _reserved_beside(request: HoldsRequest, wanted: dict[str, Any]) -> Steps[dict[str, int]]:
    """Count what reserves stock, meets the same conditions and is no hold."""
    if request.committed:
        return {}
    every = wanted | {"after_at": BEGINNING.at, "after_id": BEGINNING.number}
    committed = yield from scalar(Call(statements.COUNT_COMMITTED, every))
    if request.sku is None:
        return {"committed_left_out": committed}
    by_shop = yield from scalar(Call(SHOP_RESERVED, {"sku": request.sku, "location": None}))
    return {"committed_left_out": committed, "shop_reserved": by_shop}


def _statements(request: HoldsRequest) -> tuple[str, str]:
    if request.committed:
        return statements.READ_COMMITTED, statements.COUNT_COMMITTED
    if request.sku is None:
        return statements.READ_HOLDS, statements.COUNT_HOLDS
    return statements.READ_HOLDS_OF_SKU, statements.COUNT_HOLDS_OF_SKU


def _moved(moment: datetime, seconds: int | None, direction: int = 1) -> datetime | None:
    return None if seconds is None else moment + direction * timedelta(seconds=seconds)


def _open_holds(rows: Sequence[Any], sku: str | None) -> Steps[tuple[OpenHold, ...]]:
    ids = [row.id for row in rows]
    lines = yield Call(
        statements.READ_HELD_LINES, {"ids": ids, "sku": sku, "last_line": HOLD_LINES_MAX - 1}
    )
    held = {line.id: line for line in lines}
    return tuple(
        OpenHold(
            checkout_id=row.checkout_id,
            customer_id=row.customer_id,
            cart_id=row.cart_id,
            held_at=row.created_at,
            expires_at=None if row.committed_at else row.expires_at,
            paying_until=None if row.committed_at else row.paying_until,
            committed_at=row.committed_at,
            payment_reference=row.payment_reference,
            units=held[row.id].units,
            lines=held[row.id].lines,
            lines_left_out=held[row.id].found - len(held[row.id].lines),
        )
        for row in rows
    )


def _coming_free(rows: Sequence[Any], sku: str | None) -> Steps[Sequence[Any]]:
    wanted = {
        "ids": [row.id for row in rows],
        "deadlines": [row.ends_at for row in rows],
        "sku": sku,
        "rows_max": COMES_FREE_MAX,
    }
    return (yield Call(statements.READ_COMING_FREE, wanted))
