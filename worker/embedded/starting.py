"""How a server is started: wait until it answers, and try again when the obstacle will pass."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Final

from worker.embedded.errors import PortInUse, ServerDidNotStart, StartGivenUp
from worker.embedded.server_process import CRASH, Program, ServerProcess

START_SECONDS_MAX: Final = 60.0
_POLL_SECONDS: Final = 0.02
_ATTEMPTS_MAX: Final = 30
# A server that crashes while it starts does so by chance, or each time.
_CRASHES_MAX: Final = 3
_PAUSE_SECONDS: Final = 0.1

# Each in lower case. The first: somebody took the port between our choice and the server's.
# The second: processes of a killed Postgres have not all noticed yet that it is gone.
_PASSING_OBSTACLES: Final = ("address already in use", "pre-existing shared memory block")


def start_server(
    prepare: Callable[[], Program],
    is_ready: Callable[[ServerProcess], bool],
    given_up: threading.Event,
) -> ServerProcess:
    """Start a server and wait until it answers.

    Args:
        prepare: chooses the ports and says what to run; called anew for each attempt.
        is_ready: asks the server, quickly, whether it can be used.
        given_up: once set, the server is killed.

    Raises:
        StartGivenUp: nobody waits for it any more.
        PortInUse: a fixed port stayed taken for about three seconds.
        ServerDidNotStart: it ended, or did not answer within 60 seconds.
    """
    # Of each kind by itself: a port that was taken five times says nothing of a crash.
    failed: Counter[int] = Counter()
    while True:
        try:
            return _start_once(prepare(), is_ready, given_up)
        except (PortInUse, ServerDidNotStart) as error:
            attempts_max = _attempts_max(error)
            failed[attempts_max] += 1
            if failed[attempts_max] >= attempts_max:
                raise
        if given_up.wait(_PAUSE_SECONDS):
            raise StartGivenUp


def _start_once(
    program: Program, is_ready: Callable[[ServerProcess], bool], given_up: threading.Event
) -> ServerProcess:
    process = ServerProcess(program)
    try:
        _await_ready(process, is_ready, given_up)
    except BaseException:
        process.kill()
        raise
    return process


def _await_ready(
    process: ServerProcess, is_ready: Callable[[ServerProcess], bool], given_up: threading.Event
) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline:
        if process.exit_code is not None:
            raise _did_not_start(process, f"ended with exit code {process.exit_code}")
        if is_ready(process):
            return
        if given_up.wait(_POLL_SECONDS):
            raise StartGivenUp
    raise _did_not_start(process, f"did not answer within {START_SECONDS_MAX:.0f} seconds")


def _did_not_start(process: ServerProcess, problem: str) -> ServerDidNotStart:
    program = process.program
    return ServerDidNotStart(program.name, problem, program.log_path, process.log_tail())


def _attempts_max(error: PortInUse | ServerDidNotStart) -> int:
    """Return how often a server is started that did not start for this reason."""
    if isinstance(error, PortInUse):
        return _ATTEMPTS_MAX
    if any(obstacle in error.log_tail.lower() for obstacle in _PASSING_OBSTACLES):
        return _ATTEMPTS_MAX
    return _CRASHES_MAX if error.log_tail.startswith(CRASH) else 1
