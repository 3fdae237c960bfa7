"""Faults of single checkouts: a workflow ended, cancelled or set back by somebody's hand."""

from __future__ import annotations

import random
import uuid
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Final

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client

from holdfast_client.contract.names import checkout_workflow_id
from soak.testimony import Testimony

Blow = Callable[[Client, str, Testimony, random.Random], Awaitable[None]]

_RPC_TIMEOUT: Final = timedelta(seconds=5)


async def terminate(client: Client, id: str, testimony: Testimony, _: random.Random) -> None:
    """End a checkout's workflow by force: no code of it runs any more."""
    # Noted first, because the call may time out and be carried out all the same.
    testimony.terminated.add(id)
    handle = client.get_workflow_handle(checkout_workflow_id(id))
    await handle.terminate("soak", rpc_timeout=_RPC_TIMEOUT)


async def cancel(client: Client, id: str, _: Testimony, __: random.Random) -> None:
    """Cancel a checkout's workflow, as the button in the Web UI does."""
    handle = client.get_workflow_handle(checkout_workflow_id(id))
    await handle.cancel(rpc_timeout=_RPC_TIMEOUT)


async def reset(client: Client, id: str, testimony: Testimony, chance: random.Random) -> None:
    """Set a checkout's workflow back to one of its earlier tasks."""
    handle = client.get_workflow_handle(checkout_workflow_id(id))
    description = await handle.describe(rpc_timeout=_RPC_TIMEOUT)
    history = await client.get_workflow_handle(handle.id, run_id=description.run_id).fetch_history(
        rpc_timeout=_RPC_TIMEOUT
    )
    tasks = [
        event.event_id
        for event in history.events
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
    ]
    if not tasks:
        return
    testimony.reset.add(id)
    await client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=handle.id, run_id=description.run_id),
            reason="soak",
            workflow_task_finish_event_id=chance.choice(tasks),
            request_id=str(uuid.uuid4()),
        ),
        timeout=_RPC_TIMEOUT,
    )


WORKFLOW_FAULTS: Final[Mapping[str, Blow]] = {
    "workflow terminated": terminate,
    "workflow cancelled": cancel,
    "workflow reset": reset,
}
