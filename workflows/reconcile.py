"""The reconciler: sets right what no checkout's workflow is left to clean up after."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field
from temporalio import workflow
from temporalio.common import RawValue

with workflow.unsafe.imports_passed_through():
    from activities.reconcile import DriftReport, OverdueBatch, ReconcileActivities
    from holdfast_client.contract.errors import InvalidRequest
    from holdfast_client.contract.fields import Message
    from holdfast_client.contract.names import RECONCILE_WORKFLOW
    from workflows import policies
    from workflows.payloads import invalid_start, read_message


class ReconcileOptions(Message):
    """How a run reconciles.

    Args:
        grace_seconds: how long a hold may be overdue before it is nobody else's business.
        batch_size: holds ended in one transaction, 1 to 500.
        batches_max: batches in one run; what is left waits for the next.
    """

    grace_seconds: Annotated[int, Field(ge=0, le=86_400)] = policies.RECONCILE_GRACE_SECONDS
    batch_size: Annotated[int, Field(ge=1, le=500)] = policies.RECONCILE_BATCH_SIZE
    batches_max: Annotated[int, Field(ge=1, le=500)] = policies.RECONCILE_BATCHES_MAX


@workflow.defn(name=RECONCILE_WORKFLOW)
class ReconcileWorkflow:
    """Ends holds that are overdue by more than the grace period, and reports drift."""

    @workflow.run
    async def run(self, *payloads: RawValue) -> Any:
        options = _read_start(payloads)
        batch = OverdueBatch(options.grace_seconds, options.batch_size)
        released = await self._expire_in_batches(batch, options.batches_max)
        report = await self._find_drift(batch)
        return {"released": released, "overdue": report.overdue, "drift": list(report.drift)}

    async def _expire_in_batches(self, batch: OverdueBatch, batches_max: int) -> int:
        released = 0
        for _ in range(batches_max):
            ended: int = await workflow.execute_activity_method(
                ReconcileActivities.expire_overdue,
                batch,
                schedule_to_close_timeout=policies.RECONCILE_BUDGET,
                start_to_close_timeout=policies.ATTEMPT_TIMEOUT,
                retry_policy=policies.LASTING_RETRY,
                summary=f"End holds overdue by more than {batch.grace_seconds} s",
            )
            released += ended
            if ended < batch.batch_size_max:
                break
        return released

    async def _find_drift(self, batch: OverdueBatch) -> DriftReport:
        report: DriftReport = await workflow.execute_activity_method(
            ReconcileActivities.find_drift,
            batch,
            schedule_to_close_timeout=policies.RECONCILE_BUDGET,
            start_to_close_timeout=policies.DRIFT_TIMEOUT,
            retry_policy=policies.LASTING_RETRY,
            summary="Compare the figures with the open holds",
        )
        return report


def _read_start(payloads: tuple[RawValue, ...]) -> ReconcileOptions:
    if not payloads:
        return ReconcileOptions()
    try:
        return read_message(ReconcileOptions, payloads)
    except InvalidRequest as error:
        raise invalid_start(error) from None
