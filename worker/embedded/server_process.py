"""One running server program: its process, its log, and the guard that ends it when we die."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from worker.embedded.accounts import Account

_LOG_TAIL_LINES: Final = 15
# How a program in Go says why it crashed. Its stacks follow, of every thread perhaps.
CRASH: Final = "panic:"
_LOG_TAIL_BYTES: Final = 262_144
_KILL_SECONDS_MAX: Final = 10.0
_GUARD_GRACE_SECONDS: Final = 20

# Started before the server, as the leader of the process group that the server then joins, so at
# no moment is the server unguarded. It waits for the end of a pipe that only our process holds
# open: that end comes however our process dies. A death signal of Linux would do without it, but
# macOS has none, and it fires already when the thread that started the server ends.
_GUARD: Final = """
trap '' HUP INT QUIT TERM
read -r server
read -r _
kill -s "$1" 0
seconds=0
while [ -n "$server" ] && kill -0 "$server" 2>/dev/null && [ "$seconds" -lt "$2" ]; do
  sleep 1
  seconds=$((seconds + 1))
done
kill -s KILL 0
"""


@dataclass(frozen=True)
class Program:
    """How to run a server.

    Args:
        name: what people call it.
        command: its path and arguments.
        environment: all of its environment variables.
        directory: its working directory, by which a later start knows it again.
        log_path: takes its output; the output of the run before is kept beside it.
        stop_signal: asks it to stop in order.
        account: the system account to run as; None means our own.
        pid_path: takes the process id, for a later start; None if the server records it itself.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    directory: Path
    log_path: Path
    stop_signal: signal.Signals
    account: Account | None = None
    pid_path: Path | None = None


class ServerProcess:
    """A server program, started at once, in a process group of its own.

    Ctrl-C in the terminal does not reach it, so that it ends after those who use it. When our own
    process dies without stopping it, even by SIGKILL, it is told to stop, and killed 20 seconds
    later if it has not.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self._guard = _start_guard(program.stop_signal)
        try:
            self._server = _start_server(program, group=self._guard.pid)
        except BaseException:
            _end_guard(self._guard)
            raise
        try:
            self._record_pid()
        except BaseException:
            self.kill()
            raise

    @property
    def pid(self) -> int:
        """The process id of the server."""
        return self._server.pid

    @property
    def exit_code(self) -> int | None:
        """The exit code of the server, negative for a signal; None while it runs."""
        return self._server.poll()

    def stop(self, stop_signal: signal.Signals, *, seconds_max: float) -> None:
        """Ask the server to stop, wait, and kill it when it takes longer than that."""
        self._server.send_signal(stop_signal)
        try:
            self._server.wait(seconds_max)
        except subprocess.TimeoutExpired:
            self._server.kill()
        self.bury()

    def kill(self) -> None:
        """Kill the server without a word (SIGKILL)."""
        self._server.kill()
        self.bury()

    def bury(self) -> None:
        """Clear away what is left of an ended server."""
        self._server.wait(_KILL_SECONDS_MAX)
        _end_guard(self._guard)

    def log_tail(self) -> str:
        """Return the last lines of this run's log; of a crash, those that begin with its reason."""
        with self.program.log_path.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(0, size - _LOG_TAIL_BYTES))
            text = log.read().decode(errors="replace")
        lines = text.splitlines()
        crashes = (n for n, line in enumerate(lines) if line.startswith(CRASH))
        begin = next(crashes, max(0, len(lines) - _LOG_TAIL_LINES))
        return "\n".join(lines[begin : begin + _LOG_TAIL_LINES])

    def _record_pid(self) -> None:
        assert self._guard.stdin is not None
        self._guard.stdin.write(f"{self.pid}\n".encode())
        self._guard.stdin.flush()
        if self.program.pid_path is not None:
            self.program.pid_path.write_text(f"{self.pid}\n")


def _start_guard(stop_signal: signal.Signals) -> subprocess.Popen[bytes]:
    signal_name = stop_signal.name.removeprefix("SIG")
    return subprocess.Popen(
        ["/bin/sh", "-c", _GUARD, "sh", signal_name, str(_GUARD_GRACE_SECONDS)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        process_group=0,
    )


def _end_guard(guard: subprocess.Popen[bytes]) -> None:
    guard.kill()
    guard.wait(_KILL_SECONDS_MAX)
    if guard.stdin is not None:
        guard.stdin.close()


def _start_server(program: Program, *, group: int) -> subprocess.Popen[bytes]:
    account = program.account
    with _fresh_log(program.log_path).open("wb") as log:
        return subprocess.Popen(
            program.command,
            cwd=program.directory,
            env=program.environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            process_group=group,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )


def _fresh_log(log_path: Path) -> Path:
    if log_path.exists():
        log_path.replace(log_path.with_suffix(".previous.log"))
    return log_path
