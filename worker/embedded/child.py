"""A short program that an embedded server needs on its way up, run to its end."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from worker.embedded.accounts import Account
from worker.embedded.errors import StartGivenUp

_LOOK_SECONDS: Final = 0.05


def run_to_end(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    given_up: threading.Event,
    seconds_max: float,
    directory: Path | None = None,
    account: Account | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program in a process group of its own, where Ctrl-C in the terminal does not reach it.

    Args:
        command: its path and arguments.
        environment: all of its environment variables.
        given_up: once set, the program is killed.
        seconds_max: how long it may take.
        directory: its working directory; ours if left out.
        account: the system account to run as; ours if left out.

    Returns:
        Its exit code, and all that it wrote, as ``stdout``.

    Raises:
        StartGivenUp: nobody waits for it any more.
        subprocess.TimeoutExpired: it took longer; it is killed then.
    """
    process = subprocess.Popen(
        command,
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        process_group=0,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )
    try:
        written = _written(process, given_up, time.monotonic() + seconds_max)
    except BaseException:
        _kill_group(process)
        raise
    return subprocess.CompletedProcess(command, process.returncode, written)


def _written(process: subprocess.Popen[str], given_up: threading.Event, deadline: float) -> str:
    while True:
        try:
            return process.communicate(timeout=_LOOK_SECONDS)[0]
        except subprocess.TimeoutExpired:
            if time.monotonic() >= deadline:
                raise
        if given_up.is_set():
            raise StartGivenUp


def _kill_group(process: subprocess.Popen[str]) -> None:
    """Kill the program and what it has started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
