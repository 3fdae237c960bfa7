"""The words that support staff read in the Temporal Web UI."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from itertools import accumulate

from activities.inventory.records import Closing
from holdfast_client.messages import StockAdjustment
from holdfast_client.outcomes import (
    CheckoutEvent,
    Denied,
    FinalOutcome,
    Fulfilled,
    Held,
    HeldLine,
    Outcome,
    Shortage,
)
from workflows.lifecycle import Checkout
from workflows.policies import LINES_SHOWN_MAX

_CLOSING_WORDS = {
    "fulfilled": "Fulfil: paid",
    "cancelled": "Cancel: give the stock back",
    "expired": "Expire: give the stock back",
}


# Temporal refuses the whole command where a summary is longer than 400 bytes.
_SUMMARY_BYTES_MAX = 380


def summary(text: str) -> str:
    """Return the text, cut to what Temporal has room for in a summary."""
    if len(json.dumps(text)) <= _SUMMARY_BYTES_MAX:
        return text
    room = _SUMMARY_BYTES_MAX - len(json.dumps("..."))
    # A character takes up to 12 bytes of JSON: how many fit depends on which they are.
    sizes = accumulate(len(json.dumps(character)) - len('""') for character in text)
    return text[: sum(size <= room for size in sizes)] + "..."


def clock(moment: datetime) -> str:
    """Return a moment as a person reads it."""
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def units(lines: Sequence[HeldLine]) -> str:
    """Return how much a hold holds, such as ``3 units of 2 SKUs``."""
    quantity = sum(line.quantity for line in lines)
    skus = len({line.sku for line in lines})
    return f"{_count(quantity, 'unit')} of {_count(skus, 'SKU')}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def reserve_summary(checkout: Checkout) -> str:
    return f"Reserve {units(checkout.lines)}, all or none"


def timer_summary(held: Held, customer_id: str | None) -> str:
    buyer = f" for {customer_id}" if customer_id else ""
    return summary(f"Hold of {units(held.lines)}{buyer} ends {clock(held.expires_at)} unless paid")


def closing_summary(closing: Closing, *, private: bool = False) -> str:
    words = _CLOSING_WORDS[closing.status]
    detail = None if private else closing.payment_reference or closing.reason
    return summary(f"{words} ({detail})" if detail else words)


def adjustment_summary(adjustment: StockAdjustment) -> str:
    words = f"{adjustment.kind} {adjustment.quantity:,} of {adjustment.sku}"
    return summary(f"{words} ({adjustment.reason})" if adjustment.reason else words)


def extend_summary(seconds: int, reason: str) -> str:
    return summary(f"Extend the hold by {seconds:,} s" + (f" ({reason})" if reason else ""))


def deadline_reason(held: Held, reason: str = "") -> str:
    ends = f"{units(held.lines)} until {clock(held.expires_at)}"
    return f"{ends}: {reason}" if reason else ends


def why_not_live(outcome: Outcome) -> str:
    """Return why a hold cannot be extended."""
    if isinstance(outcome, Held):
        return f"its deadline, {clock(outcome.expires_at)}, has passed"
    return f"the checkout is {outcome.status}"


def ending_reason(outcome: FinalOutcome) -> str:
    match outcome:
        case Fulfilled():
            return f"{units(outcome.lines)} sold, payment {outcome.payment_reference}"
        case Denied():
            return "; ".join(_shortage_words(s) for s in outcome.shortages[:LINES_SHOWN_MAX])
        case _:
            return getattr(outcome, "reason", "")


def details(checkout: Checkout) -> str:
    """Return the checkout's current details, as the markdown that the Web UI renders."""
    parts = [_headline(checkout), _lines_table(checkout.outcome, checkout.lines)]
    parts.append(_events_table(checkout.events, checkout.events_left_out))
    return "\n\n".join(part for part in parts if part)


def _headline(checkout: Checkout) -> str:
    match checkout.outcome:
        case None:
            return f"**pending**: {units(checkout.lines)} asked for, not decided yet"
        case Held() as held:
            return f"**held**: {deadline_reason(held)}"
        case outcome:
            reason = _cell(ending_reason(outcome))
            return f"**{outcome.status}**" + (f": {reason}" if reason else "")


def _lines_table(outcome: Outcome | None, lines: Sequence[HeldLine]) -> str:
    if isinstance(outcome, Denied):
        rows = [
            (s.sku, s.location, f"{s.requested:,}", f"{s.available:,}")
            for s in outcome.shortages[:LINES_SHOWN_MAX]
        ]
        return _table(("SKU", "location", "asked", "available"), rows)
    if not lines:
        return ""
    table = _table(
        ("SKU", "location", "units"),
        [(line.sku, line.location, f"{line.quantity:,}") for line in lines[:LINES_SHOWN_MAX]],
    )
    left_out = len(lines) - LINES_SHOWN_MAX
    return f"{table}\n\n... and {left_out:,} more lines" if left_out > 0 else table


def _events_table(events: Sequence[CheckoutEvent], left_out: int) -> str:
    if not events:
        return ""
    shown = events[-LINES_SHOWN_MAX:]
    table = _table(
        ("when", "what", "who", "why"),
        [(clock(e.at), e.event, e.actor, e.reason) for e in shown],
    )
    earlier = left_out + len(events) - len(shown)
    return f"{table}\n\n... after {earlier:,} earlier entries" if earlier else table


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = f"| {' | '.join(headings)} |\n|{' --- |' * len(headings)}"
    return "\n".join([head, *(f"| {' | '.join(map(_cell, row))} |" for row in rows)])


def _cell(text: str) -> str:
    """Keep what strangers wrote from becoming markup or breaking out of its cell."""
    for character in "\\`*_[]<>|#":
        text = text.replace(character, f"\\{character}")
    return text


def _shortage_words(shortage: Shortage) -> str:
    match shortage.reason:
        case "insufficient":
            return f"{shortage.sku}: {shortage.requested:,} asked, {shortage.available:,} free"
        case "unknown_sku":
            return f"{shortage.sku}: unknown SKU"
        case _:
            return f"{shortage.sku}: not for sale"
