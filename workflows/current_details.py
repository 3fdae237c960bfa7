"""The current details of a checkout, as the markdown that the Web UI renders."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from holdfast_client.contract.outcomes import (
    Cancelled,
    CheckoutEvent,
    Committed,
    Denied,
    Expired,
    Fulfilled,
    Held,
    HeldLine,
    KnownOutcome,
    PaymentReport,
    Shortage,
    Unavailable,
)
from holdfast_client.contract.wording import A_CART
from workflows.lifecycle import Checkout
from workflows.policies import LINES_SHOWN_MAX
from workflows.web_ui import clock, ending_reason, who_and_why

# The Web UI draws tables without any room between their columns. It leaves this space alone, and
# markdown counts it as text.
_COLUMN_GAP: Final = "\N{EM SPACE}"
_UNBROKEN_SPACE: Final = "\N{NO-BREAK SPACE}"


def details(checkout: Checkout) -> str:
    """Return where a checkout stands, what it is about, and how it came there."""
    parts = [_headline(checkout), _lines_table(checkout.outcome, checkout.lines)]
    parts.append(_payments_table(checkout.payments.told))
    parts.append(_events_table(checkout.events, checkout.events_left_out))
    return "\n\n".join(part for part in parts if part)


def _headline(checkout: Checkout) -> str:
    match checkout.outcome:
        case None:
            words = f": not decided yet. {_if_terminated(checkout)} Asked for{_cart(checkout)}"
        case Held() as held:
            words = (
                f" until {clock(held.ends_at)}{_in_flight(held)}, unless it is paid or given back "
                f"before. {_if_terminated(checkout)} Held:"
            )
        case Committed() as paid:
            words = (
                f" at {clock(paid.at)}, payment {_cell(paid.payment_reference)}. "
                f"Still on the shelf, to be shipped. {_if_terminated(checkout)} To be shipped:"
            )
        case Denied() as denied:
            words = f", nothing is held: {_cell(ending_reason(denied))}"
        case Fulfilled() as sold:
            words = f" at {clock(sold.at)}, payment {_cell(sold.payment_reference)}. Sold:"
        case Cancelled() as cancelled:
            note = _cell(who_and_why(cancelled.actor, cancelled.reason))
            words = f" at {clock(cancelled.at)}{note}. Nothing is held any more of:"
        case Expired() as expired:
            words = f" at {clock(expired.at)}, not paid. Nothing is held any more of:"
        case Unavailable():
            words = ": it was not decided in time. Nothing is or will be held of:"
    return f"**{checkout.status}**{words}"


def _cart(checkout: Checkout) -> str:
    return f" is {A_CART}." if checkout.request.from_cart else ":"


def _in_flight(held: Held) -> str:
    if held.ends_at == held.expires_at:
        return ""
    return f" for a payment in flight (the buyer was told {clock(held.expires_at)})"


def _if_terminated(checkout: Checkout) -> str:
    """Return what stays true where a terminated workflow never says more."""
    return (
        "If this workflow is terminated, these words stay, and "
        f"`holdfast timeline {checkout.request.checkout_id}` tells what became of the stock."
    )


def _lines_table(outcome: KnownOutcome | None, lines: Sequence[HeldLine]) -> str:
    if isinstance(outcome, Denied):
        return _shortages_table(outcome.shortages)
    if not lines:
        return ""
    table = _table(
        ("SKU", "location", "units"),
        [(line.sku, line.location, f"{line.quantity:,}") for line in lines[:LINES_SHOWN_MAX]],
    )
    left_out = len(lines) - LINES_SHOWN_MAX
    return f"{table}\n\n... and {left_out:,} more lines" if left_out > 0 else table


def _shortages_table(shortages: Sequence[Shortage]) -> str:
    headings = ("SKU", "location", "asked", "available", "the next hold on it ends")
    rows = [
        (
            short.sku,
            short.location,
            f"{short.requested:,}",
            f"{short.available:,}",
            _in_cell(short.next_expiry) if short.next_expiry else "",
        )
        for short in shortages[:LINES_SHOWN_MAX]
    ]
    return _table(headings, rows)


def _payments_table(payments: Sequence[PaymentReport]) -> str:
    """Return the payments, unless there is but the one that the headline names."""
    if all(payment.state == "settled" for payment in payments):
        return ""
    rows = [
        (p.payment_reference, p.state, p.reason, _in_cell(p.at))
        for p in payments[-LINES_SHOWN_MAX:]
    ]
    return _table(("payment", "state", "why", "since"), rows)


def _events_table(events: Sequence[CheckoutEvent], left_out: int) -> str:
    if not events:
        return ""
    shown = events[-LINES_SHOWN_MAX:]
    table = _table(
        ("when", "what", "who", "why"),
        [(_in_cell(e.at), e.event, e.actor, e.reason) for e in shown],
    )
    earlier = left_out + len(events) - len(shown)
    return f"{table}\n\n... after {earlier:,} earlier entries" if earlier else table


def _in_cell(moment: datetime) -> str:
    """Return a moment that breaks, in a narrow column, between its day and its time."""
    return clock(moment).replace(" UTC", f"{_UNBROKEN_SPACE}UTC")


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    rule = "|".join([" :--- "] * len(headings))
    return "\n".join([_row(headings), f"|{rule}|", *(_row([*map(_cell, row)]) for row in rows)])


def _row(cells: Sequence[str]) -> str:
    return f"| {f'{_COLUMN_GAP} | '.join(cells)} |"


def _cell(text: str) -> str:
    """Keep what strangers wrote from becoming markup or breaking out of its cell."""
    for character in "\\`*_[]<>|#":
        text = text.replace(character, f"\\{character}")
    return text
