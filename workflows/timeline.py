"""The timeline of a checkout from the database, asked for through Temporal.

Clients know Temporal alone, so they ask by a workflow that reads once and ends.
"""

from __future__ import annotations

from typing import Any

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.failures import INVENTORY_UNAVAILABLE
    from holdfast_client.contract.errors import InvalidRequest
    from holdfast_client.contract.names import CHECKOUT_NOT_FOUND, TIMELINE_WORKFLOW
    from holdfast_client.contract.timeline import TimelineRequest
    from workflows import ledger_calls
    from workflows.ledger_calls import LedgerOutOfReach
    from workflows.payloads import invalid_start, read_message


@workflow.defn(name=TIMELINE_WORKFLOW)
class TimelineWorkflow:
    """Answers with what the database has on one checkout."""

    @workflow.run
    async def run(self, *payloads: RawValue) -> Any:
        try:
            request = read_message(TimelineRequest, payloads)
        except InvalidRequest as error:
            raise invalid_start(error) from None
        try:
            timeline = await ledger_calls.timeline(request)
        except LedgerOutOfReach as error:
            raise ApplicationError(
                str(error), type=INVENTORY_UNAVAILABLE, non_retryable=True
            ) from None
        if timeline is None:
            raise ApplicationError(
                f"checkout {request.checkout_id!r} is not known to the database",
                type=CHECKOUT_NOT_FOUND,
                non_retryable=True,
            )
        return timeline
