"""Reading a stock file: CSV with the columns sku and quantity, and optionally location and name."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, ValidationError

from activities.inventory.records import StockRow
from holdfast_client.errors import InvalidRequest
from holdfast_client.fields import STOCK_QUANTITY_MAX, Location, Message, Sku, Text
from holdfast_client.names import DEFAULT_LOCATION

FILE_BYTES_MAX: Final = 64 * 1024 * 1024
ROWS_MAX: Final = 500_000
PROBLEMS_LISTED_MAX: Final = 20
_REQUIRED: Final = ("sku", "quantity")
_OPTIONAL: Final = ("location", "name")


class StockFileInvalid(Exception):
    """The file cannot be loaded; each problem names its line. Nothing was loaded."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join([*problems, "nothing was loaded"]))


@dataclass(frozen=True, slots=True)
class StockSheet:
    """The rows of a stock file, and the line that each begins on."""

    rows: tuple[StockRow, ...]
    lines: tuple[int, ...]


class _Row(Message):
    sku: Sku
    quantity: Annotated[int, Field(ge=0, le=STOCK_QUANTITY_MAX)]
    location: Location = DEFAULT_LOCATION
    name: Text = ""


def read_stock_file(path: Path) -> StockSheet:
    """Return the rows of a stock file.

    Raises:
        StockFileInvalid: it cannot be read, or a row is bad; all bad rows are named.
    """
    try:
        size = path.stat().st_size
        if size > FILE_BYTES_MAX:
            raise StockFileInvalid([f"{path} is larger than {FILE_BYTES_MAX:,} bytes"])
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise StockFileInvalid([f"{path} cannot be read: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise StockFileInvalid([f"{path} is not UTF-8: {error.reason}"]) from error
    return parse_stock(text)


def parse_stock(text: str) -> StockSheet:
    """Return the rows of a stock file's text, each SKU and location at most once.

    Raises:
        StockFileInvalid: names every bad row by its line number.
    """
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    _check_headings(reader.fieldnames)
    problems: list[str] = []
    rows: dict[tuple[str, str], tuple[int, StockRow]] = {}
    for line, cells in _numbered(reader, problems):
        row = _row(line, cells, problems)
        if row is None:
            continue
        first, _ = rows.setdefault((row.sku, row.location), (line, row))
        if first != line:
            problems.append(f"line {line}: {row.sku} at {row.location} stands on line {first} too")
    if len(rows) > ROWS_MAX:
        problems.append(f"the file has more than {ROWS_MAX:,} rows; split it")
    if problems:
        raise StockFileInvalid(_listed(problems))
    if not rows:
        raise StockFileInvalid(["the file has no rows"])
    return StockSheet(
        rows=tuple(row for _, row in rows.values()), lines=tuple(line for line, _ in rows.values())
    )


def _check_headings(headings: object) -> None:
    found = list(headings) if isinstance(headings, (list, tuple)) else []
    missing = [name for name in _REQUIRED if name not in found]
    unknown = [name for name in found if name not in (*_REQUIRED, *_OPTIONAL)]
    if missing or unknown or len(set(found)) != len(found):
        shown = ",".join(map(str, found)) or "none"
        problem = f"the headings must be sku,quantity and optionally location,name; found {shown}"
        raise StockFileInvalid([f"line 1: {problem}"])


def _numbered(
    reader: csv.DictReader[str], problems: list[str]
) -> Iterator[tuple[int, dict[str | None, object]]]:
    """Yield each row with the line it begins on, which is not the last where a cell has breaks."""
    while True:
        begins = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            problems.append(f"line {begins}: {error}")
            return
        if cells is None:
            return
        breaks = sum(str(cell).count("\n") for cell in cells.values() if cell)
        yield reader.line_num - breaks, dict(cells)


def _row(line: int, cells: Mapping[str | None, object], problems: list[str]) -> StockRow | None:
    if None in cells or None in cells.values():
        problems.append(f"line {line}: expected as many cells as there are headings")
        return None
    named = {str(name): str(cell) for name, cell in cells.items()}
    if not named.get("location"):
        named.pop("location", None)
    try:
        row = _Row.model_validate({**named, "quantity": _quantity(named["quantity"])})
    except ValidationError as error:
        problems.append(f"line {line}: {InvalidRequest.from_validation(error)}")
        return None
    return StockRow(row.sku, row.location, row.quantity, row.name)


def _quantity(cell: str) -> int | str:
    """Return a whole number written in digits, or the text as it is, for the model to refuse."""
    text = cell.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else cell


def _listed(problems: list[str]) -> list[str]:
    left_out = len(problems) - PROBLEMS_LISTED_MAX
    listed = problems[:PROBLEMS_LISTED_MAX]
    return [*listed, f"and {left_out:,} more problems"] if left_out > 0 else listed
