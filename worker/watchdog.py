"""Ends a worker process that is stuck, so that whoever started it starts another.

A worker can get stuck in three ways, and comes out of none by itself. A workflow's task stands
still in its thread: the SDK waits for it for ever, because it must not let go of a workflow half
way. A workflow does not let itself be ended. Or the event loop stands still, and nobody is served
at all. Each keeps a slot or everything, and then a shutdown hangs, too. Nothing is lost when such a
process ends: what it had begun is on record, and Temporal gives its tasks to another worker.

The end comes from a thread in C, by `faulthandler`. So it comes also where Python itself stands
still, and it first writes where every thread was. A thread in Python puts it off while all is well.
"""

from __future__ import annotations

import asyncio
import faulthandler
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final

import structlog
from temporalio.common import MetricMeter

STALLED_SECONDS: Final = "holdfast_worker_stalled_seconds"
_DESCRIPTION: Final = "How long a workflow task or the event loop of this worker has stood still."
_LOOK_EVERY_SECONDS: Final = 1.0
# What takes so long is worth a line in the log before the end.
_WORTH_TELLING: Final = 0.5
# As good as at once; the timer takes nothing less than that.
_AT_ONCE_SECONDS: Final = 0.001

_log = structlog.get_logger(__name__)


class WorkflowTasks(ThreadPoolExecutor):
    """Runs workflows' tasks in threads, and knows since when each is not done.

    Args:
        slots: how many at once.
    """

    def __init__(self, slots: int) -> None:
        super().__init__(slots, "workflow")
        # By the run: the SDK never has two tasks of one at work.
        self._begun: dict[str, float] = {}

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        return super().submit(self._on_record, fn, *args, **kwargs)

    def oldest(self) -> tuple[str, float]:
        """Return the run whose task has begun first and is not done, and the seconds since."""
        begun = min(self._begun.copy().items(), key=lambda item: item[1], default=None)
        return (begun[0], time.monotonic() - begun[1]) if begun else ("", 0.0)

    def _on_record(self, activate: Callable[..., Any], activation: Any) -> Any:
        self._begun.setdefault(activation.run_id, time.monotonic())
        completion = activate(activation)
        # Not where it raises: then it was interrupted, or does not let itself be ended. The SDK
        # comes back to it until that is done, and so long the run counts as stuck.
        self._begun.pop(activation.run_id, None)
        return completion


class Watchdog:
    """Ends the process, with exit code 1, when it has stood still for too long.

    Args:
        stuck_seconds: for how long.
        tasks: where the workflows' tasks run.
        meter: tells how long it has stood still, as ``holdfast_worker_stalled_seconds``.
    """

    def __init__(self, stuck_seconds: float, tasks: WorkflowTasks, meter: MetricMeter) -> None:
        self._stuck_seconds = stuck_seconds
        self._tasks = tasks
        self._stalled = meter.create_gauge_float(STALLED_SECONDS, _DESCRIPTION, "s")
        self._answered_at = 0.0
        self._is_told = False

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch this thread's event loop and the workflows' tasks while the block runs."""
        over, loop = threading.Event(), asyncio.get_running_loop()
        self._answered_at = time.monotonic()
        thread = threading.Thread(target=self._watch, args=(loop, over), name="watchdog")
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _watch(self, loop: asyncio.AbstractEventLoop, over: threading.Event) -> None:
        try:
            self._look(loop)
            while not over.wait(_LOOK_EVERY_SECONDS):
                self._look(loop)
        finally:
            faulthandler.cancel_dump_traceback_later()

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Put the end off by what is left: the less, the longer something has stood still."""
        loop.call_soon_threadsafe(self._answer)
        run_id, seconds = self._tasks.oldest()
        seconds = max(seconds, time.monotonic() - self._answered_at)
        left = max(self._stuck_seconds - seconds, _AT_ONCE_SECONDS)
        faulthandler.dump_traceback_later(left, exit=True)
        self._stalled.set(seconds)
        self._tell(run_id, seconds)

    def _answer(self) -> None:
        self._answered_at = time.monotonic()

    def _tell(self, run_id: str, seconds: float) -> None:
        is_long = seconds > self._stuck_seconds * _WORTH_TELLING
        if is_long and not self._is_told:
            _log.error(
                "worker_stuck",
                run_id=run_id or None,
                stalled_seconds=round(seconds),
                ends_in_seconds=round(self._stuck_seconds - seconds),
            )
        self._is_told = is_long
