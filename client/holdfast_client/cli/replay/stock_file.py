"""A stock file for ``python -m worker stock load`` that covers a share of what orders ask for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

from holdfast_client.cli.orders.reading import Order
from holdfast_client.contract.errors import InvalidRequest
from holdfast_client.contract.fields import STOCK_QUANTITY_MAX
from holdfast_client.contract.names import DEFAULT_LOCATION
from holdfast_client.spreadsheets.csv_text import csv_text

COVER_MAX: Final = 1000.0
_HEADINGS: Final = ("sku", "quantity", "location", "name")


@dataclass(frozen=True)
class StockCover:
    """How much stock of each SKU covers the wanted share of the demand."""

    quantities: Mapping[str, int]
    demand_units: int

    @property
    def units(self) -> int:
        """All units together."""
        return sum(self.quantities.values())


def cover_demand(orders: Iterable[Order], share: float) -> StockCover:
    """Return stock that covers a share of the orders' demand.

    The total is the share of the whole demand, rounded half to even. Each SKU gets its own share
    rounded down, and the units still missing go one by one to the SKUs that lost most by rounding,
    so every SKU is within one unit of its share. A SKU may come to 0: it is known, and sold out.

    Args:
        orders: whose demand to cover.
        share: 0 to 1,000; above 1 leaves stock over.

    Raises:
        InvalidRequest: a SKU would need more than 1,000,000,000 units.
    """
    # By way of text, because 0.29 as a float is a little less than 29 hundredths.
    part = Fraction(str(share))
    demand = _demand(orders)
    exact = {sku: units * part for sku, units in demand.items()}
    quantities = {sku: int(units) for sku, units in exact.items()}
    missing = round(sum(demand.values()) * part) - sum(quantities.values())
    by_loss = sorted(exact, key=lambda sku: (quantities[sku] - exact[sku], sku))
    for sku in by_loss[:missing]:
        quantities[sku] += 1
    most = max(quantities.values(), default=0)
    if most > STOCK_QUANTITY_MAX:
        raise InvalidRequest("cover", f"a SKU would need {most} units; choose a smaller share")
    return StockCover(quantities, sum(demand.values()))


def stock_text(cover: StockCover, names: Mapping[str, str]) -> str:
    """Return the stock file's text, in order of the SKUs, with the names that are known."""
    rows = [_row(sku, quantity, names) for sku, quantity in sorted(cover.quantities.items())]
    return csv_text([_HEADINGS, *rows])


def write_new(path: Path, text: str, *, force: bool) -> None:
    """Write a file that is not there yet; with ``force`` also over one that is.

    Raises:
        InvalidRequest: it exists, or the system refuses to write it.
    """
    try:
        with path.open("w" if force else "x", encoding="utf-8", newline="") as file:
            file.write(text)
    except FileExistsError:
        raise InvalidRequest(
            "write-stock", f"{path} exists; name another file or add --force"
        ) from None
    except OSError as error:
        reason = error.strerror or error
        raise InvalidRequest("write-stock", f"{path} cannot be written: {reason}") from error


def _demand(orders: Iterable[Order]) -> Counter[str]:
    demand: Counter[str] = Counter()
    for order in orders:
        for sku, quantity in order.lines:
            demand[sku] += quantity
    return demand


def _row(sku: str, quantity: int, names: Mapping[str, str]) -> Sequence[str]:
    return (sku, str(quantity), DEFAULT_LOCATION, names.get(sku, ""))
