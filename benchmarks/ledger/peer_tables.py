"""The tables of a shop that keeps its own stock, as the peers use them.

They hold what Holdfast's hold, a reservation with its lines and movements, and leave out what the
peers do without, to their advantage: the constraints on figures, the guard against a second
movement, the index for deadlines, the digest that tells a repeated request from a different one,
and the record of what was denied.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, Engine, text

from benchmarks.ledger.baskets import STOCK_AMPLE, Basket

_TABLES: Final = (
    """
    CREATE TABLE stock (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        sku text NOT NULL UNIQUE,
        total_quantity bigint NOT NULL,
        reserved_quantity bigint NOT NULL DEFAULT 0
    ) WITH (fillfactor = 50)
    """,
    """
    CREATE TABLE reservations (
        id text COLLATE "C" PRIMARY KEY,
        status text NOT NULL,
        expires_at timestamptz NOT NULL,
        created_at timestamptz NOT NULL
    )
    """,
    """
    CREATE TABLE reservation_lines (
        reservation_id text COLLATE "C" NOT NULL REFERENCES reservations,
        stock_id bigint NOT NULL REFERENCES stock,
        quantity bigint NOT NULL,
        PRIMARY KEY (reservation_id, stock_id)
    )
    """,
    """
    CREATE TABLE stock_movements (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        stock_id bigint NOT NULL REFERENCES stock,
        reservation_id text COLLATE "C" NOT NULL REFERENCES reservations,
        kind text NOT NULL,
        reserved_delta bigint NOT NULL,
        created_at timestamptz NOT NULL
    )
    """,
)

# One statement a table, each for all lines at once.
_WRITE_RESERVATION: Final = text("""
INSERT INTO reservations (id, status, expires_at, created_at)
VALUES (:id, 'held', clock_timestamp() + interval '15 minutes', clock_timestamp())
""")
_WRITE_LINES: Final = text("""
INSERT INTO reservation_lines (reservation_id, stock_id, quantity)
SELECT :id, stock_id, 1 FROM unnest(CAST(:stock_ids AS bigint[])) AS l(stock_id)
""")
_WRITE_MOVEMENTS: Final = text("""
INSERT INTO stock_movements (stock_id, reservation_id, kind, reserved_delta, created_at)
SELECT stock_id, :id, 'reserve', 1, clock_timestamp()
  FROM unnest(CAST(:stock_ids AS bigint[])) AS l(stock_id)
""")
_OVERSOLD: Final = text("""
SELECT coalesce(sum(greatest(promised.quantity - s.total_quantity, 0)), 0)
  FROM stock AS s
  JOIN (SELECT stock_id, sum(quantity) AS quantity FROM reservation_lines GROUP BY 1) AS promised
    ON promised.stock_id = s.id
""")


def make_tables(engine: Engine, skus: Sequence[str]) -> None:
    """Make the tables, and stock that no run will use up."""
    with engine.begin() as connection:
        for table in _TABLES:
            connection.execute(text(table))
        connection.execute(
            text(
                "INSERT INTO stock (sku, total_quantity) "
                "SELECT unnest(CAST(:skus AS text[])), :total"
            ),
            {"skus": list(skus), "total": STOCK_AMPLE},
        )


def leave_units(engine: Engine, basket: Basket, units: int) -> None:
    """Set the totals so that so many units of each are left."""
    with engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE stock SET total_quantity = reserved_quantity + :units "
                "WHERE sku = ANY(:skus)"
            ),
            {"units": units, "skus": list(basket)},
        )


def write_reservation(
    connection: Connection, reservation_id: str, stock_ids: Sequence[int]
) -> None:
    """Write a hold of one unit of each stock item: reservation, lines, movements."""
    connection.execute(_WRITE_RESERVATION, {"id": reservation_id})
    lines = {"id": reservation_id, "stock_ids": list(stock_ids)}
    connection.execute(_WRITE_LINES, lines)
    connection.execute(_WRITE_MOVEMENTS, lines)


def oversold_units(engine: Engine) -> int:
    """Return how many units were promised that are not there."""
    with engine.begin() as connection:
        return int(connection.execute(_OVERSOLD).scalar_one())
