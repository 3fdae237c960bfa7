"""A worker in the foreground, until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from types import FrameType
from typing import Final

from worker.composition import running_worker
from worker.settings import Settings

STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
_KILLED_EXIT_CODE: Final = 130


def stop_requested() -> asyncio.Event:
    """Return an event that SIGTERM and Ctrl-C set. A second one ends the process at once."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def ask(number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            os._exit(_KILLED_EXIT_CODE)
        print(f"{signal.Signals(number).name}: stopping", file=sys.stderr, flush=True)
        loop.call_soon_threadsafe(stop.set)

    for number in STOP_SIGNALS:
        signal.signal(number, ask)
    return stop


async def serve(settings: Settings) -> None:
    """Work until SIGTERM or Ctrl-C, then finish the calls that have begun.

    Raises:
        NotReady: the database or Temporal did not answer in time, or the schema is old.
    """
    stop, ready = stop_requested(), asyncio.Event()
    working = asyncio.create_task(_work(settings, stop, ready))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not ready.is_set():
        # Nothing has begun that would need finishing.
        working.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await working


async def _work(settings: Settings, stop: asyncio.Event, ready: asyncio.Event) -> None:
    async with running_worker(settings):
        ready.set()
        print("worker ready", file=sys.stderr, flush=True)
        await stop.wait()
