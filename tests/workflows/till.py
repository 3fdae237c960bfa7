"""A checkout service that knows only Temporal, the contract's names and JSON.

It shares no model and no client with Holdfast, so it stands for one in any other language: every
answer is what JSON says, and a message may be as wrong as a test needs it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.update.v1 import UpdateRef
from temporalio.api.workflowservice.v1 import PollWorkflowExecutionUpdateRequest
from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowUpdateFailedError,
)
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from tests.workflows.waiting import queried, until

Json = Any
HOLD_SECONDS: Final = 900


def request(checkout_id: str, lines: Mapping[str, int], **fields: Json) -> dict[str, Json]:
    """Return a request as the contract spells it, one line for each SKU."""
    return {
        "checkout_id": checkout_id,
        "lines": [{"sku": sku, "quantity": quantity} for sku, quantity in lines.items()],
        **fields,
    }


def _lines(quantities: Mapping[str, int] | None) -> Json:
    if quantities is None:
        return None
    return [{"sku": sku, "quantity": quantity} for sku, quantity in quantities.items()]


def moment(text: str) -> datetime:
    """Read a time as RFC 3339 writes it in UTC."""
    assert text.endswith("Z"), text
    return datetime.fromisoformat(text)


async def refusal_of(update: Awaitable[Any]) -> ApplicationError:
    """Return why an update was rejected."""
    with pytest.raises(WorkflowUpdateFailedError) as caught:
        await update
    cause = caught.value.cause
    assert isinstance(cause, ApplicationError), cause
    return cause


async def failure_of(result: Awaitable[Any]) -> ApplicationError:
    """Return why a workflow failed."""
    with pytest.raises(WorkflowFailureError) as caught:
        await result
    cause = caught.value.cause
    assert isinstance(cause, ApplicationError), cause
    return cause


class Till:
    """Speaks to the checkouts of one task queue."""

    def __init__(self, client: Client, task_queue: str) -> None:
        self.client = client
        self.task_queue = task_queue

    def handle(self, checkout_id: str) -> WorkflowHandle[Any, Any]:
        return self.client.get_workflow_handle(f"checkout/{checkout_id}")

    async def reserve(self, checkout_id: str, lines: Mapping[str, int], **fields: Json) -> Json:
        """Start the checkout, or join it, and wait for the decision."""
        return await self.ask(request(checkout_id, lines, **fields))

    async def ask(self, message: Json, **options: Any) -> Json:
        """Send a whole request with its start."""
        start: WithStartWorkflowOperation[Any, Any] = WithStartWorkflowOperation(
            "CheckoutWorkflow",
            message,
            id=f"checkout/{message['checkout_id']}",
            task_queue=self.task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        )
        try:
            return await self.client.execute_update_with_start_workflow(
                "reserved", message, start_workflow_operation=start, **options
            )
        except WorkflowAlreadyStartedError:
            # The SDK keeps a copy, and asyncio writes of each that nobody has read.
            with suppress(WorkflowAlreadyStartedError):
                await start.workflow_handle()
            raise

    async def start(
        self, checkout_id: str, lines: Mapping[str, int], **fields: Json
    ) -> WorkflowHandle[Any, Any]:
        """Start the checkout and wait for nothing."""
        return await self.client.start_workflow(
            "CheckoutWorkflow",
            request(checkout_id, lines, **fields),
            id=f"checkout/{checkout_id}",
            task_queue=self.task_queue,
        )

    async def confirm(self, checkout_id: str, payment_reference: str | None = None) -> Json:
        """Pay, by a payment of the checkout's own where none is named."""
        reference = payment_reference or f"pay-{checkout_id}"
        return await self.update(
            checkout_id, "confirm", {"payment_reference": reference, "actor": "web"}
        )

    async def commit(self, checkout_id: str, payment_reference: str | None = None) -> Json:
        reference = payment_reference or f"pay-{checkout_id}"
        return await self.update(
            checkout_id,
            "confirm",
            {"payment_reference": reference, "settle": "commit", "actor": "web"},
        )

    async def ship(
        self,
        checkout_id: str,
        shipment_id: str,
        lines: Mapping[str, int] | None = None,
        **fields: Json,
    ) -> Json:
        """Ship units of a committed checkout; all that is open where none are named."""
        return await self.update(
            checkout_id, "fulfil", {"shipment_id": shipment_id, "lines": _lines(lines), **fields}
        )

    async def give_back(self, checkout_id: str, lines: Mapping[str, int]) -> Json:
        return await self.update(
            checkout_id, "release", {"lines": _lines(lines), "reason": "less", "actor": "shopper"}
        )

    async def amend(self, checkout_id: str, lines: Mapping[str, int], **fields: Json) -> Json:
        """Make these lines all that is open."""
        message = {"lines": _lines(lines), "reason": "another cart", "actor": "shopper", **fields}
        return await self.update(checkout_id, "amend", message)

    async def extend(self, checkout_id: str, seconds: int) -> Json:
        return await self.update(checkout_id, "extend_hold", {"seconds": seconds, "actor": "web"})

    async def cancel(self, checkout_id: str, reason: str = "changed my mind") -> Json:
        return await self.update(checkout_id, "cancel_hold", {"reason": reason, "actor": "shopper"})

    async def update(self, checkout_id: str, name: str, message: Json) -> Json:
        return await self.handle(checkout_id).execute_update(name, message)

    async def signal(self, checkout_id: str, name: str, message: Json) -> None:
        await self.handle(checkout_id).signal(name, message)

    async def is_known(self, checkout_id: str, update_id: str) -> bool:
        """Say whether the server has an update, be it only in its queue."""
        reference = UpdateRef(
            workflow_execution=WorkflowExecution(workflow_id=f"checkout/{checkout_id}"),
            update_id=update_id,
        )
        try:
            await self.client.workflow_service.poll_workflow_execution_update(
                PollWorkflowExecutionUpdateRequest(
                    namespace=self.client.namespace, update_ref=reference
                )
            )
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return False
        return True

    async def status(self, checkout_id: str) -> Json:
        return await queried(self.handle(checkout_id))

    async def result(self, checkout_id: str) -> Json:
        return await self.handle(checkout_id).result()

    async def until_event(self, checkout_id: str, event: str, count: int = 1) -> None:
        """Wait until the checkout's own events have so many of a kind."""

        async def is_told() -> bool:
            return (await self.events(checkout_id)).count(event) >= count

        await until(is_told)

    async def events(self, checkout_id: str) -> list[str]:
        """Return the names of the checkout's own events, in order."""
        return [event["event"] for event in (await self.status(checkout_id))["events"]]
