"""Holding, paying, extending and giving back in a shop in memory."""

from __future__ import annotations

from datetime import timedelta

from holdfast_client.contract.conflicts import checkout_conflict
from holdfast_client.contract.errors import ExtensionRefused
from holdfast_client.contract.fields import HOLD_SECONDS_MAX
from holdfast_client.contract.messages import (
    Cancellation,
    CheckoutRequest,
    Confirmation,
    Extension,
)
from holdfast_client.contract.outcomes import (
    Committed,
    Denied,
    FinalOutcome,
    Fulfilled,
    Held,
    HeldLine,
    KnownOutcome,
    OpenOutcome,
    SettledOutcome,
    Shortage,
    ShortageReason,
    Unavailable,
)
from holdfast_client.contract.timeline import TimelineEvent
from holdfast_client.contract.wording import over_cap
from holdfast_client.fake.shop import Checkout, MemoryShop


def reserve(shop: MemoryShop, request: CheckoutRequest, is_available: bool) -> KnownOutcome:
    """Hold every line or none; the same request again gives the present outcome.

    Args:
        shop: the shop.
        request: what is to be held.
        is_available: whether its inventory answers.
    """
    wanted = request.normalized()
    known = shop.checkouts.get(request.checkout_id)
    if known is None:
        known = _opened(shop, wanted, is_available)
    elif conflict := checkout_conflict(wanted, known.request):
        raise conflict
    return known.outcome


def confirm(shop: MemoryShop, checkout: Checkout, message: Confirmation) -> SettledOutcome:
    """Fulfil or commit a live hold, or return the outcome that came first."""
    outcome = checkout.outcome
    if isinstance(outcome, Committed):
        is_another = message.payment_reference != outcome.payment_reference
        return outcome.model_copy(update={"duplicate_payment": is_another})
    if not isinstance(outcome, Held):
        return outcome
    if message.settle == "commit":
        return _commit(shop, checkout, outcome, message)
    fulfilled = Fulfilled(
        payment_reference=message.payment_reference,
        lines=outcome.lines,
        released=checkout.released,
        at=shop.now,
    )
    return shop.end(checkout, fulfilled, actor=message.actor)


def cancel(shop: MemoryShop, checkout: Checkout, message: Cancellation) -> FinalOutcome:
    """Give back what is open, or return the final outcome that came first."""
    if not isinstance(checkout.outcome, OpenOutcome):
        return checkout.outcome
    outcome = checkout.given_back_whole(message.reason, message.actor, shop.now)
    return shop.end(checkout, outcome, actor=message.actor, reason=message.reason)


def extend(shop: MemoryShop, checkout: Checkout, message: Extension) -> Held:
    """Move the deadline of a live hold, under the cap on its whole length."""
    outcome = checkout.outcome
    if not isinstance(outcome, Held):
        raise checkout.not_active("there is no live hold to extend")
    deadline = outcome.expires_at + timedelta(seconds=message.seconds)
    if deadline > checkout.started_at + shop.hold_length_max:
        raise _over_cap(shop, checkout, outcome)
    held = outcome.model_copy(update={"expires_at": deadline})
    checkout.outcome = held
    checkout.tell(
        TimelineEvent(
            at=shop.now,
            event="extended",
            actor=message.actor,
            reason=message.reason,
            seconds=message.seconds,
            expires_at=deadline,
        )
    )
    return held


def _opened(shop: MemoryShop, wanted: CheckoutRequest, is_available: bool) -> Checkout:
    checkout = Checkout(wanted, shop.now, Unavailable())
    if is_available:
        checkout.outcome = _decided(shop, checkout)
    if isinstance(checkout.outcome, Held):
        shop.move(checkout, "reserve", checkout.lines)
        deadline = checkout.outcome.expires_at
        checkout.timeline.append(TimelineEvent(at=shop.now, event="held", expires_at=deadline))
    else:
        checkout.closed_at = shop.now
    checkout.note(shop.now, checkout.outcome.status)
    shop.checkouts[wanted.checkout_id] = checkout
    return checkout


def _decided(shop: MemoryShop, checkout: Checkout) -> KnownOutcome:
    shortages = tuple(short for line in checkout.lines if (short := _shortage(shop, line)))
    if shortages:
        return Denied(shortages=shortages)
    expires_at = shop.now + timedelta(seconds=checkout.request.hold_seconds)
    return Held(expires_at=expires_at, lines=checkout.lines)


def _shortage(shop: MemoryShop, line: HeldLine) -> Shortage | None:
    item = shop.items.get((line.sku, line.location))
    if item is None:
        return _short(shop, line, 0, "unknown_sku")
    if not item.active:
        return _short(shop, line, 0, "inactive")
    if item.figures.available < line.quantity:
        return _short(shop, line, item.figures.available, "insufficient")
    return None


def _short(shop: MemoryShop, line: HeldLine, available: int, reason: ShortageReason) -> Shortage:
    deadlines = [
        outcome.expires_at
        for _, outcome in shop.open_holds()
        if any((line.sku, line.location) == (held.sku, held.location) for held in outcome.lines)
    ]
    return Shortage(
        sku=line.sku,
        location=line.location,
        requested=line.quantity,
        available=available,
        reason=reason,
        next_expiry=min(deadlines, default=None),
    )


def _commit(shop: MemoryShop, checkout: Checkout, held: Held, message: Confirmation) -> Committed:
    committed = Committed(
        payment_reference=message.payment_reference,
        lines=held.lines,
        revision=held.revision,
        at=shop.now,
    )
    checkout.outcome = committed
    checkout.note(shop.now, "committed", message.actor)
    paid = f"payment {message.payment_reference}"
    checkout.timeline.append(TimelineEvent(at=shop.now, event="committed", reason=paid))
    return committed


def _over_cap(shop: MemoryShop, checkout: Checkout, held: Held) -> ExtensionRefused:
    left = checkout.started_at + shop.hold_length_max - held.expires_at
    seconds_max = min(max(left // timedelta(seconds=1), 0), HOLD_SECONDS_MAX)
    cap_seconds = int(shop.hold_length_max.total_seconds())
    return ExtensionRefused(
        over_cap(cap_seconds, seconds_max),
        {"cap_seconds": cap_seconds, "seconds_max": seconds_max},
    )
