"""The stock ledger of the peers, DBOS and plain Postgres: simple, and right.

Stock rows are locked in the order of their ids, all lines are held or none, and a reservation
leaves ``held`` once. It keeps no record of movements, names no shortages and expires nothing on
the way, all of which is to its advantage.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

SCHEMA: Final = (
    """CREATE TABLE stock (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        sku text NOT NULL UNIQUE,
        total integer NOT NULL,
        reserved integer NOT NULL DEFAULT 0,
        CHECK (reserved BETWEEN 0 AND total)
    )""",
    """CREATE TABLE reservation (
        id text PRIMARY KEY,
        status text NOT NULL,
        expires_at timestamptz NOT NULL
    )""",
    """CREATE TABLE reservation_line (
        reservation_id text NOT NULL REFERENCES reservation,
        stock_id bigint NOT NULL REFERENCES stock,
        quantity integer NOT NULL,
        PRIMARY KEY (reservation_id, stock_id)
    )""",
)

_LOCK_STOCK: Final = text(
    """SELECT s.id, s.total - s.reserved AS available, w.quantity
    FROM stock s JOIN unnest(CAST(:skus AS text[]), CAST(:quantities AS int[]))
      AS w (sku, quantity) USING (sku)
    ORDER BY s.id FOR UPDATE OF s"""
)
_INSERT_HOLD: Final = text(
    """WITH held AS (
        INSERT INTO reservation (id, status, expires_at)
        VALUES (:id, 'held', clock_timestamp() + make_interval(secs => :hold_seconds))
        RETURNING id
    ), lines AS (
        INSERT INTO reservation_line (reservation_id, stock_id, quantity)
        SELECT held.id, w.stock_id, w.quantity
        FROM held, unnest(CAST(:stock_ids AS bigint[]), CAST(:quantities AS int[]))
          AS w (stock_id, quantity)
        RETURNING stock_id, quantity
    )
    UPDATE stock SET reserved = reserved + lines.quantity FROM lines WHERE id = lines.stock_id"""
)
_CLOSE: Final = text(
    "UPDATE reservation SET status = :status WHERE id = :id AND status = 'held' RETURNING id"
)
_GIVE_BACK: Final = text(
    """WITH lines AS (
        SELECT stock_id, quantity FROM reservation_line WHERE reservation_id = :id
    ), locked AS (
        SELECT s.id, lines.quantity FROM stock s JOIN lines ON s.id = lines.stock_id
        ORDER BY s.id FOR UPDATE OF s
    )
    UPDATE stock SET reserved = reserved - locked.quantity,
        total = total - CASE WHEN :sold THEN locked.quantity ELSE 0 END
    FROM locked WHERE stock.id = locked.id"""
)
_OVERDUE: Final = text(
    """SELECT id FROM reservation WHERE status = 'held' AND expires_at <= clock_timestamp()
    ORDER BY expires_at LIMIT :size FOR UPDATE SKIP LOCKED"""
)
_WRONG: Final = text(
    """SELECT count(*) FROM stock s WHERE reserved <> (
        SELECT coalesce(sum(l.quantity), 0) FROM reservation_line l
        JOIN reservation r ON r.id = l.reservation_id
        WHERE l.stock_id = s.id AND r.status = 'held')"""
)
_SOLD: Final = text("SELECT count(*) FROM reservation WHERE status = 'fulfilled'")


def create(connection: Connection, skus: Sequence[str], units_each: int) -> None:
    """Make the tables and fill the stock."""
    for statement in SCHEMA:
        connection.execute(text(statement))
    connection.execute(
        text("INSERT INTO stock (sku, total) SELECT unnest(CAST(:skus AS text[])), :units"),
        {"skus": list(skus), "units": units_each},
    )


def reserve(session: Session, checkout_id: str, request: dict[str, Any]) -> dict[str, Any]:
    """Hold all lines or none; the SKUs of a request differ."""
    lines = request["lines"]
    wanted = {
        "skus": [line["sku"] for line in lines],
        "quantities": [line["quantity"] for line in lines],
    }
    rows = session.execute(_LOCK_STOCK, wanted).all()
    if len(rows) < len(lines) or any(row.available < row.quantity for row in rows):
        return {"status": "denied"}
    session.execute(
        _INSERT_HOLD,
        {
            "id": checkout_id,
            "hold_seconds": request["hold_seconds"],
            "stock_ids": [row.id for row in rows],
            "quantities": [row.quantity for row in rows],
        },
    )
    return {"status": "held"}


def close(session: Session, checkout_id: str, status: str) -> dict[str, Any]:
    """End a hold, selling or giving back what it holds."""
    if session.execute(_CLOSE, {"id": checkout_id, "status": status}).first() is None:
        return {"status": "closed before"}
    session.execute(_GIVE_BACK, {"id": checkout_id, "sold": status == "fulfilled"})
    return {"status": status}


def sweep(session: Session, size: int) -> int:
    """End holds that are over, at most so many, and return how many; who is at work is left out."""
    overdue = session.execute(_OVERDUE, {"size": size}).scalars().all()
    for checkout_id in overdue:
        close(session, checkout_id, "expired")
    return len(overdue)


def audit(connection: Connection) -> tuple[int, int]:
    """Return how many stock rows are wrong, and how many reservations were fulfilled."""
    return (_count(connection, _WRONG), _count(connection, _SOLD))


def _count(connection: Connection, statement: sa.TextClause) -> int:
    return int(connection.execute(statement).scalar_one())
