"""Payments that are due back: listed, and put down as gone back, through Temporal.

Clients know Temporal alone, so they ask by a workflow that asks the ledger once and ends.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.failures import INVENTORY_UNAVAILABLE
    from holdfast_client.contract.errors import InvalidRequest
    from holdfast_client.contract.fields import Message
    from holdfast_client.contract.names import REFUND_DONE_WORKFLOW, REFUNDS_WORKFLOW
    from holdfast_client.contract.refunds import RefundDone, RefundsRequest
    from workflows import ledger_calls
    from workflows.ledger_calls import LedgerOutOfReach, LedgerRefusal
    from workflows.payloads import invalid_start, read_message

MessageT = TypeVar("MessageT", bound=Message)


@workflow.defn(name=REFUNDS_WORKFLOW)
class RefundsWorkflow:
    """Answers with the payments that are due back."""

    @workflow.run
    async def run(self, *payloads: RawValue) -> Any:
        return await _asked(RefundsRequest, payloads, ledger_calls.refunds)


@workflow.defn(name=REFUND_DONE_WORKFLOW)
class RefundDoneWorkflow:
    """Puts down that a payment has gone back."""

    @workflow.run
    async def run(self, *payloads: RawValue) -> Any:
        return await _asked(RefundDone, payloads, ledger_calls.refund_done)


async def _asked(
    model: type[MessageT],
    payloads: tuple[RawValue, ...],
    ask: Callable[[MessageT], Awaitable[Any]],
) -> Any:
    try:
        return await ask(read_message(model, payloads))
    except InvalidRequest as error:
        raise invalid_start(error) from None
    except LedgerRefusal as error:
        raise error.failure() from None
    except LedgerOutOfReach as error:
        raise ApplicationError(str(error), type=INVENTORY_UNAVAILABLE, non_retryable=True) from None
