"""The activities of the reconciler: end what is overdue, report what does not add up."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from activities.attempt import ledger_call
from activities.failures import told_to_temporal
from activities.inventory.ledger import Ledger

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class OverdueBatch:
    """Holds overdue by more than ``grace_seconds``, at most ``batch_size_max`` of them."""

    grace_seconds: int
    batch_size_max: int


@dataclass(frozen=True, slots=True)
class DriftReport:
    """How many holds are overdue by more than the grace, and what breaks an invariant."""

    overdue: int
    drift: tuple[str, ...]


class ReconcileActivities:
    """What the reconciler's workflow asks of the ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    @ledger_call("expire_overdue")
    def expire_overdue(self, batch: OverdueBatch) -> int:
        """End a batch of overdue holds; return how many."""
        with told_to_temporal():
            released = self._ledger.expire_overdue(batch.grace_seconds, batch.batch_size_max)
        if released:
            _log.warning("expire_overdue", released=released)
        return released

    @ledger_call("find_drift")
    def find_drift(self, batch: OverdueBatch) -> DriftReport:
        """Check the figures against the open holds; report at most ``batch_size_max`` breaches."""
        with told_to_temporal():
            overdue = self._ledger.count_overdue(batch.grace_seconds)
            breaches = self._ledger.drift()[: batch.batch_size_max]
        for breach in breaches:
            _log.error("drift", breach=str(breach))
        return DriftReport(overdue, tuple(str(breach) for breach in breaches))
