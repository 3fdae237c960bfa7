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
_PARTY_LENGTH_MAX: Final = 24
# The units of a duration as it is typed and written, the largest first.
DURATION_UNITS: Final = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}


class Goods(Protocol):
    """So many units of a SKU at a location; None is the default location."""

    @property
    def sku(self) -> str: ...

    @property
    def location(self) -> str | None: ...

    @property
    def quantity(self) -> int: ...


def summary(text: str) -> str:
    """Return the text, cut between words to what Temporal has room for in a summary.

    A word is cut only where it alone is longer than all that room: an id that is cut may look like
    another.
    """
    if _json_bytes(text) <= SUMMARY_BYTES_MAX:
        return text
    room = SUMMARY_BYTES_MAX - _json_bytes(" ...")
    # A character takes up to 12 bytes of JSON: how many fit depends on which they are.
    sizes = accumulate(_json_bytes(character) for character in text)
    kept = sum(size <= room for size in sizes)
    space = text.rfind(" ", 0, kept + 1)
    word = text[space + 1 :].partition(" ")[0]
    if space < kept and _json_bytes(word) > room:
        return f"{text[:kept]}..."
    return f"{text[:space]} ..."


def _json_bytes(text: str) -> int:
    return len(json.dumps(text)) - len('""')


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
        f"at most {duration(seconds_max)} can be added"
        if seconds_max
        else "it cannot be extended any more"
    )
    return f"{words} the {duration(cap_seconds)} allowed in all; {left}"


def grace_at_cap(cap_seconds: int | None) -> str:
    """Return why a hold does not wait longer for a payment, as far as known."""
    words = "the hold waits for this payment as long as is allowed already"
    if cap_seconds is None:
        return words
    return f"{words}: {duration(cap_seconds)} after its deadline"


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
    """Return what it is, such as ``2 MUG-01, 1 TEAPOT-01``; of many lines the first few.

    However long a SKU is, it is whole: one that is cut may look like another.
    """
    words: list[str] = []
    for word in each_of_the_goods(lines[:GOODS_LINES_MAX]):
        if words and len(", ".join([*words, word])) > GOODS_LENGTH_MAX:
            break
        words.append(word)
    left_out = len(lines) - len(words)
    return ", ".join(words) + (f" and {counted(left_out, 'more line')}" if left_out else "")


def each_of_the_goods(lines: Sequence[Goods]) -> list[str]:
    """Return each line, such as ``2 MUG-01`` or ``1 TEAPOT-01 at north``, and all of it."""
    return [f"{line.quantity:,} {line.sku}{_place(line)}" for line in lines]


def _place(line: Goods) -> str:
    return "" if line.location in {None, DEFAULT_LOCATION} else f" at {line.location}"


A_CART: Final = "what is in a cart"


def cart_named(cart_id: str) -> str:
    """Return what is wanted where nobody has read the cart yet."""
    return f"what is in cart {excerpt(cart_id, _PARTY_LENGTH_MAX)}"


def buyer(customer_id: str | None) -> str:
    """Return for whom it is, such as `` for u-17``, or nothing."""
    return f" for {excerpt(customer_id, _PARTY_LENGTH_MAX)}" if customer_id else ""


def duration(seconds: float) -> str:
    """Write a duration to the second, such as ``1h30m``, in a form that can be typed again.

    Args:
        seconds: how long; less than 0 for what lies back.
    """
    rest = round(abs(seconds))
    words = ""
    for unit, length in DURATION_UNITS.items():
        count, rest = divmod(rest, length)
        words += f"{count}{unit}" if count else ""
    sign = "-" if seconds < 0 and words else ""
    return f"{sign}{words or '0s'}"


def refund_not_due(payment_reference: str, state: str | None, refunded_at: datetime | None) -> str:
    """Say why a payment cannot go back; of one that has gone back already, since when."""
    if refunded_at:
        at = refunded_at.astimezone(UTC)
        return (
            f"payment {payment_reference} has gone back already, on {at:%Y-%m-%d at %H:%M:%S} UTC"
        )
    return f"payment {payment_reference} is not due back: it is {state or 'unknown'}"
