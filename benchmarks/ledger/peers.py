"""How other shops reserve: three ways, each one transaction a checkout, READ COMMITTED.

Each takes one unit of every SKU in a basket, all or none, and writes the reservation with its lines
and movements. What they leave out is said in :mod:`benchmarks.ledger.peer_tables`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from sqlalchemy import Connection, Engine, TextClause, exc, text

from benchmarks.ledger import peer_tables
from benchmarks.ledger.baskets import Basket
from benchmarks.ledger.crowd import NotServed, Tally, rush, want_at_once
from benchmarks.ledger.server import analyze

Take = Callable[[Connection, Basket], Sequence[int] | None]
"""Take one unit of each SKU and return the stock items' ids, or None where one is short."""

_LOCK: Final = text("""
SELECT id, total_quantity - reserved_quantity AS available
  FROM stock WHERE sku = ANY(:skus) ORDER BY id FOR UPDATE
""")
_READ: Final = text("""
SELECT id, total_quantity - reserved_quantity AS available
  FROM stock WHERE sku = ANY(:skus) ORDER BY id
""")
_INCREMENT: Final = text("""
UPDATE stock SET reserved_quantity = reserved_quantity + 1
 WHERE id = ANY(CAST(:ids AS bigint[]))
""")
_TAKE_IF_FREE: Final = text("""
UPDATE stock SET reserved_quantity = reserved_quantity + 1
 WHERE sku = :sku AND total_quantity >= reserved_quantity + 1
RETURNING id
""")


def lock_then_write(connection: Connection, basket: Basket) -> Sequence[int] | None:
    """Lock the rows in the order of their ids, look, then write: as the large platforms do."""
    return _look_then_write(connection, _LOCK, basket)


def read_then_increment(connection: Connection, basket: Basket) -> Sequence[int] | None:
    """Look without a lock, then write: whoever looks at the same moment sees the same stock."""
    return _look_then_write(connection, _READ, basket)


def take_line_by_line(connection: Connection, basket: Basket) -> Sequence[int] | None:
    """Take each line by an update that finds the row only where enough is free.

    In one order for all, so that no two wait for each other, and undone where a line is short.
    """
    ids = []
    for sku in sorted(basket):
        row = connection.execute(_TAKE_IF_FREE, {"sku": sku}).first()
        if row is None:
            return None
        ids.append(int(row.id))
    return ids


class PeerShop:
    """A shop that reserves in one of these ways, in tables of its own."""

    def __init__(self, engine: Engine, take: Take, skus: Sequence[str]) -> None:
        self._engine = engine
        self._take = take
        peer_tables.make_tables(engine, skus)

    def ask(self, checkout_id: str, basket: Basket) -> bool:
        """Reserve one unit of each SKU, or nothing."""
        try:
            with self._engine.begin() as connection:
                stock_ids = self._take(connection, basket)
                if stock_ids is None:
                    connection.rollback()
                    return False
                peer_tables.write_reservation(connection, checkout_id, stock_ids)
                return True
        except (exc.DBAPIError, exc.TimeoutError) as error:
            raise NotServed from error

    def rush(
        self, customers: Sequence[Callable[[], Basket]], prefix: str, seconds: float
    ) -> tuple[Tally, float]:
        return rush(self.ask, customers, prefix, seconds)

    def want_at_once(self, checkout_ids: Sequence[str], basket: Basket) -> None:
        want_at_once(self.ask, checkout_ids, basket)

    def leave_units(self, basket: Basket, units: int) -> None:
        """Set the totals so that so many units of each SKU are left."""
        peer_tables.leave_units(self._engine, basket, units)

    def analyze(self) -> None:
        analyze(self._engine)

    def oversold_units(self) -> int:
        """Return how many units are promised beyond the totals."""
        return peer_tables.oversold_units(self._engine)

    def close(self) -> None:
        self._engine.dispose()


def _look_then_write(
    connection: Connection, look: TextClause, basket: Basket
) -> Sequence[int] | None:
    levels = connection.execute(look, {"skus": list(basket)}).all()
    if any(row.available < 1 for row in levels):
        return None
    ids = [int(row.id) for row in levels]
    connection.execute(_INCREMENT, {"ids": ids})
    return ids
