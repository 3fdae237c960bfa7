"""What the ledger's calls are counted and timed by, on Temporal's own metric meter.

Labels have few values that never grow: no SKU, customer or checkout is ever one. The counters
start at zero when a worker does, so that the first event of a kind shows as an increase.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final, Literal, get_args

from temporalio import activity
from temporalio.common import MetricMeter

from activities.inventory.amendment_records import AmendmentVerdict
from activities.inventory.database.errors import LedgerUnavailable
from activities.inventory.payment_records import PaymentFigures

Operation = Literal[
    "reserve",
    "abandon",
    "close",
    "extend",
    "part",
    "amend",
    "pause",
    "adjust",
    "expire_overdue",
    "find_drift",
]
OPERATIONS: Final[tuple[Operation, ...]] = get_args(Operation)

LEDGER_DURATION: Final = "holdfast_ledger_duration"
LEDGER_BATCH_SIZE: Final = "holdfast_ledger_batch_size"
# From a fraction of a lone reserve on an idle machine up to what a statement may last.
DURATION_BUCKETS_SECONDS: Final = (
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
)
BATCH_SIZE_BUCKETS: Final = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0)


class LedgerMetrics:
    """The counters, gauges and histograms of one worker.

    Args:
        meter: of the worker's Temporal runtime; without one nothing is recorded.
    """

    def __init__(self, meter: MetricMeter = MetricMeter.noop) -> None:
        self._count_calls(meter)
        self._count_checkouts(meter)
        self._open_gauges(meter)
        self._start_at_zero()

    def _count_calls(self, meter: MetricMeter) -> None:
        self._duration = meter.create_histogram_timedelta(
            LEDGER_DURATION, "How long a transaction of the ledger took."
        )
        self._batch_size = meter.create_histogram(
            LEDGER_BATCH_SIZE, "How many requests one transaction of the ledger answered."
        )
        self._retries = meter.create_counter(
            "holdfast_ledger_retries", "Attempts at a call of the ledger beyond the first."
        )
        self._unavailable = meter.create_counter(
            "holdfast_ledger_unavailable", "Calls that the database did not answer or gave up."
        )

    def _count_checkouts(self, meter: MetricMeter) -> None:
        self._tombstone_hits = meter.create_counter(
            "holdfast_tombstone_hits", "Reserves that found their checkout closed already."
        )
        self._late_confirmations = meter.create_counter(
            "holdfast_late_confirmations", "Payments for a hold that had ended otherwise."
        )
        self._shipments = meter.create_counter(
            "holdfast_shipments", "Shipments of committed checkouts."
        )
        self._amendments = meter.create_counter(
            "holdfast_amendments", "Amendments that were asked for, and what was decided."
        )
        self._reconciler_releases = meter.create_counter(
            "holdfast_reconciler_releases", "Overdue holds that the reconciler had to end."
        )
        self._swept_holds = meter.create_counter(
            "holdfast_swept_holds", "Overdue holds that were ended along with another's."
        )

    def _open_gauges(self, meter: MetricMeter) -> None:
        self._units_held = meter.create_gauge(
            "holdfast_units_held", "Units reserved by open holds, when last looked at."
        )
        self._overdue_holds = meter.create_gauge(
            "holdfast_overdue_holds", "Holds overdue by more than the grace, when last looked at."
        )
        self._drift_breaches = meter.create_gauge(
            "holdfast_drift_breaches", "Breaches of I1 and I2, when last looked at."
        )
        self._refunds_due = meter.create_gauge(
            "holdfast_refunds_due", "Payments that are due back, when last looked at."
        )
        self._refund_oldest = meter.create_gauge_float(
            "holdfast_refund_oldest_seconds",
            "For how long the oldest refund has been due, when last looked at.",
        )
        self._payments_in_flight = meter.create_gauge(
            "holdfast_payments_in_flight", "Holds that wait for a payment, when last looked at."
        )
        self._units_waiting = meter.create_gauge(
            "holdfast_units_waiting",
            "Units paid more than a day ago and still on the shelf, when last looked at.",
        )
        self._checked_at = meter.create_gauge(
            "holdfast_ledger_checked_timestamp_seconds",
            "When this worker last looked at the ledger's figures, in seconds since 1970.",
        )

    def observe_batch(self, operation: str, batch_size: int, seconds: float) -> None:
        """Record one transaction for so many requests, whether it succeeded or not."""
        labels = {"operation": operation}
        self._duration.record(timedelta(seconds=seconds), labels)
        self._batch_size.record(batch_size, labels)

    @contextmanager
    def attempt(self, operation: Operation) -> Iterator[None]:
        """Count an attempt of the current activity that repeats another, and one that fails."""
        labels = {"operation": operation}
        if activity.info().attempt > 1:
            self._retries.add(1, labels)
        try:
            yield
        except LedgerUnavailable:
            self._unavailable.add(1, labels)
            raise

    @contextmanager
    def lone_transaction(self, operation: Operation) -> Iterator[None]:
        """Count an attempt, and time it as the one transaction that it is."""
        began = time.perf_counter()
        try:
            with self.attempt(operation):
                yield
        finally:
            seconds = time.perf_counter() - began
            self._duration.record(timedelta(seconds=seconds), {"operation": operation})

    def count_tombstone_hit(self) -> None:
        """Count a reserve that was refused because its checkout was closed before it came."""
        self._tombstone_hits.add(1)

    def count_late_confirmation(self) -> None:
        """Count a payment that found its hold ended otherwise."""
        self._late_confirmations.add(1)

    def count_shipment(self) -> None:
        """Count units of a committed checkout that have left together."""
        self._shipments.add(1)

    def count_amendment(self, verdict: AmendmentVerdict) -> None:
        """Count an amendment, by what was decided."""
        self._amendments.add(1, {"decision": verdict})

    def count_reconciler_releases(self, count: int) -> None:
        """Count holds that no workflow had ended in time."""
        self._reconciler_releases.add(count)

    def count_swept_holds(self, count: int) -> None:
        """Count holds that were ended along with another's, before their own workflow's turn."""
        self._swept_holds.add(count)

    def show_figures(
        self,
        *,
        units_held: int,
        overdue_holds: int,
        drift_breaches: int,
        payments: PaymentFigures,
    ) -> None:
        """Show what the reconciler has just read of the whole ledger.

        Each run of it may be another worker's, so the figures of most workers are old: those with
        the latest time are the ones that count.
        """
        self._units_held.set(units_held)
        self._overdue_holds.set(overdue_holds)
        self._drift_breaches.set(drift_breaches)
        self._refunds_due.set(payments.refunds_due)
        self._refund_oldest.set(payments.refund_oldest_seconds)
        self._payments_in_flight.set(payments.in_flight)
        self._units_waiting.set(payments.units_waiting)
        self._checked_at.set(int(time.time()))

    def _start_at_zero(self) -> None:
        for operation in OPERATIONS:
            self._retries.add(0, {"operation": operation})
            self._unavailable.add(0, {"operation": operation})
        for counter in (
            self._tombstone_hits,
            self._late_confirmations,
            self._shipments,
            self._reconciler_releases,
            self._swept_holds,
        ):
            counter.add(0)
        for verdict in get_args(AmendmentVerdict):
            self._amendments.add(0, {"decision": verdict})
