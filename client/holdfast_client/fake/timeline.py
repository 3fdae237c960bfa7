"""The timeline of a checkout in memory, as the real database would tell it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Final

from holdfast_client.contract.outcomes import Denied, Held
from holdfast_client.contract.timeline import (
    TIMELINE_ROWS_MAX,
    RecordedStatus,
    Timeline,
    TimelineEvent,
)
from holdfast_client.fake.shop import Checkout, MemoryShop, summed

# What the real workflow leaves where the database did not answer within the reserve budget.
_GIVEN_UP: Final = "the inventory did not answer in time"
UNPAID: Final = "not paid before the deadline"


def timeline_of(shop: MemoryShop, checkout: Checkout) -> Timeline:
    """Return the timeline of a checkout, with as many rows of each kind as the real one has."""
    outcome = checkout.outcome
    shortages = outcome.shortages if isinstance(outcome, Denied) else ()
    deadlines = [
        event.expires_at
        for event in checkout.timeline
        if event.expires_at and event.event != "payment_started"
    ]
    was_held = bool(deadlines)
    lines = summed(checkout.lines, checkout.added) if was_held else ()
    payments = tuple(p.report() for p in shop.payments_of(checkout.request.checkout_id))
    movements = tuple(checkout.movements)
    changes = checkout.timeline[1:][-TIMELINE_ROWS_MAX:]
    return Timeline(
        checkout_id=checkout.request.checkout_id,
        status=_status(checkout),
        customer_id=checkout.request.customer_id,
        cart_id=checkout.request.cart_id,
        created_at=checkout.started_at,
        expires_at=deadlines[-1] if was_held else None,
        paying_until=outcome.paying_until if isinstance(outcome, Held) else None,
        closed_at=checkout.closed_at,
        payment_reference=getattr(outcome, "payment_reference", None),
        lines=lines[:TIMELINE_ROWS_MAX],
        lines_left_out=max(len(lines) - TIMELINE_ROWS_MAX, 0),
        payments=payments[:TIMELINE_ROWS_MAX],
        payments_left_out=max(len(payments) - TIMELINE_ROWS_MAX, 0),
        shortages=shortages[:TIMELINE_ROWS_MAX],
        shortages_left_out=max(len(shortages) - TIMELINE_ROWS_MAX, 0),
        events=tuple(chain(checkout.timeline[:1], changes, _ending(checkout))),
        events_left_out=len(checkout.timeline[1:]) - len(changes),
        movements=movements[:TIMELINE_ROWS_MAX],
        movements_left_out=max(len(movements) - TIMELINE_ROWS_MAX, 0),
    )


def _status(checkout: Checkout) -> RecordedStatus:
    status = checkout.outcome.status
    return "cancelled" if status == "unavailable" else status


def _ending(checkout: Checkout) -> Iterator[TimelineEvent]:
    if checkout.closed_at is None:
        return
    told = checkout.events[-1]
    reason = {"unavailable": _GIVEN_UP, "expired": UNPAID}.get(told.event, told.reason)
    yield TimelineEvent(
        at=checkout.closed_at, event=_status(checkout), actor=told.actor, reason=reason
    )
