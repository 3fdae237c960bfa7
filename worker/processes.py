"""Several worker processes under one parent, which replaces one that dies and stops them all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from types import FrameType
from typing import Final

from worker.runtime import METRICS_ADDRESS_VARIABLE
from worker.service import STOP_SIGNALS, tell

PROCESSES_MAX: Final = 64
# A worker that keeps dying has a reason that starting it again will not cure.
RESTARTS_MAX: Final = 10
RESTARTS_WITHIN_SECONDS: Final = 60.0
# A worker that is told to stop before it listens to that has not begun anything.
_STOPPED_CODES: Final = (0, -signal.SIGTERM)
_POLL_SECONDS: Final = 0.2
_RESTART_PAUSE_SECONDS: Final = 1.0


class WorkerProcesses:
    """Runs several workers (2 to 64) as child processes.

    Args:
        metrics_addresses: for each of them, where it offers its metrics; empty for nowhere.
        stop_seconds: how long a stop waits for them before it kills them.
    """

    def __init__(self, metrics_addresses: Sequence[str], stop_seconds: float) -> None:
        self._metrics_addresses = tuple(metrics_addresses)
        self._stop_seconds = stop_seconds
        self._children: list[subprocess.Popen[bytes]] = []
        self._restarts: deque[float] = deque()
        self._stopping = False

    def run(self) -> int:
        """Run until SIGTERM or Ctrl-C.

        Returns:
            The exit code: 0 after an orderly stop, 1 when workers kept dying or had to be killed.
        """
        for number in STOP_SIGNALS:
            signal.signal(number, self._ask_to_stop)
        self._children = [_start(address) for address in self._metrics_addresses]
        while not self._stopping:
            if not self._replace_dead():
                self._stop()
                return 1
            time.sleep(_POLL_SECONDS)
        return self._stop()

    def _ask_to_stop(self, number: int, _frame: FrameType | None) -> None:
        is_first, self._stopping = not self._stopping, True
        if is_first:
            tell(f"{signal.Signals(number).name}: stopping {len(self._children)} workers")

    def _replace_dead(self) -> bool:
        """Start a new worker for each that ended by itself; False when that happens too often."""
        for place, child in enumerate(self._children):
            if child.poll() is None or self._stopping:
                continue
            if not self._may_restart():
                tell(
                    f"workers ended {RESTARTS_MAX} times in a minute; the last with "
                    f"exit code {child.returncode}; giving up"
                )
                return False
            tell(f"worker {child.pid} ended with exit code {child.returncode}; starting another")
            time.sleep(_RESTART_PAUSE_SECONDS)
            self._children[place] = _start(self._metrics_addresses[place])
        return True

    def _may_restart(self) -> bool:
        now = time.monotonic()
        while self._restarts and now - self._restarts[0] > RESTARTS_WITHIN_SECONDS:
            self._restarts.popleft()
        self._restarts.append(now)
        return len(self._restarts) <= RESTARTS_MAX

    def _stop(self) -> int:
        for child in self._children:
            if child.poll() is None:
                child.terminate()
        deadline = time.monotonic() + self._stop_seconds
        codes = [_wait_or_kill(child, deadline) for child in self._children]
        return 0 if all(code in _STOPPED_CODES for code in codes) else 1


def _start(metrics_address: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, METRICS_ADDRESS_VARIABLE: metrics_address}
    # A session of its own, so that Ctrl-C in the terminal reaches the parent alone.
    return subprocess.Popen(
        [sys.executable, "-m", "worker"], env=environment, start_new_session=True
    )


def _wait_or_kill(child: subprocess.Popen[bytes], deadline: float) -> int:
    try:
        return child.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        tell(f"worker {child.pid} did not stop in time; killing it")
        child.kill()
        return child.wait()
