"""Real order exports read as orders: pure, and nothing in them is dropped without being counted.

Each row ends in exactly one place: as a line of an order, or under the :class:`SkipKind` that says
why not. ``orders of the book + orders skipped`` are all orders that the file names.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from holdfast_client.cli.order_columns import (
    ColumnNames,
    ColumnPlaces,
    OrderFileError,
    find_columns,
)
from holdfast_client.fields import LINES_MAX, QUANTITY_MAX, PartyId, Sku, Text

__all__ = ["Order", "OrderBook", "OrderRules", "SkipKind", "parse_orders", "read_orders"]

SERVICE_CODES: Final = frozenset({"POST", "D", "BANK CHARGES", "AMAZONFEE", "S", "M", "DOT", "C2"})
CANCELLATION_PREFIX: Final = "C"
ORDER_ID_LENGTH_MAX: Final = 100
ORDER_FILE_BYTES_MAX: Final = 256 * 1024 * 1024

_DELIMITERS: Final = ",;\t|"
_ENCODINGS: Final = ("utf-8-sig", "cp1252")
_UTF_16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")
# A fraction of zeros is how some spreadsheets write whole numbers.
_QUANTITY: Final = re.compile(r"(-?[0-9]{1,15})(\.0*)?")
# Read after the last line: if a quote is still open there, it ends up inside a cell.
_END: Final = "\x04end of orders\x04"

_SKU: Final[TypeAdapter[str]] = TypeAdapter(Sku)
_PARTY_ID: Final[TypeAdapter[str]] = TypeAdapter(PartyId)
_TEXT: Final[TypeAdapter[str]] = TypeAdapter(Text)


class SkipKind(StrEnum):
    """Why a row is no line of an order."""

    CANCELLATION = "cancellation"
    WRITE_OFF = "write_off"
    RETURN = "return"
    SERVICE_CODE = "service_code"
    BAD_QUANTITY = "bad_quantity"
    BAD_SKU = "bad_sku"
    BAD_ORDER_ID = "bad_order_id"
    BAD_CUSTOMER_ID = "bad_customer_id"
    SHORT_ROW = "short_row"
    TOO_MANY_LINES = "too_many_lines"


@dataclass(frozen=True)
class OrderRules:
    """What in an export is no sale.

    Args:
        service_codes: codes in the SKU column that are no goods; case does not count.
        cancellation_prefix: how the number of a cancellation begins; empty if none are marked so.
    """

    service_codes: frozenset[str] = SERVICE_CODES
    cancellation_prefix: str = CANCELLATION_PREFIX


@dataclass(frozen=True)
class Order:
    """One order as the shop took it; equal SKUs on several lines stay several lines."""

    order_id: str
    lines: tuple[tuple[str, int], ...]
    customer_id: str | None = None


@dataclass(frozen=True)
class OrderBook:
    """What an export holds.

    Args:
        orders: in the order in which the file names them first.
        rows: all rows below the headings, blank lines apart.
        skipped: so many rows of each kind are no order lines.
        orders_skipped: so many orders have no usable line, or more than a checkout may have.
        names: the first description of each SKU, where the file has any.
    """

    orders: tuple[Order, ...]
    rows: int
    skipped: Mapping[SkipKind, int]
    orders_skipped: int
    names: Mapping[str, str] = field(default_factory=dict)

    def first(self, limit: int | None) -> OrderBook:
        """Return the book with its first ``limit`` orders only; what is skipped stays counted."""
        return replace(self, orders=self.orders[:limit])


def read_orders(
    path: Path, *, columns: ColumnNames | None = None, rules: OrderRules | None = None
) -> OrderBook:
    """Read an export from a file in UTF-8, UTF-16 with a mark, Windows-1252 or Latin-1.

    Raises:
        OrderFileError: it cannot be read, is over 256 MiB, or is no table of orders.
    """
    try:
        size_bytes = path.stat().st_size
        if size_bytes > ORDER_FILE_BYTES_MAX:
            raise OrderFileError(
                f"{path} has {size_bytes} bytes; split it into files of at most "
                f"{ORDER_FILE_BYTES_MAX}"
            )
        raw = path.read_bytes()
    except OSError as error:
        raise OrderFileError(f"{path} cannot be read: {error.strerror or error}") from error
    try:
        return parse_orders(decode(raw), columns=columns, rules=rules)
    except OrderFileError as error:
        raise OrderFileError(f"{path}: {error}") from None


def decode(raw: bytes) -> str:
    """Return the text of a file in any of the encodings that order exports come in."""
    if raw.startswith(_UTF_16_MARKS):
        return raw.decode("utf-16", errors="replace")
    for encoding in _ENCODINGS:
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    # Every byte is a character in Latin-1, so this never fails.
    return raw.decode("latin-1")


def parse_orders(
    text: str, *, columns: ColumnNames | None = None, rules: OrderRules | None = None
) -> OrderBook:
    """Read the text of an export: a line of headings, then one row for each order line.

    Raises:
        OrderFileError: it is empty, lacks a column, or leaves a quote open.
    """
    records = _records(text)
    headings = next(records, None)
    if headings is None:
        raise OrderFileError("is empty; expected a line of headings and rows below it")
    desk = _Desk(find_columns(headings, columns or ColumnNames()), rules or OrderRules())
    for record in records:
        desk.take(record)
    return desk.book()


def _records(text: str) -> Iterator[list[str]]:
    """Yield the records of a table, blank lines left out.

    A quote that is left open swallows the rows below it until the next quote, or all of them; both
    are refused rather than read as one strange row.
    """
    delimiter = _delimiter(text)
    taken: list[str] = []
    reader = csv.reader(_noted(text, taken), delimiter=delimiter)
    began_at_line = 1
    try:
        for record in reader:
            if record == [_END]:
                return
            if len(taken) > 1 and not _is_one_record(taken, delimiter):
                raise OrderFileError(
                    f"the row at line {began_at_line} opens a quote that is never closed"
                )
            if record:
                yield record
            taken.clear()
            began_at_line = reader.line_num + 1
    except csv.Error as problem:
        raise OrderFileError(f"the row at line {began_at_line} is broken: {problem}") from None


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


def _delimiter(text: str) -> str:
    headings = next((line for line in io.StringIO(text) if line.strip()), "")
    return max(_DELIMITERS, key=headings.count)


class _Desk:
    """Takes rows one by one and puts each where it belongs."""

    def __init__(self, places: ColumnPlaces, rules: OrderRules) -> None:
        self._places = places
        self._prefix = rules.cancellation_prefix
        self._service_codes = frozenset(code.strip().upper() for code in rules.service_codes)
        self._rows = 0
        self._skipped: Counter[SkipKind] = Counter()
        self._seen: set[str] = set()
        self._lines: dict[str, list[tuple[str, int]]] = {}
        self._customers: dict[str, str] = {}
        self._names: dict[str, str] = {}

    def take(self, row: Sequence[str]) -> None:
        """Count one row, as a line of its order or as skipped."""
        self._rows += 1
        order_id = _cell(row, self._places.order)
        if order_id:
            self._seen.add(order_id)
        kind = self._objection(order_id, row)
        if kind is not None:
            self._skipped[kind] += 1
            return
        sku = _cell(row, self._places.sku)
        self._lines.setdefault(order_id, []).append((sku, self._quantity(row) or 0))
        customer = _cell(row, self._places.customer)
        if customer:
            self._customers.setdefault(order_id, customer)
        self._keep_name(sku, _cell(row, self._places.name))

    def book(self) -> OrderBook:
        """Return what the rows came to."""
        orders = tuple(
            Order(order_id, tuple(lines), self._customers.get(order_id))
            for order_id, lines in self._lines.items()
            if len(lines) <= LINES_MAX
        )
        skipped = self._skipped.copy()
        too_many = sum(len(lines) for lines in self._lines.values() if len(lines) > LINES_MAX)
        if too_many:
            skipped[SkipKind.TOO_MANY_LINES] = too_many
        return OrderBook(
            orders=orders,
            rows=self._rows,
            skipped=dict(skipped.most_common()),
            orders_skipped=len(self._seen) - len(orders),
            names=self._names,
        )

    def _objection(self, order_id: str, row: Sequence[str]) -> SkipKind | None:
        """Return why a row is no line of an order; the first reason that applies counts."""
        if len(row) < self._places.cells_min:
            return SkipKind.SHORT_ROW
        if not _fits(_PARTY_ID, order_id) or len(order_id) > ORDER_ID_LENGTH_MAX:
            return SkipKind.BAD_ORDER_ID
        if self._prefix and order_id.startswith(self._prefix):
            return SkipKind.CANCELLATION
        return self._line_objection(row)

    def _line_objection(self, row: Sequence[str]) -> SkipKind | None:
        sku = _cell(row, self._places.sku)
        quantity = self._quantity(row)
        customer = _cell(row, self._places.customer)
        if sku.upper() in self._service_codes:
            return SkipKind.SERVICE_CODE
        if quantity is not None and quantity < 0:
            return SkipKind.RETURN if customer else SkipKind.WRITE_OFF
        if quantity is None or not 1 <= quantity <= QUANTITY_MAX:
            return SkipKind.BAD_QUANTITY
        if not _fits(_SKU, sku):
            return SkipKind.BAD_SKU
        return SkipKind.BAD_CUSTOMER_ID if customer and not _fits(_PARTY_ID, customer) else None

    def _quantity(self, row: Sequence[str]) -> int | None:
        found = _QUANTITY.fullmatch(_cell(row, self._places.quantity))
        return int(found[1]) if found else None

    def _keep_name(self, sku: str, name: str) -> None:
        if name and sku not in self._names and _fits(_TEXT, name):
            self._names[sku] = name


def _cell(row: Sequence[str], place: int | None) -> str:
    return row[place].strip() if place is not None and place < len(row) else ""


def _fits(kind: TypeAdapter[str], text: str) -> bool:
    try:
        kind.validate_python(text)
    except ValidationError:
        return False
    return True
