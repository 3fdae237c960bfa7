"""The timeline of a checkout in memory, as the real database would tell it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Final

from holdfast_client.contract.outcomes import Cancelled, Denied, Expired, Held
from holdfast_client.contract.timeline import (
    TIMELINE_ROWS_MAX,
    Timeline,
    TimelineEvent,
)
from holdfast_client.fake.shop import Checkout, MemoryShop

# What sets a deadline.
_HOLDING: Final = frozenset({"held", "extended", "reinstated"})
UNPAID: Final = "not paid before the deadline"


def timeline_of(shop: MemoryShop, checkout_id: str) -> Timeline:
    """Return the timeline of a checkout, with as many rows of each kind as the real one has."""
    told = shop.barred.get(checkout_id)
    return _tombstone(shop, checkout_id, told) if told else _decided(shop, checkout_id)


def _tombstone(shop: MemoryShop, checkout_id: str, told: Expired | Cancelled) -> Timeline:
    """Return what the database has of an id under which nothing was ever held."""
    reason, actor = getattr(told, "reason", ""), getattr(told, "actor", "")
    ending = TimelineEvent(at=told.at, event=told.status, actor=actor, reason=reason)
    return Timeline(
        checkout_id=checkout_id,
        status=told.status,
        created_at=told.at,
        closed_at=told.at,
        payments=tuple(p.report() for p in shop.payments_of(checkout_id))[:TIMELINE_ROWS_MAX],
        events=(ending,),
    )


def _decided(shop: MemoryShop, checkout_id: str) -> Timeline:
    checkout = shop.checkout(checkout_id, by="the database")
    outcome = checkout.outcome
    shortages = outcome.shortages if isinstance(outcome, Denied) else ()
    # What was reinstated is due at once: it is held to be paid at that moment.
    deadlines = [e.expires_at or e.at for e in checkout.timeline if e.event in _HOLDING]
    lines = checkout.taken
    payments = tuple(p.report() for p in shop.payments_of(checkout_id))
    movements = tuple(checkout.movements)
    changes = checkout.timeline[1:][-TIMELINE_ROWS_MAX:]
    return Timeline(
        checkout_id=checkout_id,
        status=outcome.status,
        customer_id=checkout.request.customer_id,
        cart_id=checkout.request.cart_id,
        created_at=checkout.started_at,
        expires_at=deadlines[-1] if deadlines else None,
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


def _ending(checkout: Checkout) -> Iterator[TimelineEvent]:
    if checkout.closed_at is None:
        return
    told = checkout.events[-1]
    reason = UNPAID if told.event == "expired" else told.reason
    yield TimelineEvent(at=checkout.closed_at, event=told.event, actor=told.actor, reason=reason)
