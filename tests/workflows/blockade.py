"""A stranger who locks a stock item, so that whatever the ledger does with it has to wait."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from tests.inventory.shop import Shop
from tests.workflows.waiting import until


class Blockade:
    """The lock on one stock item, held until it is lifted."""

    def __init__(self, connection: psycopg.Connection, shop: Shop) -> None:
        self._connection = connection
        self._shop = shop

    def waiting(self) -> int:
        """Return how many sessions wait, for the stranger or for somebody who does."""
        ((count,),) = self._shop.sql(
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0"
        )
        return int(count)

    async def until_waiting(self, sessions: int = 1) -> None:
        await until(lambda: self.waiting() >= sessions)

    def lift(self) -> None:
        self._connection.rollback()


@contextmanager
def blockade(shop: Shop, sku: str) -> Iterator[Blockade]:
    url = shop.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url) as connection:
        connection.execute("SELECT 1 FROM holdfast.stock_items WHERE sku = %s FOR UPDATE", [sku])
        yield Blockade(connection, shop)
        connection.rollback()
