"""The one writer of CSV: no cell of it is a formula to the spreadsheet that opens it.

A spreadsheet runs a cell that begins with one of a few characters, also one that a stranger chose
as a SKU. And where people write ``2,5``, it parts cells at semicolons, so that one of ours becomes
several. Each piece that could be run gets an apostrophe in front, which spreadsheets take for "this
is text". ``read_cell`` takes them off again, so what was written is read back as it was.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Final

# Where a cell begins for whom semicolons, tabs or line breaks part cells: he takes no notice of
# our quotes, which do not stand where his cells begin.
_BEGINNING: Final = r"(?:\A|(?<=[;\t\r\n]))"
# Quotes may vanish in reading, and some spreadsheets take the wide forms for the plain ones.
_FORMULA: Final = "[\"']*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]"
_UNGUARDED: Final = re.compile(f"{_BEGINNING}(?={_FORMULA})")
_GUARD: Final = re.compile(f"{_BEGINNING}'(?={_FORMULA})")
_NUMBER: Final = re.compile(r"[+-]?[0-9]+([.,][0-9]+)?")


def csv_text(rows: Iterable[Sequence[str | int]]) -> str:
    """Return rows, the headings among them, as CSV with commas and line feeds.

    A number with a sign stays one, except in the first cell of a row: to whom commas are decimal
    marks, what comes after it would belong to it.
    """
    return "".join(_line([str(cell) for cell in row]) for row in rows)


def read_cell(cell: str) -> str:
    """Return a cell as it was before it was written, here or by a shop that guards alike."""
    return _GUARD.sub("", cell)


def _line(cells: Sequence[str]) -> str:
    guarded = [
        cell if place and _NUMBER.fullmatch(cell) else _UNGUARDED.sub("'", cell)
        for place, cell in enumerate(cells)
    ]
    text = io.StringIO(newline="")
    # The writer puts quotes round those breaks only that it ends a line with.
    csv.writer(text, lineterminator="\r\n").writerow(guarded)
    return text.getvalue().removesuffix("\r\n") + "\n"
