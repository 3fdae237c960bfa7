"""Jobs of shop B's that take overdue reservations out, and their units off, in one transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import psycopg

CleanUp = Callable[[psycopg.Connection], None]
OVERDUE: Final = "expires_at <= now()"
TAKE_OUT: Final = (
    f"DELETE FROM inventory_stockreservation WHERE {OVERDUE} RETURNING product_id, quantity"
)
FIND: Final = (
    f"SELECT product_id, quantity FROM inventory_stockreservation WHERE {OVERDUE} FOR UPDATE"
)
TAKE_OFF: Final = "UPDATE inventory_product SET reserved_stock = reserved_stock - %s WHERE id = %s"
# By their ids: a row that comes meanwhile may be overdue too, where it had to wait for its product.
FIND_EACH: Final = FIND.replace("SELECT", "SELECT id,")
LEAVE_OUT_EACH: Final = "DELETE FROM inventory_stockreservation WHERE id = ANY(%s)"
# What buyers of the shop's own have reserved, of less than so many units, and no job may find yet.
OWN_AHEAD: Final = (
    "SELECT FROM inventory_stockreservation WHERE expires_at > now() AND quantity < %s"
)
LEAVE_OUT: Final = f"DELETE FROM inventory_stockreservation WHERE {OVERDUE}"

IN_DJANGO: Final = """
from django.utils import timezone
def clear_up():
    with transaction.atomic():
        for row in StockReservation.objects.expired().select_for_update():
            product = Product.objects.select_for_update().get(pk=row.product_id)
            product.reserved_stock -= row.quantity
            product.save(update_fields=["reserved_stock"])
            row.delete()
"""


def rows_first(job: psycopg.Connection) -> None:
    for product, units in job.execute(TAKE_OUT).fetchall():
        job.execute(TAKE_OFF, [units, product])


def figures_first(job: psycopg.Connection) -> None:
    found = job.execute(FIND_EACH).fetchall()
    for _, product, units in found:
        job.execute(TAKE_OFF, [units, product])
    job.execute(LEAVE_OUT_EACH, [[row for row, _, _ in found]])


def sums_first(job: psycopg.Connection) -> None:
    """Take off all of a product at once, its own and the holds', which goes below what is held."""
    sums: dict[int, int] = {}
    found = job.execute(FIND_EACH).fetchall()
    for _, product, units in found:
        sums[product] = sums.get(product, 0) + units
    for product, units in sorted(sums.items()):
        job.execute(TAKE_OFF, [units, product])
    job.execute(LEAVE_OUT_EACH, [[row for row, _, _ in found]])


def sums_last(job: psycopg.Connection) -> None:
    sums: dict[int, int] = {}
    for product, units in job.execute(TAKE_OUT).fetchall():
        sums[product] = sums.get(product, 0) + units
    for product, units in sorted(sums.items()):
        job.execute(TAKE_OFF, [units, product])


def one_statement(job: psycopg.Connection) -> None:
    job.execute(
        f"WITH gone AS ({TAKE_OUT}), sums AS (SELECT product_id, sum(quantity) AS units FROM gone "
        "GROUP BY product_id) UPDATE inventory_product AS p "
        "SET reserved_stock = p.reserved_stock - s.units FROM sums AS s WHERE p.id = s.product_id"
    )


def counted_anew(job: psycopg.Connection) -> None:
    """Write what the rows that stay stand for."""
    job.execute(LEAVE_OUT)
    job.execute(
        "UPDATE inventory_product AS p SET reserved_stock = coalesce((SELECT sum(r.quantity) "
        "FROM inventory_stockreservation AS r WHERE r.product_id = p.id), 0)"
    )


JOBS: Final[tuple[CleanUp, ...]] = (
    rows_first,
    figures_first,
    sums_first,
    sums_last,
    one_statement,
    counted_anew,
)
