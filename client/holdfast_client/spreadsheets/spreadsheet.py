"""A table from a spreadsheet or an export, read as it comes: its bytes, its delimiter, its rows.

Knows nothing of orders or stock. What Excel, shops and databases write differently is evened out
here once: encodings, delimiters, a ``sep=`` line, empty rows, codes that are kept as text.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Final

from holdfast_client.contract.characters import composed, trimmed
from holdfast_client.contract.errors import HoldfastError
from holdfast_client.spreadsheets.csv_text import read_cell

DELIMITERS: Final = (",", ";", "\t", "|")
_LINES_SAMPLED: Final = 5
_BYTES_SAMPLED: Final = 400

_UTF_8_MARK: Final = b"\xef\xbb\xbf"
_UTF_16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")
# How files begin that are no text, and what to say of them.
_NO_TEXT: Final = {
    b"PK\x03\x04": "is an Excel workbook or an archive",
    b"\xd0\xcf\x11\xe0": "is an Excel workbook",
    b"\x1f\x8b": "is compressed",
    b"%PDF": "is a PDF",
}
# Excel's own first line; some programs quote it like a cell.
_DELIMITER_LINE: Final = re.compile(r'"?sep=([,;\t|])"?', re.IGNORECASE)
# How a code such as 00123 is kept from becoming a number in Excel.
_KEPT_AS_TEXT: Final = re.compile(r'="(.*)"', re.DOTALL)
# Read after the last line: if a quote is still open there, it ends up inside a cell.
_END: Final = "\x04end of the table\x04"


class SpreadsheetError(HoldfastError):
    """The file as a whole cannot be read as a table; the message says why, and where."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row, and the line of the file on which it begins, counted from 1."""

    line: int
    cells: tuple[str, ...]

    def cell(self, place: int | None) -> str:
        """Return the cell at a place counted from 0, or nothing where the row has none."""
        return self.cells[place] if place is not None and place < len(self.cells) else ""


@dataclass(frozen=True, slots=True)
class Spreadsheet:
    """A table that was found in a text. Cells have no spaces around them.

    Args:
        text: all of it, the headings included.
        delimiter: what parts the cells.
        encoding: how the bytes were read.
        has_quotes: whether a cell may stand in quotes; False where they are mere characters.
    """

    text: str
    delimiter: str
    encoding: str = "utf-8"
    has_quotes: bool = True

    @property
    def headings(self) -> Row:
        """The first row that holds anything.

        Raises:
            SpreadsheetError: there is none.
        """
        row = next(self._filled(), None)
        if row is None:
            raise SpreadsheetError("is empty; expected a line of headings and rows below it")
        return row

    def rows(self) -> Iterator[Row]:
        """Yield the rows below the headings, empty ones left out; each call begins anew.

        Raises:
            SpreadsheetError: a quote is left open, or a cell has more than 131,072 characters.
        """
        return islice(self._filled(), 1, None)

    def _filled(self) -> Iterator[Row]:
        records = _records(self) if self.has_quotes else _plain_records(self)
        for line, record in records:
            if line == 1 and _DELIMITER_LINE.fullmatch(_line_of(record, self.delimiter)):
                continue
            cells = tuple(map(_tidy, record))
            if any(cells):
                yield Row(line, cells)


def read_spreadsheet(path: Path, *, bytes_max: int) -> Spreadsheet:
    """Read a table from a file in UTF-8, UTF-16, Windows-1252 or Latin-1.

    Raises:
        SpreadsheetError: it cannot be read, is larger than so many bytes, or holds no text.
    """
    try:
        size_bytes = path.stat().st_size
        if size_bytes > bytes_max:
            raise SpreadsheetError(
                f"{path} has {size_bytes:,} bytes; split it into files of at most {bytes_max:,}"
            )
        raw = path.read_bytes()
    except OSError as error:
        raise SpreadsheetError(f"{path} cannot be read: {error.strerror or error}") from error
    try:
        text, encoding = decode(raw)
        return parse_spreadsheet(text, encoding=encoding)
    except SpreadsheetError as error:
        raise SpreadsheetError(f"{path}: {error}") from None


def parse_spreadsheet(text: str, *, encoding: str = "utf-8") -> Spreadsheet:
    """Find the table in a text: its delimiter, and whether quotes mean anything in it."""
    delimiter = _delimiter(text)
    found = Spreadsheet(text, delimiter, encoding)
    if delimiter == "\t" and not _quotes_make_sense(found):
        return Spreadsheet(text, delimiter, encoding, has_quotes=False)
    return found


def decode(raw: bytes) -> tuple[str, str]:
    """Return the text of a file, and the encoding in which it was read.

    Raises:
        SpreadsheetError: it is no text, or breaks the encoding that its first bytes name.
    """
    for beginning, problem in _NO_TEXT.items():
        if raw.startswith(beginning):
            raise SpreadsheetError(f"{problem}; save the table in it as CSV (UTF-8)")
    named = _named_encoding(raw)
    if named is not None:
        try:
            return raw.decode(named), named
        except UnicodeDecodeError as error:
            raise SpreadsheetError(f"is broken {named}: {error.reason}") from None
    for encoding in ("utf-8", "cp1252"):
        try:
            return raw.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    # Every byte is a character in Latin-1, so this never fails.
    return raw.decode("latin-1"), "latin-1"


