"""The activities of the reconciler: end what is overdue, report what does not add up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from temporalio import activity

from activities.attempt import attempt_fields, to_its_end
from activities.failures import told_to_temporal
from activities.inventory.async_ledger import AsyncLedger
from activities.inventory.payment_records import PaymentFigures
from activities.inventory.records import Breach
from activities.metrics import LedgerMetrics

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

    def __init__(self, ledger: AsyncLedger, metrics: LedgerMetrics) -> None:
        self._ledger = ledger
        self._metrics = metrics

    @activity.defn(name="expire_overdue")
    async def expire_overdue(self, batch: OverdueBatch) -> int:
        """End a batch of overdue holds; return how many."""
        with told_to_temporal(), self._metrics.lone_transaction("expire_overdue"):
            released = await to_its_end(
                self._ledger.expire_overdue(batch.grace_seconds, batch.batch_size_max)
            )
        if released:
            self._metrics.count_reconciler_releases(released)
            _log.warning("expire_overdue", released=released, **attempt_fields())
        return released

    @activity.defn(name="find_drift")
    async def find_drift(self, batch: OverdueBatch) -> DriftReport:
        """Check the figures against the open holds; report at most ``batch_size_max`` breaches."""
        with told_to_temporal(), self._metrics.lone_transaction("find_drift"):
            overdue, breaches, units_held, payments = await to_its_end(
                self._figures(batch.grace_seconds, batch.batch_size_max)
            )
        self._metrics.show_figures(
            units_held=units_held,
            overdue_holds=overdue,
            drift_breaches=len(breaches),
            payments=payments,
        )
        for breach in breaches:
            _log.error("drift", breach=str(breach), **attempt_fields())
        return DriftReport(overdue, tuple(str(breach) for breach in breaches))

    async def _figures(
        self, grace_seconds: int, breaches_max: int
    ) -> tuple[int, Sequence[Breach], int, PaymentFigures]:
        await self._ledger.follow_shop()
        overdue = await self._ledger.count_overdue(grace_seconds)
        breaches = (await self._ledger.drift())[:breaches_max]
        units_held = await self._ledger.units_held()
        return overdue, breaches, units_held, await self._ledger.payment_figures()
