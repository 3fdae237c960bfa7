"""The activity of a stock adjustment."""

from __future__ import annotations

import structlog

from activities.attempt import attempt_fields, ledger_call
from activities.failures import told_to_temporal
from activities.inventory.ledger import Ledger
from activities.metrics import LedgerMetrics
from holdfast_client.contract.messages import StockAdjustment
from holdfast_client.contract.outcomes import KnownAdjustmentOutcome

_log = structlog.get_logger(__name__)


class StockActivities:
    """What the warehouse's workflow asks of the ledger."""

    def __init__(self, ledger: Ledger, metrics: LedgerMetrics) -> None:
        self._ledger = ledger
        self._metrics = metrics

    @ledger_call("adjust_stock")
    def adjust_stock(self, adjustment: StockAdjustment) -> KnownAdjustmentOutcome:
        """Receive, correct or count stock."""
        with told_to_temporal(), self._metrics.lone_transaction("adjust"):
            outcome = self._ledger.adjust(adjustment)
        _log.info(
            "adjust_stock",
            adjustment_id=adjustment.adjustment_id,
            sku=adjustment.sku,
            decision=outcome.status,
            **attempt_fields(),
        )
        return outcome
