"""The activity of a stock adjustment."""

from __future__ import annotations

import structlog
from temporalio import activity

from activities.attempt import attempt_fields, to_its_end
from activities.failures import told_to_temporal
from activities.inventory.async_ledger import AsyncLedger
from activities.metrics import LedgerMetrics
from holdfast_client.contract.messages import StockAdjustment
from holdfast_client.contract.outcomes import KnownAdjustmentOutcome

_log = structlog.get_logger(__name__)


class StockActivities:
    """What the warehouse's workflow asks of the ledger."""

    def __init__(self, ledger: AsyncLedger, metrics: LedgerMetrics) -> None:
        self._ledger = ledger
        self._metrics = metrics

    @activity.defn(name="adjust_stock")
    async def adjust_stock(self, adjustment: StockAdjustment) -> KnownAdjustmentOutcome:
        """Receive, correct or count stock."""
        with told_to_temporal(), self._metrics.lone_transaction("adjust"):
            outcome = await to_its_end(self._ledger.adjust(adjustment))
        _log.info(
            "adjust_stock",
            adjustment_id=adjustment.adjustment_id,
            sku=adjustment.sku,
            decision=outcome.status,
            **attempt_fields(),
        )
        return outcome
