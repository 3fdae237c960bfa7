"""What the tables tell afterwards: the story of a checkout, of a stock item, of lost demand.

Only read, and nothing is locked. Every list has a bound, and says when there is more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

from sqlalchemy import Connection

from activities.inventory import story_statements as statements
from activities.inventory.records import (
    DeniedDemand,
    DeniedPeriod,
    HistoryPeriod,
    ItemFigures,
    ItemHistory,
    ItemMovement,
)
from holdfast_client.names import checkout_workflow_id
from holdfast_client.outcomes import HeldLine, Shortage
from holdfast_client.timeline import TIMELINE_ROWS_MAX, Timeline, TimelineEvent, TimelineMovement

# --- a checkout ----------------------------------------------------------------------------------


def read_timeline(connection: Connection, checkout_id: str) -> Timeline | None:
    """Return what the tables have on a checkout, or None where they have nothing.

    Args:
        connection: in a transaction that sees one snapshot.
        checkout_id: the checkout.
    """
    found = {"id": checkout_workflow_id(checkout_id)}
    bounded = found | {"rows_max": TIMELINE_ROWS_MAX}
    row = connection.execute(statements.READ_STORY, found).one_or_none()
    if row is None:
        return None
    lines = connection.execute(statements.READ_STORY_LINES, bounded).all()
    extensions = connection.execute(statements.READ_STORY_EXTENSIONS, bounded).all()
    movements = connection.execute(statements.READ_STORY_MOVEMENTS, bounded).all()
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


# --- a stock item --------------------------------------------------------------------------------


def read_item_history(
    connection: Connection, sku: str, location: str, period: HistoryPeriod
) -> ItemHistory | None:
    """Return the movements of a stock item with the figures after each; None if it is unknown.

    Args:
        connection: in a transaction that sees one snapshot.
        sku: the SKU.
        location: where it is.
        period: which movements; of more than its limit the latest.
    """
    key = {"sku": sku, "location": location}
    item = connection.execute(statements.READ_STOCK_ITEM, key).one_or_none()
    if item is None:
        return None
    rows = connection.execute(
        statements.READ_ITEM_MOVEMENTS,
        {
            "item_id": item.id,
            "since": period.since,
            "until": period.until,
            "before_id": period.before_id,
            "rows_max": period.limit + 1,
        },
    ).all()
    shown = rows[: period.limit][::-1]
    before = _figures_before(connection, item.id, shown[0].id) if shown else ItemFigures(0, 0)
    moved = accumulate(shown, lambda figures, row: figures.after(row), initial=before)
    return ItemHistory(
        sku=sku,
        location=location,
        name=item.name,
        active=item.active,
        created_at=item.created_at,
        now=ItemFigures(item.total_quantity, item.reserved_quantity),
        at=_figures_at(connection, item.id, period),
        movements=tuple(
            ItemMovement(
                row.id,
                row.created_at,
                row.kind,
                row.total_delta,
                row.reserved_delta,
                figures,
                row.source_id,
                row.actor,
                row.reason,
            )
            for row, figures in zip(shown, list(moved)[1:], strict=True)
        ),
        has_earlier=len(rows) > period.limit,
    )


def _figures_before(connection: Connection, item_id: int, movement_id: int) -> ItemFigures:
    sums = {"item_id": item_id, "before_id": movement_id}
    row = connection.execute(statements.SUM_MOVEMENTS_BEFORE, sums).one()
    return ItemFigures(row.total, row.reserved)


def _figures_at(connection: Connection, item_id: int, period: HistoryPeriod) -> ItemFigures | None:
    if period.at is None:
        return None
    sums = {"item_id": item_id, "at": period.at}
    row = connection.execute(statements.SUM_MOVEMENTS_UNTIL, sums).one()
    return ItemFigures(row.total, row.reserved)


# --- lost demand ---------------------------------------------------------------------------------


def read_denied_demand(connection: Connection, period: DeniedPeriod) -> tuple[DeniedDemand, ...]:
    """Return what was asked for and denied, by day, stock item and reason."""
    rows = connection.execute(
        statements.READ_DENIED_DEMAND,
        {
            "since": period.since,
            "until": period.until,
            "sku": period.sku,
            "rows_max": period.limit,
        },
    )
    return tuple(DeniedDemand(*row) for row in rows)
