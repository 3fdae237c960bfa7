"""Whole numbers and shares as people type them."""

from __future__ import annotations

import re
from typing import Final

from holdfast_client.contract.errors import InvalidRequest

# More digits than any legal quantity has; the range says what the limit is.
_WHOLE_NUMBER: Final = re.compile(r"-?[0-9]{1,15}")
_DECIMAL: Final = re.compile(r"[0-9]{1,15}(\.[0-9]{1,15})?|\.[0-9]{1,15}")


def parse_whole_number(
    field: str, text: str, least: int | None = None, most: int | None = None
) -> int:
    """Read a whole number in ASCII digits.

    Raises:
        InvalidRequest: it is none, or not within ``least`` to ``most``; names ``field``.
    """
    if not _WHOLE_NUMBER.fullmatch(text):
        raise InvalidRequest(field, f"{text!r} is not a whole number")
    number = int(text)
    check_range(field, text, number, least, most)
    return number


def parse_decimal(field: str, text: str, least: float, most: float) -> float:
    """Read a number such as 0.25; ``InvalidRequest`` names ``field`` if it is none in range."""
    if not _DECIMAL.fullmatch(text):
        raise InvalidRequest(field, f"{text!r} is not a number")
    number = float(text)
    check_range(field, text, number, least, most)
    return number


def check_range(
    field: str, text: str, number: float, least: float | None, most: float | None
) -> None:
    """Raise InvalidRequest where a number is out of its range, whose ends are in it."""
    if (least is not None and number < least) or (most is not None and number > most):
        raise InvalidRequest(field, f"{text!r} is not {range_words(least, most)}")


def range_words(least: float | None, most: float | None) -> str:
    """Return a range in words, such as ``1 to 1,000`` or ``0 or more``."""
    if most is None:
        return f"{least:,g} or more" if least is not None else "any number"
    low, high = (f"{end:,.12g}" for end in (least or 0, most))
    return f"{low} to {high}"
