"""Which column of an order export holds what, found by its heading."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

from holdfast_client.contract.errors import HoldfastError
from holdfast_client.spreadsheets.headings import (
    QUANTITY_HEADINGS,
    SKU_HEADINGS,
    UNITS_HEADING,
)
from holdfast_client.spreadsheets.spreadsheet import plain_heading

_HEADINGS_SHOWN_MAX: Final = 20
_HEADING_SHOWN_LENGTH_MAX: Final = 40

# Reports that shops take for exports of their orders, by a heading that is theirs alone.
_REPORTS_BY_HEADING: Final = {
    "itemssold": "the orders report of WooCommerce",
    "purchasepoint": "the order grid of Magento",
}

# Spelled without spaces, underscores, points or capitals, in order of preference.
_ORDER_HEADINGS: Final = (
    "invoiceno",
    "invoice",
    "invoicenumber",
    "invoiceid",
    "incrementid",
    "amazonorderid",
    "orderid",
    "orderno",
    "ordernumber",
    "ordername",
    "order",
)
_QUANTITY_HEADINGS: Final = (
    *QUANTITY_HEADINGS,
    "lineitemquantity",
    "quantityordered",
    "qtyordered",
    "quantitypurchased",
    "itemquantity",
    "orderquantity",
    "quantityrefund",
    UNITS_HEADING,
)
_CUSTOMER_HEADINGS: Final = (
    "customerid",
    "customer",
    "customerno",
    "customernumber",
    "customeruserid",
    "userid",
    "buyerid",
)
_NAME_HEADINGS: Final = (
    "description",
    "lineitemname",
    "productname",
    "itemname",
    "title",
)
# All of these count, each for its own row.
_STATUS_HEADINGS: Final = (
    "status",
    "orderstatus",
    "orderstate",
    "financialstatus",
    "paymentstatus",
    "itemstatus",
)
# A time, or a yes, says that the order was taken back.
_CANCELLED_HEADINGS: Final = (
    "cancelledat",
    "canceledat",
    "cancelled",
    "canceled",
    "iscancelled",
    "iscanceled",
)
_TAKEN_BACK_HEADINGS: Final = ("qtycanceled", "qtyrefunded")
# Shopify's orders go by their name, and elsewhere a name is a product's.
_ORDER_NAME_HEADING: Final = "name"
_LINE_ITEM: Final = "lineitem"
# Numbers the rows of an order in exports in which each row is one unit.
_UNIT_HEADING: Final = "orderitemid"


class OrderFileError(HoldfastError):
    """The file as a whole cannot be read as orders; single bad rows never raise this."""


class NoOrders(OrderFileError):
    """The file is a table of orders and not one row of it is a sale; the message says why."""


@dataclass(frozen=True)
class ColumnNames:
    """Headings that the caller names; None means: by the headings that are known.

    Args:
        order, sku, customer: the heading.
        quantity: the heading; empty where each row is one unit.
        status: the heading of the one column that says what was cancelled; empty for none.
    """

    order: str | None = None
    sku: str | None = None
    quantity: str | None = None
    customer: str | None = None
    status: str | None = None


@dataclass(frozen=True, kw_only=True)
class OrderPlaces:
    """Where in a row the things of an order are, counted from 0.

    Args:
        customer: None where the file has no such column.
        statuses: columns with the word for how an order or a line stands.
        cancelled: columns that hold something where it was cancelled.
        remarks: what was chosen where the headings leave a choice, in sentences.
    """

    order: int
    customer: int | None = None
    statuses: tuple[int, ...] = ()
    cancelled: tuple[int, ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ColumnPlaces(OrderPlaces):
    """Where the things of an order line are too; None where the file has no such column.

    Args:
        quantity: None where each row is one unit.
        taken_back: columns with the units that were cancelled or refunded.
        item, parent: a row's own number, and the number of the row that it is a part of.
    """

    sku: int
    quantity: int | None
    name: int | None = None
    taken_back: tuple[int, ...] = ()
    item: int | None = None
    parent: int | None = None

    @property
    def cells_min(self) -> int:
        """How many cells a row needs to be an order line."""
        return max(self.order, self.sku, self.quantity or 0) + 1

    def chosen(self, headings: Sequence[str]) -> dict[str, str]:
        """Return what each thing is read from, by the name of its option."""
        one_each = {
            "order": self.order,
            "sku": self.sku,
            "quantity": self.quantity,
            "customer": self.customer,
        }
        named = {what: headings[place] for what, place in one_each.items() if place is not None}
        standing = (*self.statuses, *self.cancelled, *self.taken_back)
        if standing:
            named["status"] = ", ".join(headings[place] for place in standing)
        return named


def find_columns(
    headings: Sequence[str], named: ColumnNames, empty: AbstractSet[int] = frozenset()
) -> ColumnPlaces:
    """Find the columns of an export by its headings, whatever their case and spacing.

    Args:
        headings: as the file has them.
        named: those that the caller names.
        empty: places of columns without a single value, which are nobody's first choice.

    Raises:
        OrderFileError: a needed or named column is missing; says which headings there are and
            which option names the right one.
    """
    return _Search(headings, empty).lines(named)


def find_order_columns(headings: Sequence[str], named: ColumnNames) -> OrderPlaces:
    """Find the columns of a file that says how orders stand, and not what was ordered.

    Raises:
        OrderFileError: it has no order column, or none that says how they stand.
    """
    places = _Search(headings, frozenset()).orders(named)
    if not (places.statuses or places.cancelled):
        raise OrderFileError(_missing("status", None, headings))
    return places


class _Search:
    """Looks headings up, and keeps what there was to choose from."""

    def __init__(self, headings: Sequence[str], empty: AbstractSet[int]) -> None:
        self._headings = headings
        self._empty = empty
        self._places: dict[str, int] = {}
        for place, heading in enumerate(headings):
            self._places.setdefault(plain_heading(heading), place)
        self._remarks: list[str] = []

    def lines(self, named: ColumnNames) -> ColumnPlaces:
        orders = self.orders(named)
        sku = self._needed("sku", named.sku, self._sku_headings())
        quantity = self._quantity(named.quantity)
        return ColumnPlaces(
            **{**vars(orders), "remarks": tuple(self._remarks)},
            sku=sku,
            quantity=quantity,
            name=self._optional("name", None, _NAME_HEADINGS),
            taken_back=self._every(_TAKEN_BACK_HEADINGS) if named.status is None else (),
            item=self._places.get("itemid"),
            parent=self._places.get("parentitemid"),
        )

    def orders(self, named: ColumnNames) -> OrderPlaces:
        by_itself = named.status is None
        return OrderPlaces(
            order=self._needed("order", named.order, self._order_headings()),
            customer=self._optional("customer", named.customer, _CUSTOMER_HEADINGS),
            statuses=self._every(_STATUS_HEADINGS) if by_itself else self._status(named.status),
            cancelled=self._every(_CANCELLED_HEADINGS) if by_itself else (),
            remarks=tuple(self._remarks),
        )

    def _order_headings(self) -> tuple[str, ...]:
        if any(heading.startswith(_LINE_ITEM) for heading in self._places):
            return (*_ORDER_HEADINGS, _ORDER_NAME_HEADING)
        return _ORDER_HEADINGS

    def _sku_headings(self) -> tuple[str, ...]:
        """Return the headings of SKUs; where all their columns are empty, those of names too."""
        places = self._found(SKU_HEADINGS)
        is_empty = bool(places) and self._empty >= set(places)
        return (*SKU_HEADINGS, *_NAME_HEADINGS) if is_empty else SKU_HEADINGS

    def _quantity(self, name: str | None) -> int | None:
        if name == "":
            return None
        if name is None and _UNIT_HEADING in self._places and not self._found(_QUANTITY_HEADINGS):
            self._remarks.append(
                "there is no quantity column, so each row is one unit (--quantity-column names one)"
            )
            return None
        return self._needed("quantity", name, _QUANTITY_HEADINGS)

    def _status(self, name: str | None) -> tuple[int, ...]:
        place = self._optional("status", name, ()) if name else None
        return () if place is None else (place,)

    def _needed(self, what: str, name: str | None, known: Sequence[str]) -> int:
        found = self._found(known if name is None else (plain_heading(name),))
        if not found:
            raise OrderFileError(_missing(what, name, self._headings))
        place, *others = [place for place in found if place not in self._empty] or found
        if others or place != found[0]:
            self._tell_choice(what, place, [other for other in found if other != place])
        return place

    def _optional(self, what: str, name: str | None, known: Sequence[str]) -> int | None:
        found = self._found(known if name is None else (plain_heading(name),))
        if not found and name is not None:
            raise OrderFileError(_missing(what, name, self._headings))
        return found[0] if found else None

    def _found(self, known: Sequence[str]) -> list[int]:
        return [self._places[heading] for heading in known if heading in self._places]

    def _every(self, known: Sequence[str]) -> tuple[int, ...]:
        return tuple(self._found(known))

    def _tell_choice(self, what: str, place: int, others: Sequence[int]) -> None:
        also = ", ".join(
            repr(self._headings[other]) + (" (empty)" if other in self._empty else "")
            for other in others
        )
        self._remarks.append(
            f"the {what} column is {self._headings[place]!r}, not {also} "
            f"(--{what}-column names another)"
        )


def _missing(what: str, name: str | None, headings: Sequence[str]) -> str:
    shown = ", ".join(
        repr(heading[:_HEADING_SHOWN_LENGTH_MAX]) for heading in headings[:_HEADINGS_SHOWN_MAX]
    )
    if len(headings) > _HEADINGS_SHOWN_MAX:
        shown += f" and {len(headings) - _HEADINGS_SHOWN_MAX} more"
    sought = f"no {what} column" if name is None else f"no {what} column {name!r}"
    for heading in map(plain_heading, headings):
        if report := _REPORTS_BY_HEADING.get(heading):
            return (
                f"{sought}: {report} has a row for each order, and no articles; "
                "export the orders with a row for each of their items"
            )
    return f"{sought}; the headings are {shown}; name the right one with --{what}-column"
