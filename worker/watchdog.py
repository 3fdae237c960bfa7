"""Ends a worker process that is stuck, so that whoever started it starts another.

A worker can get stuck in two ways, and comes out of none by itself. The event loop stands still, in
a workflow's task or elsewhere, and nobody is served at all. Or a workflow does not let itself be
ended, and keeps its slot. Then a shutdown hangs, too. Nothing is lost when such a process ends:
what it had begun is on record, and Temporal gives its tasks to another worker.

The end comes from a thread in C, by `faulthandler`. So it comes also where Python itself stands
still, and it first writes where every thread was. A thread in Python puts it off while all is well.
"""

from __future__ import annotations

import asyncio
import faulthandler
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

import structlog
from temporalio.common import MetricMeter
from temporalio.worker import (
    UnsandboxedWorkflowRunner,
    WorkflowInstance,
    WorkflowInstanceDetails,
)

STALLED_SECONDS: Final = "holdfast_worker_stalled_seconds"
_DESCRIPTION: Final = "How long a workflow task or the event loop of this worker has stood still."
_LOOK_EVERY_SECONDS: Final = 1.0
# What takes so long is worth a line in the log before the end.
_WORTH_TELLING: Final = 0.5
# As good as at once; the timer takes nothing less than that.
_AT_ONCE_SECONDS: Final = 0.001

_log = structlog.get_logger(__name__)


class WatchedWorkflows(UnsandboxedWorkflowRunner):
    """Runs workflows, and knows since when a task of each is not done."""

    def __init__(self) -> None:
        # By the run: the SDK never has two tasks of one at work.
        self._begun: dict[str, float] = {}

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        instance = super().create_instance(det)
        instance.activate = partial(self._on_record, instance.activate)  # type: ignore[method-assign]
        return instance

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
        workflows: what runs the workflows.
        meter: tells how long it has stood still, as ``holdfast_worker_stalled_seconds``.
    """

    def __init__(
        self, stuck_seconds: float, workflows: WatchedWorkflows, meter: MetricMeter
    ) -> None:
        self._stuck_seconds = stuck_seconds
        self._workflows = workflows
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
        run_id, seconds = self._workflows.oldest()
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
