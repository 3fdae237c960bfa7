"""Holding, paying, extending and giving back in a shop in memory."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from holdfast_client.contract.conflicts import checkout_conflict
from holdfast_client.contract.errors import CheckoutConflict, ExtensionRefused, InvalidRequest
from holdfast_client.contract.fields import HOLD_SECONDS_MAX
from holdfast_client.contract.messages import (
    Cancellation,
    CheckoutRequest,
    Confirmation,
    Extension,
)
from holdfast_client.contract.outcomes import (
    Cancelled,
    Committed,
    Denied,
    FinalOutcome,
    Fulfilled,
    Held,
    HeldLine,
    KnownOutcome,
    OpenOutcome,
    Outcome,
    Shortage,
    ShortageReason,
    Unavailable,
)
from holdfast_client.contract.timeline import TimelineEvent
from holdfast_client.contract.wording import over_cap
from holdfast_client.fake.carts import lines_of_cart
from holdfast_client.fake.shop import Checkout, MemoryShop
from holdfast_client.fake.superseding import bar_superseded, end_superseded, superseded_by

# What the real workflow leaves where the database did not answer within the reserve budget.
_GIVEN_UP: Final = "the inventory did not answer in time"


def reserve(shop: MemoryShop, request: CheckoutRequest, is_available: bool) -> KnownOutcome:
    """Hold every line or none; the same request again gives the present outcome.

    Args:
        shop: the shop.
        request: what is to be held.
        is_available: whether its inventory answers.
    """
    wanted = request.normalized()
    known = shop.refused.get(request.checkout_id) or shop.checkouts.get(request.checkout_id)
    if known is None:
        known = _opened(shop, wanted, is_available)
    elif conflict := checkout_conflict(wanted, known.request):
        raise conflict
    if known.refusal:
        raise known.refusal
    return known.outcome


def settle(shop: MemoryShop, checkout: Checkout, held: Held, message: Confirmation) -> Outcome:
    """Fulfil or commit a live hold, whose payment is on record."""
    if message.settle == "commit":
        return _commit(shop, checkout, held, message)
    fulfilled = Fulfilled(
        payment_reference=message.payment_reference,
        lines=held.lines,
        released=checkout.released,
        at=shop.now,
        reinstated=checkout.attempt > 1,
    )
    return shop.end(checkout, fulfilled, actor=message.actor)


def cancel(shop: MemoryShop, checkout: Checkout, message: Cancellation) -> FinalOutcome:
    """Give back what is open, or return the final outcome that came first."""
    if not isinstance(checkout.outcome, OpenOutcome):
        return checkout.outcome
    outcome = checkout.given_back_whole(message.reason, message.actor, shop.now)
    return shop.end(checkout, outcome, actor=message.actor, reason=message.reason)


def bar(shop: MemoryShop, checkout_id: str, message: Cancellation) -> Cancelled:
    """Let nothing be held any more under an id that nobody knows."""
    told = shop.barred.get(checkout_id)
    if not isinstance(told, Cancelled):
        at = told.at if told else shop.now
        told = Cancelled(reason=message.reason, actor=message.actor, at=at, was_known=False)
        shop.barred.setdefault(checkout_id, told)
    return told


def extend(shop: MemoryShop, checkout: Checkout, message: Extension) -> Held:
    """Move the deadline of a live hold, under the cap on its whole length."""
    outcome = checkout.outcome
    if not isinstance(outcome, Held):
        raise checkout.not_active("there is no live hold to extend")
    deadline = outcome.expires_at + timedelta(seconds=message.seconds)
    if deadline > checkout.held_since + shop.hold_length_max:
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
    old = None
    if not is_available:
        shop.barred.setdefault(wanted.checkout_id, Cancelled(reason=_GIVEN_UP, at=shop.now))
    elif told := shop.barred.get(wanted.checkout_id):
        # As the tombstone tells that keeps it from holding anything.
        checkout.outcome = told.model_copy(update={"was_known": True})
    else:
        try:
            bar_superseded(shop, wanted)
            checkout.from_cart = lines_of_cart(shop, wanted)
            old = superseded_by(shop, wanted)
            checkout.outcome = _decided(shop, checkout, old)
        except CheckoutConflict as refusal:
            checkout.refusal, checkout.closed_at = refusal, shop.now
            shop.refused[wanted.checkout_id] = checkout
            return checkout
        except InvalidRequest as refusal:
            # A denial that lacks no stock, and says why.
            checkout.refusal, checkout.outcome = refusal, Denied(shortages=())
    if isinstance(checkout.outcome, Held):
        if old:
            end_superseded(shop, old, wanted.checkout_id)
        shop.move(checkout, "supersede" if old else "reserve", checkout.lines)
        deadline = checkout.outcome.expires_at
        checkout.timeline.append(TimelineEvent(at=shop.now, event="held", expires_at=deadline))
    else:
        checkout.closed_at = shop.now
    checkout.note(
        shop.now, checkout.outcome.status, reason=getattr(checkout.refusal, "problem", "")
    )
    shop.checkouts[wanted.checkout_id] = checkout
    return checkout


def _decided(shop: MemoryShop, checkout: Checkout, old: Checkout | None) -> KnownOutcome:
    own = {(n.sku, n.location): n.quantity for n in old.open_lines} if old else {}
    found = (shortage_of(shop, n, own.get((n.sku, n.location), 0), old) for n in checkout.lines)
    shortages = tuple(short for short in found if short)
    if shortages:
        return Denied(shortages=shortages)
    expires_at = shop.now + timedelta(seconds=checkout.request.hold_seconds)
    if old and isinstance(old.outcome, Held):
        checkout.held_since = old.held_since
        latest = max(old.held_since + shop.hold_length_max, old.outcome.expires_at)
        expires_at = min(expires_at, latest)
    return Held(expires_at=expires_at, lines=checkout.lines)


def shortage_of(
    shop: MemoryShop, line: HeldLine, own: int = 0, besides: Checkout | None = None
) -> Shortage | None:
    """Return why a line cannot be had; None where it can.

    Args:
        shop: the shop.
        line: what is wanted in all.
        own: how much of it whoever wants it has already, in units.
        besides: whose deadline is none of those that are told.
    """
    item = shop.items.get((line.sku, line.location))
    if line.quantity <= own:
        return None
    if item is None:
        return _short(shop, line, 0, "unknown_sku", besides)
    if not item.active:
        return _short(shop, line, own, "inactive", besides)
    if item.figures.available + own < line.quantity:
        return _short(shop, line, item.figures.available + own, "insufficient", besides)
    return None


def _short(
    shop: MemoryShop,
    line: HeldLine,
    available: int,
    reason: ShortageReason,
    besides: Checkout | None,
) -> Shortage:
    # Nobody waits for what is not sold.
    deadlines = [
        outcome.ends_at
        for checkout, outcome in shop.open_holds()
        if reason == "insufficient" and checkout is not besides
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
        reinstated=checkout.attempt > 1,
    )
    checkout.outcome = committed
    checkout.note(shop.now, "committed", message.actor)
    paid = f"payment {message.payment_reference}"
    checkout.timeline.append(
        TimelineEvent(at=shop.now, event="committed", actor=message.actor, reason=paid)
    )
    return committed


def _over_cap(shop: MemoryShop, checkout: Checkout, held: Held) -> ExtensionRefused:
    left = checkout.held_since + shop.hold_length_max - held.expires_at
    seconds_max = min(max(left // timedelta(seconds=1), 0), HOLD_SECONDS_MAX)
    cap_seconds = int(shop.hold_length_max.total_seconds())
    return ExtensionRefused(
        over_cap(cap_seconds, seconds_max),
        {"cap_seconds": cap_seconds, "seconds_max": seconds_max},
    )
