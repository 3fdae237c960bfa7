"""The words that support staff read in the Temporal Web UI, beside bars and in events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from activities.inventory.amendment_records import AmendmentAnswer, HoldAmendment
from activities.inventory.payment_records import Pause, PauseAnswer, PauseKind
from activities.inventory.records import (
    Closing,
    ExtensionAnswer,
    HoldExtension,
    Part,
    PartAnswer,
    PartKind,
)
from holdfast_client.contract.limits import TOO_MANY_LINES
from holdfast_client.contract.messages import Extension, Settlement, StockAdjustment
from holdfast_client.contract.outcomes import (
    Committed,
    Denied,
    FinalOutcome,
    Fulfilled,
    Held,
    KnownOutcome,
    Shortage,
    Unavailable,
)
from holdfast_client.contract.wording import (
    A_CART,
    buyer,
    cart_named,
    counted,
    duration,
    goods,
    grace_at_cap,
    over_cap,
    summary,
    units,
)
from workflows.lifecycle import Checkout
from workflows.policies import LINES_SHOWN_MAX

ABANDONED_SUMMARY: Final = "Nobody waits for it any more: hold nothing that is not held"
ABANDONED_REASON: Final = "nobody waited for the decision any more"
COMMITTED_TIMER_SUMMARY: Final = "Paid, to be shipped. Goes on in a new run after 7 days"
# What a checkout's events call a part that was made, and one that was not.
PARTS: Final[dict[PartKind, str]] = {"fulfil": "shipped", "release": "released"}
PARTS_REFUSED: Final[dict[PartKind, str]] = {
    "fulfil": "shipment refused",
    "release": "release refused",
}


PAUSES: Final[dict[PauseKind, str]] = {
    "payment_started": "payment started",
    "payment_ended": "payment ended",
}


def clock(moment: datetime) -> str:
    """Return a moment as a person reads it."""
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


# --- beside the bars of the timeline -----------------------------------------------------------


def resumed_reason(attempt: int) -> str:
    """Say why a run goes on with a checkout that it did not begin."""
    if attempt > 1:
        return f"it had expired and was paid late, so it is attempt {attempt}"
    return "its own workflow was gone"


def reserve_summary(checkout: Checkout, *, private: bool = False) -> str:
    return summary(f"Reserve {_what_for_whom(checkout, private=private)}: all or none")


def timer_summary(checkout: Checkout, held: Held, *, private: bool = False) -> str:
    """Say when the hold ends, and then what it holds: the Web UI cuts the end off."""
    what = units(held.lines) if private else goods(held.lines)
    whom = "" if private else buyer(checkout.request.customer_id)
    words = f"Held{whom} until {clock(held.ends_at)} unless paid"
    if held.ends_at > held.expires_at:
        words += ", a payment is in flight"
    return summary(f"{words}: {what}")


def extend_summary(extension: HoldExtension, wish: Extension, *, private: bool = False) -> str:
    words = f"{duration(wish.seconds)} longer, until {clock(extension.expires_at)}"
    return summary(words if private else words + who_and_why(wish.actor, wish.reason))


def closing_summary(checkout: Checkout, closing: Closing, *, private: bool = False) -> str:
    """Say what an ending does with the stock, and who wants it and why."""
    what = units(checkout.lines) if private else goods(checkout.lines)
    match (checkout.outcome, closing.status):
        case (Unavailable(), _):
            words = "Make sure that nothing is held"
        case (None, "cancelled"):
            words = "Cancel before anything is decided"
        case (Committed(), "fulfilled" | "committed"):
            words = "Compare with the payment on record"
        case (_, "fulfilled"):
            words = f"Sell {what}"
        case (_, "committed"):
            words = f"Paid: keep {what} until it is shipped"
        case (_, "cancelled"):
            words = f"Give back {what}, cancelled"
        case _:
            words = f"Give back {what}, not paid before the deadline"
    return words if private else summary(words + who_and_why(closing.actor, _why(closing)))


def part_summary(checkout: Checkout, wish: Part, *, private: bool = False) -> str:
    """Say what is shipped or given back, by whom and why."""
    lines = checkout.lines if wish.lines is None else wish.lines
    what = units(lines) if private else goods(lines)
    if wish.kind == "fulfil":
        rest = " and give the rest back" if wish.rest_released else ""
        words, why = f"Ship {what}{rest}", f"shipment {wish.operation_id}"
    else:
        words, why = f"Give back {what}", wish.reason
    return words if private else summary(words + who_and_why(wish.actor, why))


def amend_summary(change: HoldAmendment, *, private: bool = False) -> str:
    """Say what is to be open afterwards, who wants it and why."""
    if private:
        return f"Hold {units(change.lines)} instead"
    words = f"Hold {goods(change.lines)} instead"
    return summary(words + who_and_why(change.actor, change.reason))


def pause_summary(wish: Pause, *, private: bool = False) -> str:
    """Say which payment the hold waits for, and how long, or why not any longer."""
    payment = "a payment" if private else f"payment {wish.payment_reference}"
    if wish.kind == "payment_started":
        words = f"Wait {duration(wish.seconds or 0)} for {payment}"
    else:
        words = f"Wait no longer for {payment}"
    return words if private else summary(words + who_and_why(wish.actor, wish.result or ""))


def settlement_summary(wish: Settlement) -> str:
    """Say what a settlement asks of the ledger; the payment itself is in its input."""
    if wish.operation == "cancel":
        return "Give back what is open"
    if wish.operation == "payment_ended":
        return "A payment came to nothing"
    return f"Settle a payment, late: {wish.late}"


def adjustment_summary(adjustment: StockAdjustment) -> str:
    words = f"{adjustment.kind} {adjustment.quantity:,} of {adjustment.sku}"
    return summary(words + who_and_why("", adjustment.reason))


def _what_for_whom(checkout: Checkout, *, private: bool) -> str:
    request = checkout.request
    if private:
        return A_CART if request.from_cart else units(checkout.lines)
    what = cart_named(str(request.cart_id)) if request.from_cart else goods(checkout.lines)
    return f"{what}{buyer(request.customer_id)}"


def who_and_why(actor: str, reason: str) -> str:
    note = ": ".join(word for word in (actor, reason) if word)
    return f" ({note})" if note else ""


def _why(closing: Closing) -> str:
    if closing.payment_reference:
        return f"payment {closing.payment_reference}"
    # The words of an expiry say it already.
    return "" if closing.status == "expired" else closing.reason


# --- the checkout's own events -----------------------------------------------------------------


def held_reason(held: Held) -> str:
    return f"{units(held.lines)} until {clock(held.expires_at)}"


def committed_reason(committed: Committed) -> str:
    return f"{units(committed.lines)} to be shipped, payment {committed.payment_reference}"


def due_back(closing: Closing, reason: str) -> tuple[str, str]:
    """Return what to call a payment that settles nothing, and what to say of it."""
    event = "paid twice" if reason == "duplicate" else "paid too late"
    return event, f"payment {closing.payment_reference} is due back: {reason}"


def part_reason(wish: Part, answer: PartAnswer) -> str:
    """Say what left or was given back."""
    if answer.shipment:
        words = f"{counted(answer.shipment.units, 'unit')}, shipment {wish.operation_id}"
        return f"{words}; the rest given back" if wish.rest_released else words
    what = units(wish.lines or ())
    return f"{what}: {wish.reason}" if wish.reason else what


def part_refusal(answer: PartAnswer) -> str:
    """Return why a shipment or release was not made."""
    match answer.verdict:
        case "over_open":
            return f"more than is open: {units(answer.open)}"
        case "conflict":
            return "the id was used with other content"
        case _:
            return f"the checkout is {(answer.refused_at or answer.state.outcome).status}"


def amended_reason(change: HoldAmendment) -> str:
    """Say what is open now."""
    what = units(change.lines)
    return f"{what} instead: {change.reason}" if change.reason else f"{what} instead"


def amendment_refusal(answer: AmendmentAnswer) -> str:
    """Return why an amendment was not made."""
    match answer.verdict:
        case "short":
            return shortages_reason(answer.shortages)
        case "over_limit":
            return TOO_MANY_LINES
        case "stale":
            revision = getattr(answer.refused_at or answer.state.outcome, "revision", None)
            return f"the lines were changed meanwhile, to revision {revision}"
        case "conflict":
            return "the id was used with other content"
        case _:
            return why_not_live(answer.refused_at or answer.state.outcome)


def pause_reason(wish: Pause, outcome: KnownOutcome | None) -> str:
    """Say which payment it is, and until when the hold waits now."""
    words = f"payment {wish.payment_reference}"
    if wish.result:
        words = f"{words}: {wish.result}"
    if isinstance(outcome, Held) and outcome.paying_until:
        return f"{words}; held until {clock(outcome.ends_at)}"
    return words


def pause_refusal(answer: PauseAnswer) -> str:
    """Return why a hold does not wait for a payment, or not longer."""
    match answer.verdict:
        case "at_cap":
            return grace_at_cap(answer.cap_seconds)
        case "conflict":
            return "the id was used with other content"
        case _:
            return why_not_live(answer.state.outcome)


def extended_reason(held: Held, wish: Extension) -> str:
    words = f"{duration(wish.seconds)} longer, until {clock(held.expires_at)}"
    return f"{words}: {wish.reason}" if wish.reason else words


def refusal_reason(answer: ExtensionAnswer) -> str:
    """Return why an extension was not made."""
    if answer.verdict == "over_cap":
        return over_cap(answer.cap_seconds, answer.seconds_max)
    return "there is no live hold any more"


def late_reason(closing: Closing) -> str:
    """Say what came too late: of a payment its reference, which is due back."""
    payment = closing.payment_reference
    return f"payment {payment} is due back" if payment else closing.reason


def why_not_live(outcome: KnownOutcome) -> str:
    """Return why a hold cannot be extended."""
    if isinstance(outcome, Held):
        return f"its deadline, {clock(outcome.ends_at)}, has passed"
    return f"the checkout is {outcome.status}"


def shortages_reason(shortages: Sequence[Shortage]) -> str:
    """Return what there is too little of; of many lines the first."""
    return "; ".join(_shortage_words(s) for s in shortages[:LINES_SHOWN_MAX])


def ending_reason(outcome: FinalOutcome) -> str:
    match outcome:
        case Fulfilled():
            words = f"{units(outcome.lines)} sold, payment {outcome.payment_reference}"
            back = units(outcome.released)
            return f"{words}; {back} given back" if outcome.released else words
        case Denied():
            return shortages_reason(outcome.shortages)
        case _:
            return getattr(outcome, "reason", "")


def _shortage_words(shortage: Shortage) -> str:
    match shortage.reason:
        case "insufficient":
            return f"{shortage.sku}: {shortage.requested:,} asked, {shortage.available:,} free"
        case "unknown_sku":
            return f"{shortage.sku}: unknown SKU"
        case _:
            return f"{shortage.sku}: not for sale"