def plain_heading(heading: str) -> str:
    """Return a heading without what people write differently: case, spaces and punctuation."""
    return "".join(character for character in heading.casefold() if character.isalnum())


def _named_encoding(raw: bytes) -> str | None:
    """Return the encoding that the first bytes name, or that their zeros give away."""
    if raw.startswith(_UTF_8_MARK):
        return "utf-8-sig"
    if raw.startswith(_UTF_16_MARKS):
        return "utf-16"
    sample = raw[:_BYTES_SAMPLED]
    enough = len(sample) // 4
    if enough and sample[1::2].count(0) > enough:
        return "utf-16-le"
    return "utf-16-be" if enough and sample[0::2].count(0) > enough else None


def _delimiter(text: str) -> str:
    """Return what parts the cells: as a ``sep=`` line says, else what parts most of them evenly."""
    lines = [
        line for line in islice(io.StringIO(text, newline=None), 2 * _LINES_SAMPLED) if line.strip()
    ]
    if not lines:
        return DELIMITERS[0]
    told = _DELIMITER_LINE.fullmatch(lines[0].strip("\r\n "))
    if told:
        return told[1]

    def cells(delimiter: str) -> tuple[int, int]:
        counts = [len(next(csv.reader([line], delimiter=delimiter))) for line in lines]
        return min(counts[:_LINES_SAMPLED]), counts[0]

    try:
        return max(DELIMITERS, key=cells)
    except csv.Error:
        # An enormous cell; reading the rows names its line.
        return DELIMITERS[0]


def _quotes_make_sense(sheet: Spreadsheet) -> bool:
    """Tell whether a table parted by tabs uses quotes around cells.

    Excel does. Amazon's reports do not, so a product's name may begin with a quote, which then
    swallows the tabs and lines up to the next one. Where a cell could be either, more rows are as
    wide as the headings in the right reading.
    """
    try:
        is_clear = not any(
            "\t" in cell and ("\n" in cell or "\r" in cell)
            for _, record in _records(sheet)
            for cell in record
        )
        return is_clear or _even_rows(_records(sheet)) >= _even_rows(_plain_records(sheet))
    except SpreadsheetError:
        return False


def _even_rows(records: Iterator[tuple[int, list[str]]]) -> int:
    """Count the rows that have as many cells as the first that holds anything."""
    widths = (len(record) for _, record in records if any(record))
    first = next(widths, 0)
    return sum(width == first for width in widths)


def _records(sheet: Spreadsheet) -> Iterator[tuple[int, list[str]]]:
    """Yield the records of a table, each with the line on which it begins.

    A quote that is left open swallows the rows below it until the next quote, or all of them; both
    are refused rather than read as one strange row.
    """
    taken: list[str] = []
    reader = csv.reader(_noted(sheet.text, taken), delimiter=sheet.delimiter)
    began_at_line = 1
    try:
        for record in reader:
            if record == [_END]:
                return
            if len(taken) > 1 and not _is_one_record(taken, sheet.delimiter):
                raise SpreadsheetError(
                    f"the row at line {began_at_line} opens a quote that is never closed"
                )
            yield began_at_line, record
            taken.clear()
            began_at_line = reader.line_num + 1
    except csv.Error as problem:
        raise SpreadsheetError(f"the row at line {began_at_line} is broken: {problem}") from None


def _plain_records(sheet: Spreadsheet) -> Iterator[tuple[int, list[str]]]:
    for line, text in enumerate(io.StringIO(sheet.text, newline=None), start=1):
        yield line, text.rstrip("\n").split(sheet.delimiter)


def _noted(text: str, taken: list[str]) -> Iterator[str]:
    """Yield the lines of a text and the end mark, noting each in ``taken``."""
    for line in chain(io.StringIO(text, newline=""), [_END]):
        taken.append(line)
        yield line


def _is_one_record(lines: Sequence[str], delimiter: str) -> bool:
    """Tell whether the lines are one record to a reader that forgives no misplaced quote."""
    try:
        return len(list(csv.reader(lines, delimiter=delimiter, strict=True))) == 1
    except csv.Error:
        return False


def _line_of(record: Sequence[str], delimiter: str) -> str:
    return delimiter.join(record)


def _tidy(cell: str) -> str:
    if cell.isascii() and cell[:1].isalnum() and cell[-1:].isalnum() and "'" not in cell:
        # Nearly every cell, and in a large file the looking closer is what takes the time.
        return cell
    stripped = trimmed(composed(cell))
    kept = _KEPT_AS_TEXT.fullmatch(stripped)
    return trimmed(kept[1]) if kept else read_cell(stripped)
