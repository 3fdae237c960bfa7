"""What the checkouts' workflows count, on the worker's metric meter; replaying counts nothing."""

from __future__ import annotations

from typing import Final, get_args

from temporalio import workflow
from temporalio.common import MetricCounter, MetricMeter

with workflow.unsafe.imports_passed_through():
    from holdfast_client.contract.names import CHECKOUT_WORKFLOW
    from holdfast_client.contract.outcomes import CheckoutStatus

RESERVATIONS: Final = "holdfast_reservations"
_DESCRIPTION: Final = "Checkouts that came to an outcome; a hold that ends counts once more."
OUTCOMES: Final = tuple(status for status in get_args(CheckoutStatus) if status != "pending")


def count_outcome(outcome: CheckoutStatus) -> None:
    """Count that the checkout of the current workflow has come to an outcome."""
    _counter(workflow.metric_meter()).add(1, {"outcome": outcome})


def start_at_zero(meter: MetricMeter, namespace: str, task_queue: str) -> None:
    """Show every outcome from a worker's start on, so that the first is seen as an increase.

    The labels beside the outcome are those that the SDK gives to whatever a workflow counts.
    """
    labels = {
        "namespace": namespace,
        "task_queue": task_queue,
        "workflow_type": CHECKOUT_WORKFLOW,
    }
    for outcome in OUTCOMES:
        _counter(meter).add(0, {**labels, "outcome": outcome})


def _counter(meter: MetricMeter) -> MetricCounter:
    return meter.create_counter(RESERVATIONS, _DESCRIPTION)
