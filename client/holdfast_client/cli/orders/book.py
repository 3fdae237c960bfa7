"""Orders as a shop took them, and what else a file of them held."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from holdfast_client.cli.orders.skipped import Skipped, told_loudly


@dataclass(frozen=True)
class Order:
    """One order as the shop took it.

    Equal SKUs on several lines stay several lines, unless that is more than a checkout may have.
    """

    order_id: str
    lines: tuple[tuple[str, int], ...]
    customer_id: str | None = None


@dataclass(frozen=True)
class OrderBook:
    """What an export holds.

    Args:
        orders: in the order in which the file names them first.
        rows: all rows below the headings, empty ones apart.
        skipped: the rows that are no order lines, by reason, the most frequent first.
        orders_skipped: so many orders have no usable line, or more than a checkout may have.
        orders_missing: so many of those have a row whose quantity is not negative; the others only
            take back what was sold.
        names: the first description of each SKU, where the file has any.
        columns: the heading of what each thing was read from, by the name of its option.
        remarks: what was chosen where the file leaves a choice, in sentences.
    """

    orders: tuple[Order, ...]
    rows: int
    skipped: tuple[Skipped, ...]
    orders_skipped: int
    orders_missing: int = 0
    names: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    @property
    def rows_skipped(self) -> int:
        """How many rows are no order lines."""
        return sum(one.rows for one in self.skipped)

    def first(self, limit: int | None) -> OrderBook:
        """Return the book with its first ``limit`` orders only; what is skipped stays counted."""
        return replace(self, orders=self.orders[:limit])

    def warnings(self) -> tuple[str, ...]:
        """Return what a person has to know before the orders are used, in lines.

        To be asked of the whole book: of its first orders alone, a share of the file means nothing.
        """
        return (
            *self.remarks,
            *told_loudly(
                self.skipped,
                rows=self.rows,
                orders=len(self.orders),
                orders_skipped=self.orders_skipped,
                orders_missing=self.orders_missing,
            ),
        )
