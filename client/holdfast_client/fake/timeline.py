"""The story of a fake's checkout, as the real database would tell it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Final, Literal

from holdfast_client.contract.outcomes import Denied, Fulfilled, Held
from holdfast_client.contract.timeline import (
    TIMELINE_ROWS_MAX,
    RecordedStatus,
    Timeline,
    TimelineEvent,
    TimelineMovement,
)
from holdfast_client.fake.ledger import Checkout

# What the real workflow leaves where the database did not answer within the reserve budget.
_GIVEN_UP: Final = "the inventory did not answer in time"
_UNPAID: Final = "not paid before the deadline"
_ENDINGS: Final[dict[str, Literal["fulfil", "cancel", "expire"]]] = {
    "fulfilled": "fulfil",
    "cancelled": "cancel",
    "expired": "expire",
}


def timeline_of(checkout: Checkout) -> Timeline:
    """Return the story of a checkout, with as many rows of each kind as the real one has."""
    outcome = checkout.outcome
    shortages = outcome.shortages if isinstance(outcome, Denied) else ()
    deadlines = [event.expires_at for event in checkout.story if event.expires_at]
    was_held = bool(deadlines)
    lines = checkout.lines if was_held else ()
    movements = tuple(_movements(checkout)) if was_held else ()
    extensions = checkout.story[1:][-TIMELINE_ROWS_MAX:]
    return Timeline(
        checkout_id=checkout.request.checkout_id,
        status=_status(checkout),
        customer_id=checkout.request.customer_id,
        cart_id=checkout.request.cart_id,
        created_at=checkout.started_at,
        expires_at=deadlines[-1] if was_held else None,
        closed_at=checkout.closed_at,
        payment_reference=outcome.payment_reference if isinstance(outcome, Fulfilled) else None,
        lines=lines[:TIMELINE_ROWS_MAX],
        lines_left_out=max(len(lines) - TIMELINE_ROWS_MAX, 0),
        shortages=shortages[:TIMELINE_ROWS_MAX],
        shortages_left_out=max(len(shortages) - TIMELINE_ROWS_MAX, 0),
        events=tuple(chain(checkout.story[:1], extensions, _ending(checkout))),
        events_left_out=len(checkout.story[1:]) - len(extensions),
        movements=movements[:TIMELINE_ROWS_MAX],
        movements_left_out=max(len(movements) - TIMELINE_ROWS_MAX, 0),
    )


def _status(checkout: Checkout) -> RecordedStatus:
    status = checkout.outcome.status
    return "cancelled" if status == "unavailable" else status


def _ending(checkout: Checkout) -> Iterator[TimelineEvent]:
    if isinstance(checkout.outcome, Held) or checkout.closed_at is None:
        return
    told = checkout.events[-1]
    reason = {"unavailable": _GIVEN_UP, "expired": _UNPAID}.get(told.event, told.reason)
    yield TimelineEvent(
        at=checkout.closed_at, event=_status(checkout), actor=told.actor, reason=reason
    )


def _movements(checkout: Checkout) -> Iterator[TimelineMovement]:
    for line in checkout.lines:
        yield TimelineMovement(
            at=checkout.started_at,
            kind="reserve",
            sku=line.sku,
            location=line.location,
            total_delta=0,
            reserved_delta=line.quantity,
        )
    ending = _ENDINGS.get(checkout.outcome.status)
    if ending is None or checkout.closed_at is None:
        return
    for line in checkout.lines:
        yield TimelineMovement(
            at=checkout.closed_at,
            kind=ending,
            sku=line.sku,
            location=line.location,
            total_delta=-line.quantity if ending == "fulfil" else 0,
            reserved_delta=-line.quantity,
        )
