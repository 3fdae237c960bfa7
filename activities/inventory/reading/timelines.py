"""The timeline of a checkout."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from activities.inventory.database.arrays import array_text
from activities.inventory.database.calls import Call, Steps
from activities.inventory.sql.statements import timelines as statements
from activities.inventory.sql.statements.payments import READ_PAYMENTS_OF
from holdfast_client.contract.outcomes import HeldLine, PaymentReport, Shortage
from holdfast_client.contract.timeline import (
    TIMELINE_ROWS_MAX,
    Timeline,
    TimelineEvent,
    TimelineEventName,
    TimelineMovement,
)

_CHANGES: Final[dict[str, TimelineEventName]] = {
    "extend": "extended",
    "amend": "amended",
    "fulfil": "shipped",
    "release": "released",
    "payment_started": "payment_started",
    "payment_ended": "payment_ended",
}


def read_timeline(checkout_id: str) -> Steps[Timeline | None]:
    """Return what the tables have on a checkout, or None where they have nothing.

    To be made in a transaction that sees one snapshot.
    """
    found = yield Call(statements.READ_CHECKOUT, {"checkout_id": checkout_id})
    if not found:
        return None
    row = found[0]
    earlier: Sequence[Any] = ()
    if row.attempt > 1:
        named = {"checkout_id": checkout_id, "attempt": row.attempt}
        earlier = yield Call(statements.READ_EARLIER, named)
    lines = yield Call(statements.READ_LINES, {"id": row.id, "rows_max": TIMELINE_ROWS_MAX})
    ids = array_text([*(attempt.id for attempt in earlier), row.id])
    bounded = {"ids": ids, "rows_max": TIMELINE_ROWS_MAX}
    changes = yield Call(statements.READ_CHANGES, bounded)
    movements = yield Call(statements.READ_MOVEMENTS, bounded)
    payments = yield Call(
        READ_PAYMENTS_OF,
        {
            "checkout_id": checkout_id,
            "payment_reference": row.payment_reference,
            "rows_max": TIMELINE_ROWS_MAX,
        },
    )
    shortages = row.shortages or []
    return Timeline(
        checkout_id=checkout_id,
        status=row.status,
        customer_id=row.customer_id,
        cart_id=row.cart_id,
        created_at=row.created_at,
        expires_at=row.expires_at,
        paying_until=row.paying_until if row.status == "held" else None,
        closed_at=row.closed_at,
        payment_reference=row.payment_reference,
        lines=tuple(HeldLine(sku=r.sku, location=r.location, quantity=r.quantity) for r in lines),
        lines_left_out=_left_out(lines),
        payments=tuple(_payment(r) for r in payments),
        payments_left_out=_left_out(payments),
        shortages=tuple(Shortage.model_validate(s) for s in shortages[:TIMELINE_ROWS_MAX]),
        shortages_left_out=max(len(shortages) - TIMELINE_ROWS_MAX, 0),
        events=tuple(_events(row, changes[::-1], earlier)),
        events_left_out=_left_out(changes),
        movements=tuple(_movement(r) for r in movements),
        movements_left_out=_left_out(movements),
    )


def _left_out(rows: Sequence[Any]) -> int:
    return rows[0].found - len(rows) if rows else 0


def _events(row: Any, changes: Sequence[Any], earlier: Sequence[Any]) -> Iterator[TimelineEvent]:
    for attempt in earlier:
        made = [change for change in changes if change.reservation_id == attempt.id]
        yield _held(attempt, made)
        yield from map(_change, made)
        yield TimelineEvent(
            at=attempt.closed_at, event=attempt.status, actor=attempt.actor, reason=attempt.reason
        )
    made = [change for change in changes if change.reservation_id == row.id]
    if earlier:
        yield TimelineEvent(at=row.created_at, event="reinstated")
    # A deadline is set by a hold alone: what has none never was one.
    elif row.expires_at is not None:
        yield _held(row, made)
    told = [_change(change) for change in made]
    if row.committed_at is not None:
        committed = TimelineEvent(
            at=row.committed_at,
            event="committed",
            actor=row.committed_by or "",
            reason=f"payment {row.payment_reference}",
        )
        # Of one moment the payment comes first: nothing is shipped before it.
        told = sorted([committed, *told], key=lambda event: event.at)
    yield from told
    if row.closed_at is not None:
        yield TimelineEvent(at=row.closed_at, event=row.status, actor=row.actor, reason=row.reason)


def _held(attempt: Any, changes: Sequence[Any]) -> TimelineEvent:
    first = changes[0].first_deadline if changes else None
    return TimelineEvent(
        at=attempt.created_at, event="held", expires_at=first or attempt.expires_at
    )


def _change(row: Any) -> TimelineEvent:
    reason = row.reason
    if row.payment_reference is not None:
        reason = f"payment {row.payment_reference}" + (f": {reason}" if reason else "")
    return TimelineEvent(
        at=row.created_at,
        event=_CHANGES[row.kind],
        actor=row.actor,
        reason=reason,
        seconds=row.seconds,
        expires_at=row.to_deadline,
        units=row.units,
        shipment_id=row.operation_id if row.kind == "fulfil" else None,
        digest=row.digest if row.kind == "fulfil" else None,
    )


def _payment(row: Any) -> PaymentReport:
    return PaymentReport(
        payment_reference=row.payment_reference,
        state=row.state,
        reason=row.reason,
        at=row.changed_at,
    )


def _movement(row: Any) -> TimelineMovement:
    return TimelineMovement(
        at=row.created_at,
        kind=row.kind,
        sku=row.sku,
        location=row.location,
        total_delta=row.total_delta,
        reserved_delta=row.reserved_delta,
    )
