"""Close: fulfil, commit, cancel or expire. Each ends once, and who comes too late learns how."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from activities.inventory.database.arrays import array_text
from activities.inventory.database.calls import Call, Steps
from activities.inventory.operations.standing import read_rows
from activities.inventory.records import Closing, ReservationState, reservation_state
from activities.inventory.sql.statements import reservations as statements

# Whoever ends a hold beside its workflow cannot know why that has not.
OVERDUE: Final = "not ended by its workflow, which was interrupted or is late"


def close(closings: Sequence[Closing]) -> Steps[tuple[ReservationState, ...]]:
    """End a batch of holds and return where each reservation stands.

    Of several wishes for an id the first counts, but an expiry, which may come to nothing, gives
    way to any other. An id that was never reserved becomes a closed row, so that a reserve that
    comes late is refused.
    """
    by_id: dict[str, Closing] = {}
    for closing in closings:
        known = by_id.setdefault(closing.checkout_id, closing)
        if known.status == "expired":
            by_id[closing.checkout_id] = closing
    closed = yield from _end(by_id)
    others = yield from read_rows(by_id.keys() - closed.keys())
    rows = closed | others
    return tuple(reservation_state(rows[closing.checkout_id]) for closing in closings)


def expire_overdue(grace_seconds: float, batch_size_max: int, actor: str) -> Steps[int]:
    """End a batch of holds that are overdue by more than the grace period; return how many.

    To be made in one transaction: it locks what it is going to end, and skips what is locked.
    """
    rows = yield Call(
        statements.LOCK_OVERDUE,
        {"grace_seconds": grace_seconds, "batch_size_max": batch_size_max},
    )
    if not rows:
        return 0
    ids = [row.checkout_id for row in rows]
    return len((yield from _end({id: Closing(id, "expired", OVERDUE, actor) for id in ids})))


def _end(closings: Mapping[str, Closing]) -> Steps[dict[str, Any]]:
    """End what can be ended, and return rows that tell how, by checkout id."""
    wishes = closings.values()
    rows = yield Call(
        statements.CLOSE,
        {
            "checkout_ids": array_text(closings),
            "statuses": array_text(closing.status for closing in wishes),
            "reasons": array_text(closing.reason for closing in wishes),
            "actors": array_text(closing.actor for closing in wishes),
            "payment_references": array_text(closing.payment_reference for closing in wishes),
        },
    )
    return {row.checkout_id: row for row in rows}
