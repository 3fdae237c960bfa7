"""Servers that an earlier run left behind because it was killed before it could stop them."""

from __future__ import annotations

import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil

_POLL_SECONDS: Final = 0.05
_KILL_SECONDS_MAX: Final = 10.0


def is_server_of(directory: Path, pid: int, program_name: str) -> bool:
    """Say whether a process is a live server that works in this directory.

    A recorded process id alone proves nothing: after a reboot, or in a restarted container, it
    may belong to any other program.
    """
    try:
        process = psutil.Process(pid)
        return bool(process.name() == program_name and Path(process.cwd()) == directory)
    except (psutil.Error, OSError):
        return False


def stop_leftover(
    directory: Path,
    pid: int,
    program_name: str,
    stop_signal: signal.Signals,
    *,
    seconds_max: float,
) -> None:
    """Stop such a server, if it is one, in order if it can be had and by SIGKILL otherwise."""
    for sent, seconds in ((stop_signal, seconds_max), (signal.SIGKILL, _KILL_SECONDS_MAX)):
        if not is_server_of(directory, pid, program_name):
            return
        with suppress(psutil.NoSuchProcess):
            psutil.Process(pid).send_signal(sent)
        _await_end(directory, pid, program_name, seconds)


def _await_end(directory: Path, pid: int, program_name: str, seconds_max: float) -> None:
    deadline = time.monotonic() + seconds_max
    while is_server_of(directory, pid, program_name) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
