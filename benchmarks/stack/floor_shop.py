"""A shop that sends the floor the same calls as Holdfast's client sends."""

from __future__ import annotations

import os
from collections.abc import Awaitable
from datetime import timedelta
from typing import Any, Final, Self

from temporalio.client import (
    Client,
    RPCTimeoutOrCancelledError,
    WithStartWorkflowOperation,
)
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.service import RPCError, RPCStatusCode

from benchmarks.stack.floor import CONFIRM, FLOOR_TASK_QUEUE, RESERVED, FloorCheckout
from benchmarks.stack.jobs import HOLD_SECONDS
from benchmarks.stack.shopping import Unanswered
from holdfast_client.transport.connection import connected

_RPC_TIMEOUT: Final = timedelta(seconds=60)


class FloorShop:
    """Reserves and confirms nothing."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @classmethod
    async def open(cls) -> Self:
        """Connect as Holdfast's client does, to the Temporal that the environment names."""
        seconds = _RPC_TIMEOUT.total_seconds()
        return cls(await connected(os.environ["TEMPORAL_ADDRESS"], None, seconds))

    async def reserve(self, checkout_id: str, sku: str) -> None:
        request = {
            "checkout_id": checkout_id,
            "lines": [{"sku": sku, "quantity": 1, "location": None}],
            "hold_seconds": HOLD_SECONDS,
        }
        start = WithStartWorkflowOperation(
            FloorCheckout.run,
            request,
            id=f"floor/{checkout_id}",
            task_queue=FLOOR_TASK_QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        )
        outcome = await _sent(
            self._client.execute_update_with_start_workflow(
                RESERVED,
                request,
                start_workflow_operation=start,
                id=f"reserved-{checkout_id}",
                rpc_timeout=_RPC_TIMEOUT,
            )
        )
        if outcome["status"] != "held":
            raise RuntimeError(f"{checkout_id}: {outcome}")

    async def confirm(self, checkout_id: str) -> None:
        handle = self._client.get_workflow_handle(f"floor/{checkout_id}")
        confirmation = {"payment_reference": "payment", "actor": ""}
        outcome = await _sent(
            handle.execute_update(
                CONFIRM, confirmation, id=f"confirm-{checkout_id}", rpc_timeout=_RPC_TIMEOUT
            )
        )
        if outcome["status"] != "fulfilled":
            raise RuntimeError(f"{checkout_id}: {outcome}")

    async def close(self) -> None:
        """Nothing to give back: the connection ends with the process."""


async def _sent(call: Awaitable[Any]) -> Any:
    try:
        return await call
    except RPCTimeoutOrCancelledError as error:
        raise Unanswered(str(error)) from error
    except RPCError as error:
        if error.status == RPCStatusCode.DEADLINE_EXCEEDED:
            raise Unanswered(str(error)) from error
        raise
