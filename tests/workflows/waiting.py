"""Waiting for something outside the test to come true, without guessing how long it takes."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

# Only what will never come true takes so long, be the machine as busy as it may.
WAIT_SECONDS_MAX: Final = 240.0
_LOOK_EVERY_SECONDS: Final = 0.01


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
