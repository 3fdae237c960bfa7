"""One attempt at a call of the ledger: how Temporal runs it, and what its log lines say of it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from temporalio import activity

AnswerT = TypeVar("AnswerT")

# The loop itself holds tasks by a weak reference only.
_calls: set[asyncio.Task[Any]] = set()


async def to_its_end(call: Coroutine[Any, Any, AnswerT]) -> AnswerT:
    """Make a call of the ledger that runs to its own end, whoever stops waiting for it.

    The SDK cancels an attempt that has timed out, wherever it stands. The waits for the database
    are bounded, so a late call ends by itself, and the ledger knows what to make of it. Broken off
    it would cost its connection. Calls that are grouped belong to their group anyway.
    """
    task = asyncio.get_running_loop().create_task(call)
    _calls.add(task)
    task.add_done_callback(_is_over)
    return await asyncio.shield(task)


def _is_over(task: asyncio.Task[Any]) -> None:
    _calls.discard(task)
    if not task.cancelled():
        # Looked at, so that the loop does not complain where nobody waits any more.
        task.exception()


def attempt_fields() -> dict[str, str | int | None]:
    """Return the workflow, run and attempt that the current activity runs for."""
    info = activity.info()
    return {
        "workflow_id": info.workflow_id,
        "run_id": info.workflow_run_id,
        "attempt": info.attempt,
    }
