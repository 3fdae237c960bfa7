"""The one writer of CSV: no cell of it is a formula to the spreadsheet that opens it.

A spreadsheet runs a cell that begins with one of a few characters, also one that a stranger chose
as a SKU. Such a cell gets an apostrophe in front, which spreadsheets take for "this is text".
``read_cell`` takes it off again, so what was written is read back as it was.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Final

# Some spreadsheets take the wide forms for the plain ones.
_FORMULA: Final = re.compile("'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_GUARDED: Final = re.compile("'" + _FORMULA.pattern)
_NUMBER: Final = re.compile(r"[+-]?[0-9]+([.,][0-9]+)?")


def csv_text(rows: Iterable[Sequence[str | int]]) -> str:
    """Return rows, the headings among them, as CSV with commas and line feeds."""
    return "".join(_line([_guarded(str(cell)) for cell in row]) for row in rows)


def read_cell(cell: str) -> str:
    """Return a cell as it was before it was written, here or by a shop that guards alike."""
    return cell[1:] if _GUARDED.match(cell) else cell


def _line(cells: Sequence[str]) -> str:
    text = io.StringIO(newline="")
    # The writer puts quotes round those breaks only that it ends a line with.
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue().removesuffix("\r\n") + "\n"


def _guarded(cell: str) -> str:
    return f"'{cell}" if _FORMULA.match(cell) and not _NUMBER.fullmatch(cell) else cell
