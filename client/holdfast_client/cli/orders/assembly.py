"""Takes the rows of an export one by one, and puts each where it belongs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from pydantic import TypeAdapter, ValidationError

from holdfast_client.cli.orders.book import Order, OrderBook
from holdfast_client.cli.orders.columns import ColumnPlaces
from holdfast_client.cli.orders.no_sale import NO_VALUES, Standing
from holdfast_client.cli.orders.skipped import SkipKind, Skipped
from holdfast_client.contract.fields import LINES_MAX, QUANTITY_MAX, PartyId, Sku, Text
from holdfast_client.spreadsheets.spreadsheet import Row, Spreadsheet
from holdfast_client.spreadsheets.whole_numbers import NumberStyle, style_of

SERVICE_CODES: Final = frozenset({"POST", "D", "BANK CHARGES", "AMAZONFEE", "S", "M", "DOT", "C2"})
CANCELLATION_PREFIX: Final = "C"
ORDER_ID_LENGTH_MAX: Final = 100

# How shops write that nobody is logged in.
_NO_CUSTOMER: Final = NO_VALUES | {"0"}

_REMEMBERED_MAX: Final = 20_000

_SKU: Final[TypeAdapter[str]] = TypeAdapter(Sku)
_PARTY_ID: Final[TypeAdapter[str]] = TypeAdapter(PartyId)
_TEXT: Final[TypeAdapter[str]] = TypeAdapter(Text)


@dataclass(frozen=True)
class OrderRules:
    """What in an export is no sale.

    Args:
        service_codes: codes in the SKU column that are no goods; case does not count. Those of
            :data:`SERVICE_CODES` are such by themselves where that column is ``StockCode``.
        cancellation_prefix: how the numbers of cancellations begin; empty if none are marked so.
            None for :data:`CANCELLATION_PREFIX`, and that only before the number of an order that
            is in the file, or where the quantity is negative.
        no_sale_statuses: further statuses of orders that are no sale; case does not count.
        decimal_mark: what parts decimals in quantities, ``.`` or ``,``; None to find out.
    """

    service_codes: frozenset[str] = frozenset()
    cancellation_prefix: str | None = None
    no_sale_statuses: frozenset[str] = frozenset()
    decimal_mark: str | None = None


class OrderDesk:
    """Reads the rows of one export twice: to learn what the whole file shows, and to take them.

    Args:
        sheet: the export.
        places: where in a row each thing is.
        rules: what is no sale.
        standing: what the statuses say; still without what this file says.
    """

    def __init__(
        self, sheet: Spreadsheet, places: ColumnPlaces, rules: OrderRules, standing: Standing
    ) -> None:
        self._sheet = sheet
        self._places = places
        self._prefix = rules.cancellation_prefix
        self._service_codes = frozenset(code.strip().upper() for code in rules.service_codes)
        self._standing = standing
        self._order_ids: set[str] = set()
        # Those that ask for something, and do not only take back what others asked for.
        self._asking: set[str] = set()
        self._sets: set[str] = set()
        self._rows = 0
        self._skipped: Counter[SkipKind] = Counter()
        self._first_lines: dict[SkipKind, int] = {}
        self._lines: dict[str, list[tuple[str, int]]] = {}
        self._began_at: dict[str, int] = {}
        self._customers: dict[str, str] = {}
        self._names: dict[str, str] = {}
        found = style_of(self._learn())
        self._style = NumberStyle(rules.decimal_mark) if rules.decimal_mark else found

    def book(self) -> OrderBook:
        """Take all rows, and return what they came to; once."""
        for row in self._sheet.rows():
            self._take(row)
        orders = tuple(self._orders())
        taken = {order.order_id for order in orders}
        return OrderBook(
            orders=orders,
            rows=self._rows,
            skipped=tuple(
                Skipped(kind, rows, self._first_lines[kind])
                for kind, rows in self._skipped.most_common()
            ),
            orders_skipped=len(self._order_ids) - len(orders),
            orders_missing=len(self._asking - taken),
            names=self._names,
            columns=self._places.chosen(self._sheet.headings.cells),
            remarks=(*self._places.remarks, *self._standing.doubts),
        )

    def _orders(self) -> Iterator[Order]:
        """Yield the orders that a checkout can have, and skip the others whole."""
        for order_id, rows in self._lines.items():
            lines = rows if len(rows) <= LINES_MAX else _merged(rows)
            if len(lines) <= LINES_MAX:
                yield Order(order_id, tuple(lines), self._customers.get(order_id))
            else:
                self._skip(SkipKind.TOO_MANY_LINES, self._began_at[order_id], len(rows))

    def _learn(self) -> Iterator[str]:
        """Take in what one row says of others, and yield its quantity."""
        for row in self._sheet.rows():
            order_id = row.cell(self._places.order)
            if order_id:
                self._order_ids.add(order_id)
            self._standing.learn(order_id, row)
            if self._places.item is not None:
                self._sets.add(row.cell(self._places.parent))
            yield row.cell(self._places.quantity)

    def _take(self, row: Row) -> None:
        """Count one row, as a line of its order or as skipped."""
        self._rows += 1
        order_id = row.cell(self._places.order)
        quantity = self._quantity(row)
        if order_id and (quantity is None or quantity >= 0):
            self._asking.add(order_id)
        kind = self._objection(order_id, row, quantity)
        if kind is not None:
            self._skip(kind, row.line, 1)
            return
        sku = row.cell(self._places.sku)
        self._lines.setdefault(order_id, []).append((sku, quantity or 0))
        self._began_at.setdefault(order_id, row.line)
        customer = self._customer(row)
        if customer:
            self._customers.setdefault(order_id, customer)
        name = row.cell(self._places.name)
        if name and sku not in self._names and _fits(_TEXT, name):
            self._names[sku] = name

    def _skip(self, kind: SkipKind, line: int, rows: int) -> None:
        self._skipped[kind] += rows
        self._first_lines[kind] = min(line, self._first_lines.get(kind, line))

    def _objection(self, order_id: str, row: Row, quantity: int | None) -> SkipKind | None:
        """Return why a row is no line of an order; the first reason that applies counts."""
        if len(row.cells) < self._places.cells_min:
            return SkipKind.SHORT_ROW
        if not _fits(_PARTY_ID, order_id) or len(order_id) > ORDER_ID_LENGTH_MAX:
            return SkipKind.BAD_ORDER_ID
        if self._is_cancelled(order_id, row, quantity):
            return SkipKind.CANCELLATION
        return self._line_objection(row, quantity)

    def _is_cancelled(self, order_id: str, row: Row, quantity: int | None) -> bool:
        if self._standing.is_no_sale(order_id, row) or self._is_taken_back(row, quantity):
            return True
        if self._prefix is not None:
            return bool(self._prefix) and order_id.startswith(self._prefix)
        # A letter alone proves nothing: CA-2021-152156 is an order from California.
        is_negative = quantity is not None and quantity < 0
        number = order_id.removeprefix(CANCELLATION_PREFIX)
        return number != order_id and (is_negative or number in self._order_ids)

    def _is_taken_back(self, row: Row, quantity: int | None) -> bool:
        back = [self._style.read(row.cell(place)) or 0 for place in self._places.taken_back]
        return quantity is not None and 0 < quantity <= sum(back)

    def _line_objection(self, row: Row, quantity: int | None) -> SkipKind | None:
        sku = row.cell(self._places.sku)
        if sku.upper() in self._service_codes:
            return SkipKind.SERVICE_CODE
        if quantity is not None and quantity < 0:
            return SkipKind.RETURN if self._customer(row) else SkipKind.WRITE_OFF
        if quantity is None or not 1 <= quantity <= QUANTITY_MAX:
            return self._bad_quantity(row)
        item = row.cell(self._places.item)
        if item and item in self._sets:
            return SkipKind.SET
        if not _fits(_SKU, sku):
            return SkipKind.BAD_SKU
        customer = self._customer(row)
        return SkipKind.BAD_CUSTOMER_ID if customer and not _fits(_PARTY_ID, customer) else None

    def _bad_quantity(self, row: Row) -> SkipKind:
        cell = row.cell(self._places.quantity)
        could_be_read = any(NumberStyle(mark).read(cell) is not None for mark in ".,")
        is_unclear = self._style.decimal_mark is None and could_be_read
        return SkipKind.UNCLEAR_QUANTITY if is_unclear else SkipKind.BAD_QUANTITY

    def _quantity(self, row: Row) -> int | None:
        """Return how many units a row has, which is one where no column says."""
        if self._places.quantity is None:
            return 1
        return self._style.read(row.cell(self._places.quantity))

    def _customer(self, row: Row) -> str:
        customer = row.cell(self._places.customer)
        return "" if customer.casefold() in _NO_CUSTOMER else customer


def _merged(lines: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    """Return as few lines as ask for the same, none of which has more than a line may have."""
    wanted: Counter[str] = Counter()
    for sku, quantity in lines:
        wanted[sku] += quantity
    return [
        (sku, min(QUANTITY_MAX, units - begun))
        for sku, units in wanted.items()
        for begun in range(0, units, QUANTITY_MAX)
    ]


@lru_cache(maxsize=_REMEMBERED_MAX)
def _fits(kind: TypeAdapter[str], text: str) -> bool:
    """Tell whether a text is one of a kind; of orders and SKUs most are asked for many times."""
    try:
        kind.validate_python(text)
    except ValidationError:
        return False
    return True
