"""Payments in a shop in memory, and what waits for them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from holdfast_client.contract.errors import GraceRefused, PaymentConflict, RefundNotDue
from holdfast_client.contract.messages import Confirmation, PaymentEnded, PaymentStarted
from holdfast_client.contract.outcomes import (
    Committed,
    Expired,
    Held,
    KnownOutcome,
    Outcome,
    RefundDue,
    RefundReason,
    Shortage,
)
from holdfast_client.contract.refunds import (
    DueRefund,
    RefundDone,
    Refunded,
    Refunds,
    RefundsRequest,
)
from holdfast_client.contract.timeline import TimelineEvent
from holdfast_client.contract.wording import grace_at_cap, refund_not_due
from holdfast_client.fake.holding import settle, shortage_of
from holdfast_client.fake.shop import Checkout, MemoryShop, Payment
from holdfast_client.fake.timeline import UNPAID

_DECIDED = frozenset({"settled", "refund_due", "refunded"})


def pay(shop: MemoryShop, checkout_id: str, message: Confirmation) -> Outcome | RefundDue:
    """Settle a checkout by a payment, or say that the payment is due back.

    Raises:
        PaymentConflict: it belongs to another checkout.
    """
    reference = message.payment_reference
    known = _own(shop, checkout_id, reference)
    checkout = shop.checkouts.get(checkout_id)
    outcome = checkout.outcome if checkout else None
    if known and known.state in _DECIDED:
        return _told_again(known, outcome, message)
    payment = known or Payment(reference, checkout_id, shop.now)
    payment.checkout_id, payment.paying_until = checkout_id, None
    shop.payments[reference] = payment
    if checkout and isinstance(outcome, Expired) and message.late == "reinstate":
        payment.shortages = _hold_again(shop, checkout)
        outcome = checkout.outcome
    if checkout and isinstance(outcome, Held):
        payment.turn("settled", shop.now)
        return settle(shop, checkout, outcome, message)
    if checkout is None:
        # Nothing can be held under the id any more.
        shop.barred.setdefault(checkout_id, Expired(at=shop.now))
    payment.turn("refund_due", shop.now, _reason(outcome))
    return _told_again(payment, outcome, message)


def _told_again(
    payment: Payment, outcome: KnownOutcome | None, message: Confirmation
) -> Outcome | RefundDue:
    if payment.state == "settled" and outcome:
        return outcome
    if isinstance(outcome, Committed):
        return outcome.model_copy(update={"duplicate_payment": True})
    due = RefundDue(
        payment_reference=payment.reference,
        reason=payment.reason,
        shortages=payment.shortages,
        standing=outcome,
    )
    return due if message.late or outcome is None else outcome


def _hold_again(shop: MemoryShop, checkout: Checkout) -> tuple[Shortage, ...]:
    """Hold all that an expired checkout held when it expired, or return what falls short."""
    lines = checkout.last_open
    shortages = tuple(short for line in lines if (short := shortage_of(shop, line)))
    if not shortages:
        checkout.attempt += 1
        checkout.started_at, checkout.taken, checkout.released = shop.now, (), ()
        shop.move(checkout, "reserve", lines)
        ended = checkout.closed_at or shop.now
        checkout.timeline += [
            TimelineEvent(at=ended, event="expired", reason=UNPAID),
            TimelineEvent(at=shop.now, event="reinstated"),
        ]
        checkout.closed_at = None
        # Another run goes on with it.
        checkout.events.clear()
        paid_late = f"it had expired and was paid late, so it is attempt {checkout.attempt}"
        checkout.note(shop.now, "resumed", reason=paid_late)
        checkout.outcome = Held(expires_at=shop.now, lines=lines)
    return shortages


def _reason(outcome: KnownOutcome | None) -> RefundReason:
    if outcome is None:
        return "unknown_checkout"
    if outcome.status in {"committed", "fulfilled"}:
        return "duplicate"
    reason: Any = outcome.status
    return reason  # type: ignore[no-any-return]  # how a checkout ends is why its payment goes back


def in_flight(
    shop: MemoryShop, checkout: Checkout, message: PaymentStarted | PaymentEnded
) -> Outcome:
    """Take over that a payment is in flight, or has come to nothing."""
    if isinstance(message, PaymentStarted):
        return _start(shop, checkout, message)
    return _end(shop, checkout, message)


def _start(shop: MemoryShop, checkout: Checkout, message: PaymentStarted) -> Held:
    """Let a live hold wait for a payment, for a bounded time."""
    held = checkout.outcome
    known = _own(shop, checkout.request.checkout_id, message.payment_reference)
    if not isinstance(held, Held) or (known and known.state in _DECIDED):
        raise checkout.not_active("there is no live hold to pay for")
    cap = held.expires_at + timedelta(seconds=shop.payment_grace_cap)
    until = min(shop.now + timedelta(seconds=message.seconds), cap)
    if until == cap and known and known.paying_until and known.paying_until >= cap:
        raise GraceRefused(
            grace_at_cap(shop.payment_grace_cap),
            {
                "cap_seconds": shop.payment_grace_cap,
                "paying_until": held.model_dump(mode="json")["paying_until"],
            },
        )
    payment = known or Payment(message.payment_reference, checkout.request.checkout_id, shop.now)
    payment.checkout_id = checkout.request.checkout_id
    payment.paying_until = until
    shop.payments[message.payment_reference] = payment
    checkout.outcome = _waiting(shop, checkout, held)
    checkout.timeline.append(
        TimelineEvent(
            at=shop.now,
            event="payment_started",
            actor=message.actor,
            reason=f"payment {message.payment_reference}",
            seconds=message.seconds,
            expires_at=until,
        )
    )
    checkout.note(shop.now, "payment started", message.actor)
    return checkout.outcome


def _end(shop: MemoryShop, checkout: Checkout, message: PaymentEnded) -> Outcome:
    """Wait no longer for a payment; past its deadline a hold that waits for none ends now."""
    known = _own(shop, checkout.request.checkout_id, message.payment_reference)
    checkout.timeline.append(
        TimelineEvent(
            at=shop.now,
            event="payment_ended",
            actor=message.actor,
            reason=f"payment {message.payment_reference}: {message.result}",
        )
    )
    checkout.note(shop.now, "payment ended", message.actor)
    is_own = known is not None and known.checkout_id == checkout.request.checkout_id
    if known and is_own and known.state not in _DECIDED:
        # The last word counts, of one that had failed before too.
        known.turn("failed", shop.now, message.result)
        known.paying_until = None
    held = checkout.outcome
    if not isinstance(held, Held):
        return held
    checkout.outcome = waiting = _waiting(shop, checkout, held)
    if waiting.ends_at <= shop.now:
        return shop.end(checkout, Expired(at=shop.now))
    return waiting


def refunds_of(shop: MemoryShop, request: RefundsRequest) -> Refunds:
    """Return the payments that are due back, the oldest first."""
    due = [payment for payment in shop.payments.values() if payment.state == "refund_due"]
    due.sort(key=lambda payment: (payment.changed_at, payment.reference))
    listed = due[: request.limit]
    return Refunds(
        as_of=shop.now,
        refunds=tuple(
            DueRefund(
                payment_reference=payment.reference,
                checkout_id=payment.checkout_id,
                customer_id=_customer_of(shop, payment),
                reason=payment.reason,
                due_at=payment.changed_at,
            )
            for payment in listed
        ),
        refunds_left_out=len(due) - len(listed),
    )


def refunded(shop: MemoryShop, message: RefundDone) -> Refunded:
    """Put down that a payment has gone back, or raise RefundNotDue."""
    payment = shop.payments.get(message.payment_reference)
    if payment is None or payment.state != "refund_due":
        state = payment.state if payment else None
        at = payment.changed_at if payment and state == "refunded" else None
        raise RefundNotDue(
            refund_not_due(message.payment_reference, state, at),
            {"state": state} | ({"at": at.isoformat()} if at else {}),
        )
    payment.turn("refunded", shop.now, payment.reason)
    return Refunded(
        payment_reference=payment.reference, checkout_id=payment.checkout_id, at=shop.now
    )


def _own(shop: MemoryShop, checkout_id: str, reference: str) -> Payment | None:
    """Return what is known of a payment that is the checkout's, or may become so."""
    known = shop.payments.get(reference)
    if known and known.checkout_id != checkout_id and not known.is_nobodys(shop.now):
        raise PaymentConflict(
            f"payment {reference} belongs to checkout {known.checkout_id}",
            {"payment_reference": reference, "checkout_id": known.checkout_id},
        )
    return known


def _waiting(shop: MemoryShop, checkout: Checkout, held: Held) -> Held:
    pauses = [
        payment.paying_until
        for payment in shop.payments_of(checkout.request.checkout_id)
        if payment.paying_until
    ]
    return held.model_copy(update={"paying_until": max(pauses, default=None)})


def _customer_of(shop: MemoryShop, payment: Payment) -> str | None:
    checkout = shop.checkouts.get(payment.checkout_id)
    return checkout.request.customer_id if checkout else None
