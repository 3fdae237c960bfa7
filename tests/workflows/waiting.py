"""Waiting for something outside the test to come true, without guessing how long it takes."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

from temporalio.client import WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

# Only what will never come true takes so long, be the machine as busy as it may.
WAIT_SECONDS_MAX: Final = 240.0
_LOOK_EVERY_SECONDS: Final = 0.01
# The SDK ends a call by itself after ten seconds, as one that was cancelled.
_TOOK_LONG: Final = (RPCStatusCode.CANCELLED, RPCStatusCode.DEADLINE_EXCEEDED)


async def until(condition: Callable[[], Any | Awaitable[Any]]) -> Any:
    """Look again and again until the condition is true, and return what it gave."""
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while True:
        found = condition()
        if inspect.isawaitable(found):
            found = await found
        if found:
            return found
        assert time.monotonic() < deadline, f"did not come true in {WAIT_SECONDS_MAX:g} s"
        await asyncio.sleep(_LOOK_EVERY_SECONDS)


async def queried(handle: WorkflowHandle[Any, Any], query: str = "status", **options: Any) -> Any:
    """Query a run until it answers: on a busy machine one query may take long, or be lost."""

    async def answer() -> tuple[Any] | None:
        try:
            return (await handle.query(query, **options),)
        except RPCError as error:
            if error.status not in _TOOK_LONG:
                raise
        return None

    return (await until(answer))[0]
