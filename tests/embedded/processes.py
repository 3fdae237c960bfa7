"""Looking at processes from outside, and programs that die without stopping their servers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.limits import HANG_SECONDS
from worker.embedded import EmbeddedPostgres, EmbeddedTemporal

STACK_PROGRAM = """
import sys
from pathlib import Path
from worker.embedded import EmbeddedStack

stack = EmbeddedStack(Path(sys.argv[1]))
stack.start()
print(stack.postgres.pid, stack.temporal.pid, flush=True)
sys.stdin.read()
stack.stop()
"""


@dataclass(frozen=True)
class StackProgram:
    """Another program that runs a stack; both servers are its children."""

    process: subprocess.Popen[str]
    postgres_pid: int
    temporal_pid: int

    def die(self) -> None:
        """Die at once; the guards of the servers are left to do their work."""
        self.process.kill()
        self.process.wait(HANG_SECONDS)

    def die_with_guards(self) -> None:
        """Die together with the guards, so that nobody stops the servers."""
        for server_pid in (self.postgres_pid, self.temporal_pid):
            guard_pid = os.getpgid(server_pid)
            assert guard_pid not in {server_pid, os.getpgrp()}
            os.kill(guard_pid, signal.SIGKILL)
        self.die()


@contextmanager
def stack_program(data_dir: Path) -> Iterator[StackProgram]:
    process = subprocess.Popen(
        [sys.executable, "-c", STACK_PROGRAM, str(data_dir)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        pids = [int(word) for word in process.stdout.readline().split()]
        yield StackProgram(process, *pids)
    finally:
        process.communicate(timeout=HANG_SECONDS)


def is_running(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def kill_from_outside(server: EmbeddedPostgres | EmbeddedTemporal) -> None:
    """Kill a server behind its owner's back, and wait until the owner can notice."""
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    assert comes_true(lambda: server.pid is None)


def has_ended(pid: int) -> bool:
    """Wait until a process has ended; False if it never does."""
    return comes_true(lambda: not is_running(pid))


def comes_true(condition: Callable[[], bool]) -> bool:
    """Wait for a condition; False if it never comes true."""
    deadline = time.monotonic() + HANG_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
