"""Changing stock from outside in a shop in memory."""

from __future__ import annotations

from holdfast_client.contract.conflicts import adjustment_conflict
from holdfast_client.contract.messages import StockAdjustment
from holdfast_client.contract.outcomes import (
    HOLDERS_MAX,
    AdjustmentApplied,
    AdjustmentRefused,
    Holder,
    KnownAdjustmentOutcome,
    RefusalReason,
)
from holdfast_client.fake.shop import MemoryShop, StockItem


def adjust(shop: MemoryShop, change: StockAdjustment) -> KnownAdjustmentOutcome:
    """Apply a change once, or refuse it; the same adjustment id gives the first answer."""
    known = shop.adjustments.get(change.adjustment_id)
    if known is None:
        known = shop.adjustments[change.adjustment_id] = (change, _adjusted(shop, change))
    if conflict := adjustment_conflict(change, known[0]):
        raise conflict
    return known[1]


def _adjusted(shop: MemoryShop, change: StockAdjustment) -> KnownAdjustmentOutcome:
    sku, location = change.sku, change.location
    known = shop.items.get((sku, location))
    if known is None and not (change.kind == "receive" and change.new):
        return AdjustmentRefused(reason="unknown_sku", sku=sku, location=location)
    item = known or StockItem()
    total = change.quantity if change.kind == "count" else item.total + change.quantity
    if total < 0:
        return _refused(shop, change, item, "negative_total")
    if total < item.reserved:
        return _refused(shop, change, item, "below_reserved")
    item.total = total
    item.active = {"activate": True, "deactivate": False}.get(change.kind, item.active)
    shop.items[sku, location] = item
    return AdjustmentApplied(
        sku=sku,
        location=location,
        **item.figures._asdict(),
        created=known is None,
        active=item.active,
    )


def _refused(
    shop: MemoryShop, change: StockAdjustment, item: StockItem, reason: RefusalReason
) -> AdjustmentRefused:
    holders = _holders(shop, change) if reason == "below_reserved" else ()
    named = sum(holder.quantity for holder in holders)
    return AdjustmentRefused(
        reason=reason,
        sku=change.sku,
        location=change.location,
        **item.figures._asdict(),
        holders=holders,
        units_left_out=item.reserved - named if reason == "below_reserved" else 0,
    )


def _holders(shop: MemoryShop, change: StockAdjustment) -> tuple[Holder, ...]:
    found = [
        Holder(
            checkout_id=checkout.request.checkout_id,
            quantity=line.quantity,
            expires_at=getattr(checkout.outcome, "ends_at", None),
        )
        for checkout in shop.checkouts.values()
        for line in checkout.open_lines
        if (line.sku, line.location) == (change.sku, change.location)
    ]
    found.sort(key=lambda h: (h.expires_at is None, h.expires_at or shop.now, h.checkout_id))
    return tuple(found[:HOLDERS_MAX])
