"""Order exports of shops read as orders, as they come.

Each row ends in exactly one place: as a line of an order, or under the :class:`SkipKind` that says
why not. ``orders of the book + orders skipped`` are all orders that the file names.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Final

from holdfast_client.cli.orders.assembly import (
    SERVICE_CODES,
    OrderDesk,
    OrderRules,
)
from holdfast_client.cli.orders.book import Order, OrderBook
from holdfast_client.cli.orders.columns import (
    ColumnNames,
    ColumnPlaces,
    NoOrders,
    OrderFileError,
    find_columns,
    find_order_columns,
)
from holdfast_client.cli.orders.no_sale import Standing
from holdfast_client.cli.orders.skipped import SkipKind
from holdfast_client.spreadsheets.spreadsheet import (
    Spreadsheet,
    SpreadsheetError,
    parse_spreadsheet,
    plain_heading,
    read_spreadsheet,
)

__all__ = [
    "SERVICE_CODES",
    "Order",
    "OrderBook",
    "OrderRules",
    "SkipKind",
    "parse_orders",
    "read_orders",
]

ORDER_FILE_BYTES_MAX: Final = 256 * 1024 * 1024
_ROWS_SAMPLED: Final = 10_000
# In Magento, whose headings these are, a closed order is one that was refunded.
_MAGENTO_HEADINGS: Final = frozenset({"incrementid", "qtyordered"})
_MAGENTO_NO_SALE: Final = frozenset({"closed"})
# In wholesalers' files with this heading, codes of services stand among those of goods.
_SERVICE_CODE_HEADING: Final = "stockcode"
# Olist's data set says in a second file how the orders of the first stand.
_ITEMS: Final = "order_items"
_ORDERS: Final = "orders"


def read_orders(
    path: Path,
    *,
    columns: ColumnNames | None = None,
    rules: OrderRules | None = None,
    statuses: Path | None = None,
) -> OrderBook:
    """Read an export from a file in UTF-8, UTF-16, Windows-1252 or Latin-1.

    Args:
        path: the export, with a row for each order line.
        columns: headings that are not to be found by themselves.
        rules: what is no sale.
        statuses: a file that says how the orders stand. If left out, and the export does not say
            it, the one that stands beside ``..._order_items_...`` as ``..._orders_...``.

    Raises:
        NoOrders: there is no order in it.
        OrderFileError: it cannot be read, is over 256 MiB, or is no table of orders.
    """
    sheet = _opened(path)
    with _named(path):
        places = _places(sheet, columns or ColumnNames())
        rules = _rules_for(sheet, places, rules or OrderRules())
    beside = statuses or _statuses_beside(path, places, columns or ColumnNames())
    known = _known_standing(beside, rules) if beside else None
    with _named(path):
        book = OrderDesk(
            sheet, places, rules, Standing(places, rules.no_sale_statuses, known)
        ).book()
        if beside:
            book = replace(book, remarks=(*book.remarks, f"{beside} says how the orders stand"))
        if not book.orders:
            raise NoOrders(_why_none(book))
    return book


def parse_orders(
    text: str, *, columns: ColumnNames | None = None, rules: OrderRules | None = None
) -> OrderBook:
    """Read the text of an export: a line of headings, then one row for each order line.

    Raises:
        OrderFileError: it is empty, lacks a column, or leaves a quote open.
    """
    try:
        sheet = parse_spreadsheet(text)
        places = _places(sheet, columns or ColumnNames())
        rules = _rules_for(sheet, places, rules or OrderRules())
        return OrderDesk(sheet, places, rules, Standing(places, rules.no_sale_statuses)).book()
    except SpreadsheetError as error:
        raise OrderFileError(str(error)) from None


def _opened(path: Path) -> Spreadsheet:
    try:
        return read_spreadsheet(path, bytes_max=ORDER_FILE_BYTES_MAX)
    except SpreadsheetError as error:
        raise OrderFileError(str(error)) from error


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Let every error in reading a file be one of an order file, and begin with its name."""
    try:
        yield
    except (SpreadsheetError, OrderFileError) as error:
        kind = NoOrders if isinstance(error, NoOrders) else OrderFileError
        raise kind(f"{path}: {error}") from None


def _places(sheet: Spreadsheet, columns: ColumnNames) -> ColumnPlaces:
    headings = sheet.headings.cells
    empty = set(range(len(headings)))
    for row in islice(sheet.rows(), _ROWS_SAMPLED):
        empty -= {place for place in empty if row.cell(place)}
        if not empty:
            break
    return find_columns(headings, columns, empty)


def _rules_for(sheet: Spreadsheet, places: ColumnPlaces, rules: OrderRules) -> OrderRules:
    """Return the rules, with what is no sale in exports of this kind alone."""
    headings = [plain_heading(heading) for heading in sheet.headings.cells]
    statuses = {status.casefold() for status in rules.no_sale_statuses}
    codes = set(rules.service_codes)
    if not _MAGENTO_HEADINGS.isdisjoint(headings):
        statuses |= _MAGENTO_NO_SALE
    if headings[places.sku] == _SERVICE_CODE_HEADING:
        codes |= SERVICE_CODES
    return replace(rules, no_sale_statuses=frozenset(statuses), service_codes=frozenset(codes))


def _statuses_beside(path: Path, places: ColumnPlaces, columns: ColumnNames) -> Path | None:
    """Return the file of orders that stands beside a file of items without statuses, if any."""
    if places.statuses or places.cancelled or columns.status is not None:
        return None
    beside = path.with_name(path.name.replace(_ITEMS, _ORDERS))
    return beside if beside != path and beside.is_file() else None


def _known_standing(path: Path, rules: OrderRules) -> Standing:
    sheet = _opened(path)
    with _named(path):
        places = find_order_columns(sheet.headings.cells, ColumnNames())
        standing = Standing(places, rules.no_sale_statuses)
        for row in sheet.rows():
            standing.learn(row.cell(places.order), row)
    return standing


def _why_none(book: OrderBook) -> str:
    if not book.rows:
        return "there are no orders in it: no rows below the headings"
    rows = "1 row" if book.rows == 1 else f"{book.rows:,} rows"
    reasons = "; ".join(map(str, book.skipped))
    return f"there are no orders in it: {rows}, and none is an order line. {reasons}"
