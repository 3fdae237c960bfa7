"""Work in the foreground, until it is told to stop; first of all a worker."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from types import FrameType
from typing import Final

from holdfast_client.terminal.ending import EXIT_INTERRUPTED
from worker.composition import running_worker
from worker.runtime import temporal_runtime
from worker.settings import Settings
from worker.watchdog import Watchdog, WatchedWorkflows

STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class Stop(asyncio.Event):
    """Set when the process is told to stop, and by which signal."""

    def __init__(self) -> None:
        super().__init__()
        self._signal: signal.Signals | None = None

    @property
    def exit_code(self) -> int:
        """What a process ends with that was stopped before it was ready: 130 after Ctrl-C."""
        return EXIT_INTERRUPTED if self._signal == signal.SIGINT else 0

    def ask(self, number: signal.Signals) -> None:
        """Note the signal, in any thread's time; the first counts."""
        self._signal = self._signal or number


def stop_requested() -> Stop:
    """Return an event that SIGTERM and Ctrl-C set. A second one ends the process at once."""
    stop = Stop()
    loop = asyncio.get_running_loop()

    def ask(number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            os._exit(EXIT_INTERRUPTED)
        stop.ask(signal.Signals(number))
        loop.call_soon_threadsafe(stop.set)
        tell(f"{signal.Signals(number).name}: stopping")

    for number in STOP_SIGNALS:
        signal.signal(number, ask)
    return stop


def tell(line: str) -> None:
    """Print a line for whoever watches; without anybody, we must be able to stop all the same."""
    with contextlib.suppress(OSError):
        print(line, file=sys.stderr, flush=True)


async def run_until_stopped(
    work: Callable[[Stop, asyncio.Event], Coroutine[None, None, int]],
) -> int:
    """Run work that gets ready and then goes on until it is told to stop.

    Args:
        work: is given what tells it to stop, and an event to set once it is ready. Before that a
            stop cancels it, because nothing has begun that would need finishing; from then on it
            looks at the stop by itself.

    Returns:
        What the work returns, or that of a stop before it was ready: 130 after Ctrl-C, else 0.
    """
    stop, ready = stop_requested(), asyncio.Event()
    working = asyncio.create_task(work(stop, ready))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not ready.is_set():
        working.cancel()
    try:
        return await working
    except asyncio.CancelledError:
        return stop.exit_code


def leave_out_what_stays() -> None:
    """Let later garbage collections pass over all that there is by now, such as what was imported.

    One that looks at everything comes after some hundred checkouts. For the imports alone all that
    are under way would wait 25 ms each time.
    """
    gc.collect()
    gc.freeze()


async def serve(settings: Settings) -> int:
    """Work until SIGTERM or Ctrl-C, then finish the calls that have begun.

    Returns:
        The exit code: 0, or 130 where Ctrl-C came before the worker was ready.

    Raises:
        NotReady: the database or Temporal did not answer in time, or the schema is old.
    """

    async def work(stop: Stop, ready: asyncio.Event) -> int:
        workflows = WatchedWorkflows()
        meter = temporal_runtime(settings.metrics_address).metric_meter
        with Watchdog(settings.stuck_seconds, workflows, meter).watching():
            async with running_worker(settings, workflow_runner=workflows):
                leave_out_what_stays()
                ready.set()
                tell("worker ready")
                await stop.wait()
        return 0

    return await run_until_stopped(work)
