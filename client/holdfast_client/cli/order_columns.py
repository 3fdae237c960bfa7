"""Which column of an order export holds what, found by its heading."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from holdfast_client.errors import HoldfastError

_HEADINGS_SHOWN_MAX: Final = 20
_HEADING_SHOWN_LENGTH_MAX: Final = 40

# Spelled without spaces, underscores, points or capitals, in order of preference.
_ORDER_HEADINGS: Final = (
    "invoiceno",
    "invoice",
    "invoicenumber",
    "invoiceid",
    "orderid",
    "orderno",
    "ordernumber",
    "order",
)
_SKU_HEADINGS: Final = (
    "stockcode",
    "sku",
    "lineitemsku",
    "itemsku",
    "variantsku",
    "productsku",
    "productcode",
    "itemcode",
    "productid",
    "itemid",
    "item",
    "product",
)
_QUANTITY_HEADINGS: Final = (
    "quantity",
    "lineitemquantity",
    "qty",
    "quantityordered",
    "qtyordered",
    "units",
)
_CUSTOMER_HEADINGS: Final = (
    "customerid",
    "customer",
    "customerno",
    "customernumber",
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


class OrderFileError(HoldfastError):
    """The file as a whole cannot be read as orders; single bad rows never raise this."""


@dataclass(frozen=True)
class ColumnNames:
    """Headings that the caller names; None means: by the headings that are known."""

    order: str | None = None
    sku: str | None = None
    quantity: str | None = None
    customer: str | None = None


@dataclass(frozen=True)
class ColumnPlaces:
    """Where in a row each thing is, counted from 0; None where the file has no such column."""

    order: int
    sku: int
    quantity: int
    customer: int | None
    name: int | None

    @property
    def cells_min(self) -> int:
        """How many cells a row needs to be an order line."""
        return max(self.order, self.sku, self.quantity) + 1


def find_columns(headings: Sequence[str], named: ColumnNames) -> ColumnPlaces:
    """Find the columns of an export by its headings, whatever their case and spacing.

    Raises:
        OrderFileError: a needed or named column is missing; says which headings there are and
            which option names the right one.
    """
    places: dict[str, int] = {}
    for place, heading in enumerate(headings):
        places.setdefault(_plain(heading), place)

    def needed(what: str, name: str | None, known: Sequence[str]) -> int:
        place = _find(places, name, known)
        if place is None:
            raise OrderFileError(_missing(what, name, headings))
        return place

    customer = _find(places, named.customer, _CUSTOMER_HEADINGS)
    if customer is None and named.customer is not None:
        raise OrderFileError(_missing("customer", named.customer, headings))
    return ColumnPlaces(
        order=needed("order", named.order, _ORDER_HEADINGS),
        sku=needed("sku", named.sku, _SKU_HEADINGS),
        quantity=needed("quantity", named.quantity, _QUANTITY_HEADINGS),
        customer=customer,
        name=_find(places, None, _NAME_HEADINGS),
    )


def _find(places: dict[str, int], name: str | None, known: Sequence[str]) -> int | None:
    wanted = known if name is None else (_plain(name),)
    return next((places[heading] for heading in wanted if heading in places), None)


def _plain(heading: str) -> str:
    return "".join(character for character in heading.casefold() if character.isalnum())


def _missing(what: str, name: str | None, headings: Sequence[str]) -> str:
    shown = ", ".join(
        repr(heading[:_HEADING_SHOWN_LENGTH_MAX]) for heading in headings[:_HEADINGS_SHOWN_MAX]
    )
    if len(headings) > _HEADINGS_SHOWN_MAX:
        shown += f" and {len(headings) - _HEADINGS_SHOWN_MAX} more"
    sought = f"no {what} column" if name is None else f"no {what} column {name!r}"
    return f"{sought}; the headings are {shown}; name the right one with --{what}-column"
