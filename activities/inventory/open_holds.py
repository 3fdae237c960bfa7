"""Who holds what, and until when. Only read, and nothing is locked; each list has a bound."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection

from activities.inventory import open_hold_statements as statements
from activities.inventory.statements import CLOCK
from holdfast_client.holds import (
    COMES_FREE_MAX,
    HOLD_LINES_MAX,
    ComingFree,
    Holds,
    HoldsRequest,
    OpenHold,
)


def read_holds(connection: Connection, request: HoldsRequest) -> Holds:
    """Return the open holds that are asked for, those that end first, and what comes free when.

    Args:
        connection: in a transaction that sees one snapshot.
        request: which holds, and how many at most.
    """
    as_of = connection.execute(CLOCK).scalar_one()
    seconds = request.ends_within_seconds
    wanted = {
        "sku": request.sku,
        "customer_id": request.customer_id,
        "ends_before": None if seconds is None else as_of + timedelta(seconds=seconds),
    }
    read, count = (
        (statements.READ_HOLDS, statements.COUNT_HOLDS)
        if request.sku is None
        else (statements.READ_HOLDS_OF_SKU, statements.COUNT_HOLDS_OF_SKU)
    )
    rows = connection.execute(read, wanted | {"rows_max": request.limit}).all()
    # Whoever is not cut short has seen all.
    is_cut = len(rows) == request.limit
    found = connection.execute(count, wanted).scalar_one() if is_cut else len(rows)
    free = _coming_free(connection, rows, request.sku)
    return Holds(
        as_of=as_of,
        holds=_open_holds(connection, rows, request.sku),
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
    )


def _open_holds(
    connection: Connection, rows: Sequence[Any], sku: str | None
) -> tuple[OpenHold, ...]:
    wanted = {"ids": [row.id for row in rows], "sku": sku, "last_line": HOLD_LINES_MAX - 1}
    held = {line.id: line for line in connection.execute(statements.READ_HELD_LINES, wanted)}
    return tuple(
        OpenHold(
            checkout_id=row.checkout_id,
            customer_id=row.customer_id,
            cart_id=row.cart_id,
            held_at=row.created_at,
            expires_at=row.expires_at,
            units=held[row.id].units,
            lines=held[row.id].lines,
            lines_left_out=held[row.id].found - len(held[row.id].lines),
        )
        for row in rows
    )


def _coming_free(connection: Connection, rows: Sequence[Any], sku: str | None) -> Sequence[Any]:
    wanted = {
        "ids": [row.id for row in rows],
        "deadlines": [row.expires_at for row in rows],
        "sku": sku,
        "rows_max": COMES_FREE_MAX,
    }
    return connection.execute(statements.READ_COMING_FREE, wanted).all()
