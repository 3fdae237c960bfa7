"""A stock adjustment as a workflow: applied once, with its reason on record."""

from __future__ import annotations

from typing import Any

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.adjust_stock import StockActivities
    from holdfast_client.contract.errors import InvalidRequest
    from holdfast_client.contract.messages import StockAdjustment
    from holdfast_client.contract.names import (
        ADJUST_STOCK_WORKFLOW,
        ADJUSTMENT_CONFLICT,
        adjustment_workflow_id,
    )
    from workflows import policies, web_ui
    from workflows.payloads import invalid_start, read_message


@workflow.defn(name=ADJUST_STOCK_WORKFLOW)
class AdjustStockWorkflow:
    """Receives, corrects or counts the stock of one SKU at one location."""

    @workflow.run
    async def run(self, *payloads: RawValue) -> Any:
        adjustment = _read_start(payloads)
        try:
            return await workflow.execute_activity_method(
                StockActivities.adjust_stock,
                adjustment,
                schedule_to_close_timeout=policies.LASTING_RETRY_BUDGET,
                start_to_close_timeout=policies.ATTEMPT_TIMEOUT,
                retry_policy=policies.LASTING_RETRY,
                summary=web_ui.adjustment_summary(adjustment),
            )
        except ActivityError as error:
            cause = error.cause
            if isinstance(cause, ApplicationError) and cause.type == ADJUSTMENT_CONFLICT:
                raise ApplicationError(
                    cause.message, *cause.details, type=ADJUSTMENT_CONFLICT, non_retryable=True
                ) from None
            raise


def _read_start(payloads: tuple[RawValue, ...]) -> StockAdjustment:
    try:
        adjustment = read_message(StockAdjustment, payloads)
        expected = adjustment_workflow_id(adjustment.adjustment_id)
        if workflow.info().workflow_id != expected:
            raise InvalidRequest("adjustment_id", f"the workflow id must be {expected}")
    except InvalidRequest as error:
        raise invalid_start(error) from None
    return adjustment
