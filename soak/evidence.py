"""What the database says in the end, read by statements of its own and not by the ledger's."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine, text

_RESERVATIONS: Final = text("""
SELECT r.checkout_id, r.status, r.ends_at, r.closed_at, r.payment_reference,
       min(r.closed_at) FILTER (WHERE r.status = 'expired') OVER attempts AS expired_at,
       array_agg(r.payment_reference) FILTER (WHERE r.status IN ('committed', 'fulfilled'))
           OVER attempts AS paid_by
  FROM holdfast.reservations AS r
WINDOW attempts AS (PARTITION BY r.checkout_id)
 ORDER BY r.attempt
""")
_PAYMENTS: Final = text("""
SELECT p.payment_reference, p.checkout_id, p.state, p.reason
  FROM holdfast.payments AS p
""")
_REFUNDS_DUE: Final = text("SELECT payment_reference FROM holdfast.refunds_due")
_LINES: Final = text("""
SELECT r.checkout_id, s.sku, l.fulfilled_quantity
  FROM holdfast.reservation_lines AS l
  JOIN holdfast.reservations AS r ON r.id = l.reservation_id
  JOIN holdfast.stock_items AS s ON s.id = l.stock_item_id
""")
_MOVEMENTS: Final = text("""
SELECT r.checkout_id, m.kind, s.sku, m.total_delta, m.reserved_delta
  FROM holdfast.stock_movements AS m
  LEFT JOIN holdfast.reservations AS r ON r.id = m.reservation_id
  JOIN holdfast.stock_items AS s ON s.id = m.stock_item_id
 ORDER BY m.stock_item_id, m.id
""")
_STOCK: Final = text("SELECT sku, total_quantity, reserved_quantity FROM holdfast.stock_items")
_CLOCK: Final = text("SELECT holdfast.clock()")


@dataclass(frozen=True, slots=True)
class Movement:
    """One change of a stock item's figures by a reservation."""

    kind: str
    sku: str
    total_delta: int
    reserved_delta: int


@dataclass(slots=True)
class Reservation:
    """Where a checkout stands, with what left of each line by SKU, and all its movements.

    Its status and payment are those of its last attempt, its lines and movements those of all.
    ``ends_at`` is None without a deadline, ``expired_at`` where none of them has expired;
    ``paid_by`` are the payments that settled any of them.
    """

    status: str
    ends_at: datetime | None
    expired_at: datetime | None
    payment_reference: str | None
    lines: dict[str, int]
    movements: list[Movement]
    paid_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Payment:
    """One row of the payments, and whether it is listed among those that are due back."""

    checkout_id: str
    state: str
    reason: str = ""
    is_listed: bool = False


@dataclass(slots=True)
class StockFigures:
    """One stock item: what came in beside reservations, and what its row says."""

    received: int
    total: int
    reserved: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """The whole database at one moment of its own clock.

    Args:
        at: the moment.
        reservations: by checkout id.
        stock: by SKU.
        payments: by reference.
        breaches: of the invariants, as the audit words them.
        failed_tasks: why workflow tasks failed by our own code, with the workflow's id.
        open_checkouts: ids of the checkouts whose workflows still run.
        latest: by checkout id, the end of the history of one that is open or was not answered.
    """

    at: datetime
    reservations: dict[str, Reservation]
    stock: dict[str, StockFigures]
    payments: dict[str, Payment] = field(default_factory=dict)
    breaches: tuple[str, ...] = ()
    failed_tasks: tuple[str, ...] = ()
    open_checkouts: tuple[str, ...] = ()
    latest: dict[str, str] = field(default_factory=dict)


def read_evidence(engine: Engine) -> Evidence:
    """Read the whole database in one snapshot."""
    snapshot = engine.execution_options(isolation_level="REPEATABLE READ")
    with snapshot.begin() as connection:
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        reservations = _reservations(connection)
        stock = {
            row.sku: StockFigures(0, row.total_quantity, row.reserved_quantity)
            for row in connection.execute(_STOCK)
        }
        for row in connection.execute(_MOVEMENTS):
            _assign(row, reservations, stock)
        payments = _payments(connection)
        at = connection.execute(_CLOCK).scalar_one()
    return Evidence(at, reservations, stock, payments)


def _reservations(connection: Connection) -> dict[str, Reservation]:
    found = {
        row.checkout_id: Reservation(
            row.status,
            row.ends_at,
            row.expired_at,
            row.payment_reference,
            {},
            [],
            tuple(row.paid_by or ()),
        )
        for row in connection.execute(_RESERVATIONS)
    }
    for row in connection.execute(_LINES):
        lines = found[row.checkout_id].lines
        lines[row.sku] = lines.get(row.sku, 0) + row.fulfilled_quantity
    return found


def _payments(connection: Connection) -> dict[str, Payment]:
    listed = set(connection.execute(_REFUNDS_DUE).scalars())
    return {
        row.payment_reference: Payment(
            row.checkout_id, row.state, row.reason, row.payment_reference in listed
        )
        for row in connection.execute(_PAYMENTS)
    }


def _assign(row: Any, reservations: dict[str, Reservation], stock: dict[str, StockFigures]) -> None:
    if row.checkout_id is None:
        stock[row.sku].received += row.total_delta
        return
    movement = Movement(row.kind, row.sku, row.total_delta, row.reserved_delta)
    reservations[row.checkout_id].movements.append(movement)
