"""Reports and lists of checkouts in a shop in memory, as Temporal would give them."""

from __future__ import annotations

from datetime import datetime
from itertools import chain, islice

from holdfast_client.contract.outcomes import (
    PAYMENTS_KEPT_MAX,
    SHIPMENTS_KEPT_MAX,
    CheckoutReport,
    Held,
    OpenOutcome,
)
from holdfast_client.contract.summaries import CheckoutFilter, CheckoutSummary
from holdfast_client.fake.shop import Checkout, MemoryShop
from holdfast_client.fake.timeline import timeline_of


def report_of(shop: MemoryShop, checkout: Checkout) -> CheckoutReport:
    """Return where a checkout stands and how it came there."""
    outcome = checkout.outcome
    if not isinstance(outcome, OpenOutcome):
        timeline = timeline_of(shop, checkout.request.checkout_id)
        if timeline.was_decided:
            # No run is running: the database tells of it.
            return timeline.report()
    payments = tuple(p.report() for p in shop.payments_of(checkout.request.checkout_id))
    return CheckoutReport(
        checkout_id=checkout.request.checkout_id,
        status=outcome.status,
        lines=checkout.about,
        expires_at=outcome.expires_at if isinstance(outcome, Held) else None,
        paying_until=outcome.paying_until if isinstance(outcome, Held) else None,
        revision=outcome.revision if isinstance(outcome, OpenOutcome) else None,
        payments=payments[-PAYMENTS_KEPT_MAX:],
        payments_left_out=max(len(payments) - PAYMENTS_KEPT_MAX, 0),
        shipments=tuple(checkout.shipments[-SHIPMENTS_KEPT_MAX:]),
        shipments_left_out=max(len(checkout.shipments) - SHIPMENTS_KEPT_MAX, 0),
        events=tuple(checkout.events),
    )


def summaries_of(shop: MemoryShop, wanted: CheckoutFilter) -> list[CheckoutSummary]:
    """Return those wanted: the open ones, the latest first, then the latest to close."""
    known = chain(shop.checkouts.values(), shop.refused.values())
    found = map(_summary, sorted(known, key=_place, reverse=True))
    return [*islice(filter(wanted.admits, found), wanted.limit)]


def _summary(checkout: Checkout) -> CheckoutSummary:
    request = checkout.request
    return CheckoutSummary(
        checkout_id=request.checkout_id,
        status="interrupted" if checkout.refusal else checkout.outcome.status,
        customer_id=request.customer_id,
        cart_id=request.cart_id,
        skus=tuple(sorted({line.sku for line in request.lines})),
        started_at=checkout.started_at,
        closed_at=checkout.closed_at,
    )


def _place(checkout: Checkout) -> tuple[bool, datetime, datetime]:
    closed_at = checkout.closed_at
    return closed_at is None, closed_at or checkout.started_at, checkout.started_at
