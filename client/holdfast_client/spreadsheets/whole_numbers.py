"""Whole numbers as spreadsheets write them: ``2``, ``2.0``, ``2,0000``, ``1,250``, ``1 000``.

A comma or a point can part thousands or decimals, and one cell does not tell which. A column does.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final

_DIGITS_MAX: Final = 15
_MARKS: Final = (".", ",")
_NUMBER: Final = re.compile(r"([+\-\N{MINUS SIGN}]?)([0-9.,]+)")
# What parts thousands and nothing else.
_GROUP_SPACES: Final = re.compile(
    r"(?<=[0-9])[ '\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}\N{RIGHT SINGLE QUOTATION MARK}]"
    r"(?=[0-9]{3}(?![0-9]))"
)


class _Tells(Enum):
    """What one cell tells about a mark."""

    DECIMAL = "it parts decimals"
    THREE_DECIMALS = "it parts decimals, of which there are three"
    GROUP = "it parts thousands"
    ZEROS = "three zeros follow it, so it may be either"
    NOTHING = "it is not there"


@dataclass(frozen=True, slots=True)
class NumberStyle:
    """How a column writes its numbers.

    Args:
        decimal_mark: ``.`` or ``,``; the other one parts thousands. None where the column has
            numbers such as ``2,000`` only, so that nobody can tell.
    """

    decimal_mark: str | None = "."

    def read(self, cell: str) -> int | None:
        """Return the whole number in a cell, or None where it is none, or could be two."""
        if cell.isascii() and cell.isdigit() and len(cell) <= _DIGITS_MAX:
            return int(cell)
        number = _parts(cell)
        if number is None:
            return None
        sign, digits = number
        whole = _whole(digits, self.decimal_mark)
        if whole is None or not 1 <= len(whole) <= _DIGITS_MAX:
            return None
        return int(sign + whole)


def style_of(cells: Iterable[str]) -> NumberStyle:
    """Return how a column writes its numbers, by all of its cells.

    ``2,5`` and ``2,0000`` show that a comma parts decimals, and ``1,250`` and ``1,000,000`` that it
    parts thousands. ``2,000`` shows nothing by itself: it is two thousand where other numbers of
    the column have no comma. Where cells contradict each other nothing but digits is read.
    """
    told = {mark: Counter[_Tells]() for mark in _MARKS}
    for cell in set(cells):
        number = _parts(cell)
        if number is not None:
            for mark in _MARKS:
                told[mark][_tells(number[1], mark)] += 1
    point, comma = told["."], told[","]
    for mark, counts in told.items():
        if counts[_Tells.DECIMAL] or counts[_Tells.THREE_DECIMALS]:
            return NumberStyle(None if _contradicts_itself(counts) else mark)
    if _parts_thousands(point):
        return NumberStyle(None if _parts_thousands(comma) else ",")
    is_open = any(
        counts[_Tells.ZEROS] and not _parts_thousands(counts) for counts in (point, comma)
    )
    return NumberStyle(None if is_open else ".")


def _contradicts_itself(counts: Counter[_Tells]) -> bool:
    """Tell whether a mark that parts decimals in some cells may part thousands in others."""
    return bool(counts[_Tells.GROUP] or (counts[_Tells.DECIMAL] and counts[_Tells.ZEROS]))


def _parts_thousands(counts: Counter[_Tells]) -> bool:
    return bool(counts[_Tells.GROUP] or (counts[_Tells.ZEROS] and counts[_Tells.NOTHING]))


def _parts(cell: str) -> tuple[str, str] | None:
    """Return the sign of a number and its digits and marks, or None where it is no number."""
    found = _NUMBER.fullmatch(_GROUP_SPACES.sub("", cell.strip()))
    if found is None:
        return None
    return "-" if found[1] in ("-", "\N{MINUS SIGN}") else "", found[2]


def _tells(digits: str, mark: str) -> _Tells:
    first, *rest = digits.split(mark)
    if not rest:
        return _Tells.NOTHING
    other = next(one for one in _MARKS if one != mark)
    if len(rest) > 1 or other in rest[0]:
        return _Tells.GROUP
    if len(rest[0]) != 3:
        return _Tells.DECIMAL
    if other in first or first in ("", "0"):
        return _Tells.THREE_DECIMALS
    return _Tells.ZEROS if rest[0] == "000" else _Tells.GROUP


def _whole(digits: str, decimal_mark: str | None) -> str | None:
    """Return the digits of a whole number, or None where it has a fraction or is misshapen."""
    if decimal_mark is None:
        return digits if digits.isdigit() else None
    whole, _, fraction = digits.partition(decimal_mark)
    if fraction.strip("0"):
        return None
    group_mark = next(mark for mark in _MARKS if mark != decimal_mark)
    first, *groups = whole.split(group_mark)
    if any(len(group) != 3 for group in groups) or (groups and not 1 <= len(first) <= 3):
        return None
    return (first + "".join(groups)) or None
