"""The timeline of a checkout."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from activities.inventory.database.calls import Call, Steps
from activities.inventory.sql.statements import timelines as statements
from holdfast_client.contract.outcomes import HeldLine, Shortage
from holdfast_client.contract.timeline import (
    TIMELINE_ROWS_MAX,
    Timeline,
    TimelineEvent,
    TimelineMovement,
)


def read_timeline(checkout_id: str) -> Steps[Timeline | None]:
    """Return what the tables have on a checkout, or None where they have nothing.

    To be made in a transaction that sees one snapshot.
    """
    found = yield Call(statements.READ_CHECKOUT, {"checkout_id": checkout_id})
    if not found:
        return None
    row = found[0]
    bounded = {"id": row.id, "rows_max": TIMELINE_ROWS_MAX}
    lines = yield Call(statements.READ_LINES, bounded)
    extensions = yield Call(statements.READ_EXTENSIONS, bounded)
    movements = yield Call(statements.READ_MOVEMENTS, bounded)
    shortages = row.shortages or []
    return Timeline(
        checkout_id=checkout_id,
        status=row.status,
        customer_id=row.customer_id,
        cart_id=row.cart_id,
        created_at=row.created_at,
        expires_at=row.expires_at,
        closed_at=row.closed_at,
        payment_reference=row.payment_reference,
        lines=tuple(HeldLine(sku=r.sku, location=r.location, quantity=r.quantity) for r in lines),
        lines_left_out=_left_out(lines),
        shortages=tuple(Shortage.model_validate(s) for s in shortages[:TIMELINE_ROWS_MAX]),
        shortages_left_out=max(len(shortages) - TIMELINE_ROWS_MAX, 0),
        events=tuple(_events(row, extensions[::-1])),
        events_left_out=_left_out(extensions),
        movements=tuple(_movement(r) for r in movements),
        movements_left_out=_left_out(movements),
    )


def _left_out(rows: Sequence[Any]) -> int:
    return rows[0].found - len(rows) if rows else 0


def _events(row: Any, extensions: Sequence[Any]) -> Iterator[TimelineEvent]:
    # A deadline is set by a hold alone: what has none never was one.
    if row.expires_at is not None:
        first = extensions[0].first_deadline if extensions else row.expires_at
        yield TimelineEvent(at=row.created_at, event="held", expires_at=first)
    for extension in extensions:
        yield TimelineEvent(
            at=extension.created_at,
            event="extended",
            actor=extension.actor,
            reason=extension.reason,
            seconds=extension.seconds,
            expires_at=extension.to_deadline,
        )
    if row.status != "held":
        yield TimelineEvent(at=row.closed_at, event=row.status, actor=row.actor, reason=row.reason)


def _movement(row: Any) -> TimelineMovement:
    return TimelineMovement(
        at=row.created_at,
        kind=row.kind,
        sku=row.sku,
        location=row.location,
        total_delta=row.total_delta,
        reserved_delta=row.reserved_delta,
    )
