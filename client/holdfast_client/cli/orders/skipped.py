"""What in an order file is no order line, and how that is told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from holdfast_client.contract.fields import LINES_MAX, QUANTITY_MAX

# A larger share of skipped rows, or of orders, is told before anything else.
SKIPPED_SHARE_MAX: Final = 0.1


class SkipKind(StrEnum):
    """Why a row is no line of an order."""

    CANCELLATION = "cancellation"
    WRITE_OFF = "write_off"
    RETURN = "return"
    SERVICE_CODE = "service_code"
    SET = "set"
    BAD_QUANTITY = "bad_quantity"
    UNCLEAR_QUANTITY = "unclear_quantity"
    BAD_SKU = "bad_sku"
    BAD_ORDER_ID = "bad_order_id"
    BAD_CUSTOMER_ID = "bad_customer_id"
    SHORT_ROW = "short_row"
    TOO_MANY_LINES = "too_many_lines"


_WHY: Final = {
    SkipKind.CANCELLATION: "cancelled, refunded, voided or failed",
    SkipKind.WRITE_OFF: "the quantity is negative, without a customer",
    SkipKind.RETURN: "the quantity is negative",
    SkipKind.SERVICE_CODE: "the code stands for a service",
    SkipKind.SET: "its parts have rows of their own",
    SkipKind.BAD_QUANTITY: f"no whole quantity from 1 to {QUANTITY_MAX:,}",
    SkipKind.UNCLEAR_QUANTITY: "such as 2,000, which may be 2 or 2000: --decimal-mark says",
    SkipKind.BAD_SKU: "no SKU, or none that stock can have: --sku-column names another column",
    SkipKind.BAD_ORDER_ID: "no order number, or one that is too long or not printable",
    SkipKind.BAD_CUSTOMER_ID: "the customer's id is too long or not printable",
    SkipKind.SHORT_ROW: "the row has too few cells",
    SkipKind.TOO_MANY_LINES: f"the order has more than {LINES_MAX:,} lines",
}


@dataclass(frozen=True, slots=True)
class Skipped:
    """Rows that were skipped for one reason: how many, and the line of the first."""

    kind: SkipKind
    rows: int
    first_line: int

    def __str__(self) -> str:
        rows = "1 row" if self.rows == 1 else f"{self.rows:,} rows"
        return f"{self.kind}: {rows}, the first on line {self.first_line}: {_WHY[self.kind]}"


def told_loudly(
    skipped: tuple[Skipped, ...],
    *,
    rows: int,
    orders: int,
    orders_skipped: int,
    orders_missing: int,
) -> Iterator[str]:
    """Yield the lines that warn of a file of which much is skipped; none where little is.

    Args:
        skipped: the rows that are no order lines.
        rows: all rows.
        orders: those that are taken.
        orders_skipped: all others.
        orders_missing: those of them that ask for something. In many files the cancellation of an
            order has a number of its own, and is no order that is missing.
    """
    rows_skipped = sum(one.rows for one in skipped)
    is_much = rows_skipped > SKIPPED_SHARE_MAX * rows
    if not is_much and orders_missing <= SKIPPED_SHARE_MAX * (orders + orders_missing):
        return
    yield (
        f"WARNING: {rows_skipped:,} of {rows:,} rows ({rows_skipped / rows:.0%}) are no order "
        f"lines, and {orders_skipped:,} of {orders + orders_skipped:,} orders are left out:"
    )
    yield from (f"  {one}" for one in skipped)
