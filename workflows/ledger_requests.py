"""What a checkout's messages ask of the ledger, as the ledger takes it."""

from __future__ import annotations

from datetime import timedelta

from activities.inventory.amendment_records import HoldAmendment
from activities.inventory.payment_records import Pause
from activities.inventory.records import Closing, HoldExtension, Part
from holdfast_client.contract.messages import (
    Amendment,
    Cancellation,
    Confirmation,
    Extension,
    PartialRelease,
    PaymentEnded,
    PaymentStarted,
    Shipment,
    merged,
)
from holdfast_client.contract.outcomes import Held
from workflows.lifecycle import Checkout


def confirming(checkout: Checkout, wish: Confirmation, operation_id: str) -> Closing:
    return Closing(
        checkout.request.checkout_id,
        "committed" if wish.settle == "commit" else "fulfilled",
        actor=wish.actor,
        payment_reference=wish.payment_reference,
        attempt=checkout.attempt,
        reinstating=wish.late == "reinstate",
        operation_id=operation_id,
    )


def cancelling(checkout: Checkout, wish: Cancellation) -> Closing:
    return Closing(
        checkout.request.checkout_id,
        "cancelled",
        reason=wish.reason,
        actor=wish.actor,
        attempt=checkout.attempt,
    )


def expiring(checkout: Checkout) -> Closing:
    return Closing(
        checkout.request.checkout_id,
        "expired",
        reason="not paid before the deadline",
        attempt=checkout.attempt,
    )


def giving_up(checkout: Checkout) -> Closing:
    """Take back what the reserve may have held, and nothing that is paid."""
    return Closing(
        checkout.request.checkout_id,
        "cancelled",
        reason="the inventory did not answer in time",
        attempt=checkout.attempt,
        only_held=True,
    )


def shipping(checkout: Checkout, wish: Shipment) -> Part:
    return Part(
        checkout.request.checkout_id,
        "fulfil",
        wish.shipment_id,
        wish.lines,
        rest_released=wish.rest == "release",
        actor=wish.actor,
        attempt=checkout.attempt,
    )


def giving_back(checkout: Checkout, wish: PartialRelease, operation_id: str) -> Part:
    return Part(
        checkout.request.checkout_id,
        "release",
        operation_id,
        wish.lines,
        reason=wish.reason,
        actor=wish.actor,
        attempt=checkout.attempt,
    )


def awaiting(checkout: Checkout, wish: PaymentStarted, operation_id: str) -> Pause:
    return Pause(
        checkout.request.checkout_id,
        "payment_started",
        operation_id,
        wish.payment_reference,
        seconds=wish.seconds,
        actor=wish.actor,
        attempt=checkout.attempt,
    )


def awaiting_no_more(checkout: Checkout, wish: PaymentEnded, operation_id: str) -> Pause:
    return Pause(
        checkout.request.checkout_id,
        "payment_ended",
        operation_id,
        wish.payment_reference,
        result=wish.result,
        actor=wish.actor,
        attempt=checkout.attempt,
    )


def amending(checkout: Checkout, wish: Amendment, operation_id: str) -> HoldAmendment:
    return HoldAmendment(
        checkout.request.checkout_id,
        operation_id,
        merged(wish.lines),
        wish.revision,
        wish.reason,
        wish.actor,
        checkout.attempt,
    )


def extending(checkout: Checkout, wish: Extension, extension_id: str) -> HoldExtension:
    if not isinstance(checkout.outcome, Held):
        raise RuntimeError("only a hold can be extended")
    deadline = checkout.outcome.expires_at + timedelta(seconds=wish.seconds)
    return HoldExtension(
        checkout.request.checkout_id,
        deadline,
        extension_id,
        wish.seconds,
        wish.reason,
        wish.actor,
        checkout.attempt,
    )
