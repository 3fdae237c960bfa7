"""How goods, people, times and refusals are said in one line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import accumulate
from typing import Final, Protocol

from holdfast_client.contract.fields import excerpt
from holdfast_client.contract.names import DEFAULT_LOCATION

# Temporal refuses the whole command where a summary is longer than 400 bytes.
SUMMARY_BYTES_MAX: Final = 380
# The Web UI cuts what stands beside a bar, so times come first and goods are kept short.
GOODS_LINES_MAX: Final = 3
GOODS_LENGTH_MAX: Final = 60
_SKU_LENGTH_MAX: Final = 30
_PARTY_LENGTH_MAX: Final = 24
_SECONDS_PER_MINUTE: Final = 60
_SECONDS_PER_HOUR: Final = 3_600


class Goods(Protocol):
    """So many units of a SKU at a location; None is the default location."""

    @property
    def sku(self) -> str: ...

    @property
    def location(self) -> str | None: ...

    @property
    def quantity(self) -> int: ...


def summary(text: str) -> str:
    """Return the text, cut to what Temporal has room for in a summary."""
    if len(json.dumps(text)) <= SUMMARY_BYTES_MAX:
        return text
    room = SUMMARY_BYTES_MAX - len(json.dumps("..."))
    # A character takes up to 12 bytes of JSON: how many fit depends on which they are.
    sizes = accumulate(len(json.dumps(character)) - len('""') for character in text)
    return text[: sum(size <= room for size in sizes)] + "..."


def counted(number: int, noun: str) -> str:
    """Return a number of things, such as ``1 unit`` or ``1,000 units``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def difference(keys: Sequence[str]) -> str:
    """Return in which keys two requests differ, as the end of a sentence; nothing for none."""
    return f": it differs in {' and '.join(keys)}" if keys else ""


def over_cap(cap_seconds: int | None, seconds_max: int | None) -> str:
    """Return why an extension is refused, and what could be asked for instead, as far as known."""
    words = "the hold would last longer than"
    if cap_seconds is None or seconds_max is None:
        return f"{words} is allowed in all"
    left = (
        f"at most {counted(seconds_max, 'second')} can be added"
        if seconds_max
        else ("it cannot be extended any more")
    )
    return f"{words} the {counted(cap_seconds, 'second')} allowed in all; {left}"


def grace_at_cap(cap_seconds: int | None) -> str:
    """Return why a hold does not wait longer for a payment, as far as known."""
    words = "the hold waits for this payment as long as is allowed already"
    if cap_seconds is None:
        return words
    return f"{words}: {counted(cap_seconds, 'second')} after its deadline"


def kept_by_shop(sku: str | None, location: str | None, column: str | None) -> str:
    """Say of an adopted shop's item where it is said whether that is for sale."""
    return (
        f"the shop itself says whether {sku!r} at {location} is for sale, in {column}: "
        "switch it there, and Holdfast follows"
    )


def units(lines: Sequence[Goods]) -> str:
    """Return how much it is without saying what, such as ``3 units of 2 SKUs``."""
    quantity = sum(line.quantity for line in lines)
    return f"{counted(quantity, 'unit')} of {counted(len({line.sku for line in lines}), 'SKU')}"


def goods(lines: Sequence[Goods]) -> str:
    """Return what it is, such as ``2 MUG-01, 1 TEAPOT-01``; of many lines the first few."""
    words: list[str] = []
    for line in lines[:GOODS_LINES_MAX]:
        word = _one_of_the_goods(line)
        if words and len(", ".join([*words, word])) > GOODS_LENGTH_MAX:
            break
        words.append(word)
    left_out = len(lines) - len(words)
    return ", ".join(words) + (f" and {counted(left_out, 'more line')}" if left_out else "")


A_CART: Final = "what is in a cart"


def cart_named(cart_id: str) -> str:
    """Return what is wanted where nobody has read the cart yet."""
    return f"what is in cart {excerpt(cart_id, _PARTY_LENGTH_MAX)}"


def buyer(customer_id: str | None) -> str:
    """Return for whom it is, such as `` for u-17``, or nothing."""
    return f" for {excerpt(customer_id, _PARTY_LENGTH_MAX)}" if customer_id else ""


def duration(seconds: int) -> str:
    """Return a time in the largest unit that it is a whole number of."""
    if seconds % _SECONDS_PER_HOUR == 0:
        return f"{seconds // _SECONDS_PER_HOUR:,} h"
    if seconds % _SECONDS_PER_MINUTE == 0:
        return f"{seconds // _SECONDS_PER_MINUTE:,} min"
    return f"{seconds:,} s"


def _one_of_the_goods(line: Goods) -> str:
    place = "" if line.location in {None, DEFAULT_LOCATION} else f" at {line.location}"
    return f"{line.quantity:,} {excerpt(f'{line.sku}{place}', _SKU_LENGTH_MAX)}"


def refund_not_due(payment_reference: str, state: str | None, refunded_at: datetime | None) -> str:
    """Say why a payment cannot go back; of one that has gone back already, since when."""
    if refunded_at:
        at = refunded_at.astimezone(UTC)
        return (
            f"payment {payment_reference} has gone back already, on {at:%Y-%m-%d at %H:%M:%S} UTC"
        )
    return f"payment {payment_reference} is not due back: it is {state or 'unknown'}"
