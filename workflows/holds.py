"""Who holds what, and until when, asked for through Temporal.

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
    from holdfast_client.contract.holds import HoldsRequest
    from holdfast_client.contract.names import HOLDS_WORKFLOW
    from workflows import ledger_calls
    from workflows.ledger_calls import LedgerOutOfReach
    from workflows.payloads import invalid_start, read_message


@workflow.defn(name=HOLDS_WORKFLOW)
class HoldsWorkflow:
    """Answers with the open holds that are asked for."""

    @workflow.run
    async def run(self, *payloads: RawValue) -> Any:
        try:
            request = read_message(HoldsRequest, payloads)
        except InvalidRequest as error:
            raise invalid_start(error) from None
        try:
            return await ledger_calls.holds(request)
        except LedgerOutOfReach as error:
            raise ApplicationError(
                str(error), type=INVENTORY_UNAVAILABLE, non_retryable=True
            ) from None
