"""Holdfast's own ledger in the place of a shop: callers of one moment share a transaction."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Engine

from activities.inventory.database.errors import LedgerUnavailable
from activities.inventory.database.migrate import upgrade
from activities.inventory.grouping.batches import in_batches
from activities.inventory.grouping.grouped_ledger import GroupedLedger
from activities.inventory.ledger import Ledger
from activities.inventory.records import StockRow
from benchmarks.case import AuditFailed
from benchmarks.ledger.baskets import STOCK_AMPLE, Basket
from benchmarks.ledger.crowd import NotServed
from benchmarks.ledger.server import analyze
from holdfast_client.contract.messages import CheckoutRequest, Line
from holdfast_client.contract.names import DEFAULT_LOCATION
from holdfast_client.contract.outcomes import Held


class HoldfastShop:
    """The ledger as a worker uses it, on a database of its own."""

    def __init__(self, engine: Engine, skus: Sequence[str]) -> None:
        upgrade(engine)
        self._engine = engine
        self.ledger = Ledger(engine)
        self._grouped = GroupedLedger(self.ledger)
        self._set_totals(dict.fromkeys(skus, STOCK_AMPLE))

    def ask(self, checkout_id: str, basket: Basket) -> bool:
        """Reserve one unit of each SKU, or nothing."""
        lines = tuple(Line(sku=sku, quantity=1) for sku in basket)
        request = CheckoutRequest(checkout_id=checkout_id, lines=lines)
        try:
            return isinstance(self._grouped.reserve(request).outcome, Held)
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
        self._engine.dispose()

    def _set_totals(self, totals: dict[str, int]) -> None:
        rows = [StockRow(sku, DEFAULT_LOCATION, total) for sku, total in totals.items()]
        for batch in in_batches(rows):
            self.ledger.load_stock(batch)
