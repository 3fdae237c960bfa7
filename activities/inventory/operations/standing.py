"""Where reservations stand, read and told."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from activities.inventory.database.calls import Call, Steps
from activities.inventory.payment_records import Resumable
from activities.inventory.records import ReservationState, reservation_state
from activities.inventory.sql.statements import reservations as statements


def read_rows(checkout_ids: Iterable[str]) -> Steps[dict[str, Any]]:
    """Return the row of each checkout's last attempt, by checkout id; unknown ones are left out."""
    wanted = list(checkout_ids)
    if not wanted:
        return {}
    rows = yield Call(statements.READ_RESERVATIONS, {"checkout_ids": wanted})
    return {row.checkout_id: row for row in rows}


def read_states(checkout_ids: Iterable[str]) -> Steps[dict[str, ReservationState]]:
    """Return where checkouts stand, by checkout id; unknown ones are left out."""
    rows = yield from read_rows(checkout_ids)
    return {checkout_id: reservation_state(row) for checkout_id, row in rows.items()}


def read_resumable(checkout_id: str) -> Steps[Resumable | None]:
    """Return what a workflow goes on with; None of an unknown checkout, and of a tombstone.

    To be made in a transaction that sees one snapshot.
    """
    rows = yield Call(statements.READ_RESUMABLE, {"checkout_id": checkout_id})
    if not rows or rows[0].digest is None:
        return None
    states = yield from read_states([checkout_id])
    row = rows[0]
    return Resumable(states[checkout_id], row.digest, row.customer_id, row.cart_id)
