"""Holdfast's own ledger in the place of a shop: callers of one moment share a transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import uvloop

from activities.inventory.async_ledger import AsyncLedger
from activities.inventory.database.errors import LedgerUnavailable
from activities.inventory.database.migrate import upgrade
from activities.inventory.database.pool import LedgerPool
from activities.inventory.grouping.batches import in_batches
from activities.inventory.grouping.grouped_ledger import GroupedLedger
from activities.inventory.ledger import Ledger
from activities.inventory.records import StockRow
from benchmarks.case import AuditFailed
from benchmarks.ledger.baskets import STOCK_AMPLE, Basket
from benchmarks.ledger.crowd import NotServed, Tally, rush_async
from benchmarks.ledger.server import CONNECTIONS_MAX, analyze, connect
from holdfast_client.contract.messages import CheckoutRequest, Line
from holdfast_client.contract.names import DEFAULT_LOCATION
from holdfast_client.contract.outcomes import Held


class HoldfastShop:
    """The ledger as a worker uses it, on a database of its own."""

    def __init__(self, url: str, skus: Sequence[str]) -> None:
        self._engine = connect(url)
        upgrade(self._engine)
        self.ledger = Ledger(self._engine)
        # The loop that a worker runs in.
        self._loop = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        self._pool = LedgerPool(
            url, connections_max=CONNECTIONS_MAX, application_name="holdfast-bench"
        )
        self._grouped = GroupedLedger(AsyncLedger(self._pool))
        self._set_totals(dict.fromkeys(skus, STOCK_AMPLE))

    def rush(
        self, customers: Sequence[Callable[[], Basket]], prefix: str, seconds: float
    ) -> tuple[Tally, float]:
        return self._loop.run(rush_async(self._ask, customers, prefix, seconds))

    def want_at_once(self, checkout_ids: Sequence[str], basket: Basket) -> None:
        async def want() -> None:
            await asyncio.gather(*(Tally().ask_async(self._ask, id, basket) for id in checkout_ids))

        self._loop.run(want())

    async def _ask(self, checkout_id: str, basket: Basket) -> bool:
        """Reserve one unit of each SKU, or nothing."""
        lines = tuple(Line(sku=sku, quantity=1) for sku in basket)
        request = CheckoutRequest(checkout_id=checkout_id, lines=lines)
        try:
            return isinstance((await self._grouped.reserve(request)).outcome, Held)
        except LedgerUnavailable as error:
            raise NotServed from error

    def leave_units(self, basket: Basket, units: int) -> None:
        """Set the totals so that so many units of each SKU are left."""
        for batch in in_batches(list(basket)):
            figures = self.ledger.availability(batch)
            self._set_totals({item.sku: item.reserved + units for item in figures})

    def analyze(self) -> None:
        analyze(self._engine)

    def oversold_units(self) -> int:
        """Return 0, which the audit has proved.

        Raises:
            AuditFailed: it could not.
        """
        breaches = self.ledger.audit()
        if breaches:
            raise AuditFailed(f"the ledger does not add up: {breaches[0]}")
        return 0

    def close(self) -> None:
        self._loop.run(self._pool.close())
        self._loop.close()
        self._engine.dispose()

    def _set_totals(self, totals: dict[str, int]) -> None:
        rows = [StockRow(sku, DEFAULT_LOCATION, total) for sku, total in totals.items()]
        for batch in in_batches(rows):
            self.ledger.load_stock(batch)
