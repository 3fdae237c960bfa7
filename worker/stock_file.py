"""Reading a stock file: a table with the columns sku and quantity, perhaps location and name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, ValidationError

from activities.inventory.records import StockRow
from holdfast_client.contract.errors import InvalidRequest
from holdfast_client.contract.fields import STOCK_QUANTITY_MAX, Location, Message, Sku, Text
from holdfast_client.contract.names import DEFAULT_LOCATION
from holdfast_client.spreadsheets.headings import QUANTITY_HEADINGS, SKU_HEADINGS, UNITS_HEADING
from holdfast_client.spreadsheets.spreadsheet import (
    Row,
    Spreadsheet,
    SpreadsheetError,
    parse_spreadsheet,
    plain_heading,
    read_spreadsheet,
)
from holdfast_client.spreadsheets.whole_numbers import NumberStyle, style_of

FILE_BYTES_MAX: Final = 64 * 1024 * 1024
ROWS_MAX: Final = 500_000
PROBLEMS_LISTED_MAX: Final = 20
_REQUIRED: Final = ("sku", "quantity")
# What each column may be called; its own name comes first.
_HEADINGS: Final = {
    "sku": ("sku", *SKU_HEADINGS),
    "quantity": (*QUANTITY_HEADINGS, UNITS_HEADING),
    "location": ("location",),
    "name": ("name",),
}


class StockFileInvalid(Exception):
    """The file cannot be loaded; each problem names its line or item. Nothing was loaded.

    Args:
        problems: of which the first ``PROBLEMS_LISTED_MAX`` are told.
        before: a line before them.
        after: a line after them.
    """

    def __init__(self, problems: Sequence[str], *, before: str = "", after: str = "") -> None:
        self.problems = listed(problems)
        lines = [before, *self.problems, after, "nothing was loaded"]
        super().__init__("\n".join(filter(None, lines)))


class StockFileUnreadable(StockFileInvalid):
    """There is no such file, or it is no table."""


@dataclass(frozen=True, slots=True)
class StockSheet:
    """The rows of a stock file, the line that each begins on, and how its bytes were read."""

    rows: tuple[StockRow, ...]
    lines: tuple[int, ...]
    encoding: str = "utf-8"


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where in a row each thing is, counted from 0; None where the file has no such column."""

    sku: int
    quantity: int
    location: int | None
    name: int | None
    count: int


class _Row(Message):
    sku: Sku
    quantity: Annotated[int, Field(ge=0, le=STOCK_QUANTITY_MAX)]
    location: Location = DEFAULT_LOCATION
    name: Text = ""


def read_stock_file(path: Path) -> StockSheet:
    """Return the rows of a stock file, however a spreadsheet or a shop has written it.

    Raises:
        StockFileInvalid: it cannot be read, or a row is bad; all bad rows are named.
    """
    try:
        return _stock_of(read_spreadsheet(path, bytes_max=FILE_BYTES_MAX))
    except SpreadsheetError as error:
        raise StockFileUnreadable([str(error)]) from error


def parse_stock(text: str) -> StockSheet:
    """Return the rows of a stock file's text, each SKU and location at most once.

    Raises:
        StockFileInvalid: names every bad row by its line number.
    """
    try:
        return _stock_of(parse_spreadsheet(text))
    except SpreadsheetError as error:
        raise StockFileUnreadable([str(error)]) from error


def listed(lines: Sequence[str]) -> list[str]:
    """Return the first ``PROBLEMS_LISTED_MAX`` lines, and how many more there are."""
    left_out = len(lines) - PROBLEMS_LISTED_MAX
    shown = list(lines[:PROBLEMS_LISTED_MAX])
    return [*shown, f"and {left_out:,} more"] if left_out > 0 else shown


def _stock_of(sheet: Spreadsheet) -> StockSheet:
    columns = _columns(sheet.headings)
    found = list(islice(sheet.rows(), ROWS_MAX + 1))
    if len(found) > ROWS_MAX:
        raise StockFileInvalid([f"the file has more than {ROWS_MAX:,} rows; split it"])
    if not found:
        raise StockFileInvalid(["the file has no rows"])
    style = style_of(row.cell(columns.quantity) for row in found)
    problems: list[str] = []
    rows: dict[tuple[str, str], tuple[int, StockRow]] = {}
    for cells in found:
        row = _row(cells, columns, style, problems)
        if row is None:
            continue
        first, _ = rows.setdefault((row.sku, row.location), (cells.line, row))
        if first != cells.line:
            where = f"{row.sku} at {row.location}"
            problems.append(f"line {cells.line}: {where} stands on line {first} too")
    if problems:
        raise StockFileInvalid(problems)
    return StockSheet(
        rows=tuple(row for _, row in rows.values()),
        lines=tuple(line for line, _ in rows.values()),
        encoding=sheet.encoding,
    )


def _columns(headings: Row) -> _Columns:
    """Find the columns by their headings, whatever their case; others are passed over."""
    plain = [plain_heading(heading) for heading in headings.cells]
    called = {
        name: next((heading for heading in known if heading in plain), None)
        for name, known in _HEADINGS.items()
    }
    twice = [heading for heading in called.values() if heading and plain.count(heading) > 1]
    if twice or not all(called[name] for name in _REQUIRED):
        why = f"; {twice[0]} is there twice" if twice else ""
        wanted = "the headings must be sku,quantity and optionally location,name"
        found = ",".join(headings.cells)
        raise StockFileInvalid([f"line {headings.line}: {wanted}; found {found}{why}"])
    places = {name: plain.index(heading) for name, heading in called.items() if heading}
    return _Columns(
        sku=places["sku"],
        quantity=places["quantity"],
        location=places.get("location"),
        name=places.get("name"),
        count=len(plain),
    )


def _row(cells: Row, columns: _Columns, style: NumberStyle, problems: list[str]) -> StockRow | None:
    if any(cells.cells[columns.count :]):
        # Most often a comma that belongs to a name, which moves all that comes after it.
        problems.append(f"line {cells.line}: has more cells than there are headings")
        return None
    written = cells.cell(columns.quantity)
    quantity = style.read(written)
    if quantity is None:
        problems.append(f"line {cells.line}: quantity: {_no_number(written)}")
        return None
    try:
        row = _Row(
            sku=cells.cell(columns.sku),
            quantity=quantity,
            location=cells.cell(columns.location) or DEFAULT_LOCATION,
            name=cells.cell(columns.name),
        )
    except ValidationError as error:
        problems.append(f"line {cells.line}: {InvalidRequest.from_validation(error)}")
        return None
    return StockRow(row.sku, row.location, row.quantity, row.name)


def _no_number(written: str) -> str:
    if not written:
        return "is missing"
    if any(mark in written for mark in ".,") and any(map(str.isdigit, written)):
        return f"{written!r} is not a whole number for certain; write digits only"
    return f"{written!r} is not a whole number"
