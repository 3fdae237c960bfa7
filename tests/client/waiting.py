"""Waiting for what a server does in its own time: bounded looks instead of long sleeps."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from holdfast_client.contract.names import checkout_workflow_id

# Together 240 s, which only what will never come true takes.
LOOKS_MAX: Final = 2_400
LOOK_SECONDS: Final = 0.1

_Seen = TypeVar("_Seen")


async def eventually(
    look: Callable[[], Awaitable[_Seen]], fits: Callable[[_Seen], object]
) -> _Seen:
    """Look until what is seen fits, or often enough; return what was seen last."""
    seen = await look()
    for _ in range(LOOKS_MAX):
        if fits(seen):
            break
        await asyncio.sleep(LOOK_SECONDS)
        seen = await look()
    return seen


def workflow_of(temporal_client: Client, checkout_id: str) -> WorkflowHandle[Any, Any]:
    return temporal_client.get_workflow_handle(checkout_workflow_id(checkout_id))


async def closed(temporal_client: Client, checkout_id: str) -> None:
    """Wait until the workflow of a checkout has closed, however it did."""
    handle = workflow_of(temporal_client, checkout_id)
    description = await eventually(handle.describe, lambda seen: seen.close_time)
    assert description.close_time, "the workflow does not close"


async def started(handle: WorkflowHandle[Any, Any]) -> None:
    """Wait until a workflow is known to the server."""

    async def is_known() -> bool:
        try:
            await handle.describe()
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND:
                raise
            return False
        return True

    assert await eventually(is_known, bool), "the workflow does not start"
