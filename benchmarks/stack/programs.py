"""The programs that a benchmark starts beside itself: workers, and shoppers that take jobs."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Final, Self

from benchmarks.case import CaseFailed
from benchmarks.stack.jobs import READY, Job, Tally

ROOT: Final = Path(__file__).resolve().parents[2]
_START_SECONDS_MAX: Final = 60.0
_JOB_SECONDS_MAX: Final = 600.0
_STOP_SECONDS_MAX: Final = 40.0


class ProgramFailed(CaseFailed):
    """A program that the benchmark needs did not start, ended by itself, or stayed silent."""


class Program:
    """A Python module run as a process of its own, whose errors go to a log.

    Args:
        module: what ``python -m`` is given, with arguments.
        environment: what it is told beside our own environment.
        log_path: takes what it writes to stderr.
    """

    def __init__(
        self, module: Sequence[str], environment: Mapping[str, str], log_path: Path
    ) -> None:
        self._log_path = log_path
        self._name = " ".join(module)
        with log_path.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *module],
                cwd=ROOT,
                env=_plain_environment() | dict(environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ask it to stop, by the end of its stdin and SIGTERM, and wait."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def say(self, line: str) -> None:
        """Write one line to its stdin."""
        stream = self._stream(self._process.stdin)
        stream.write(line + "\n")
        stream.flush()

    def hear(self, seconds_max: float) -> str:
        """Return its next line on stdout.

        Raises:
            ProgramFailed: it ended, or stayed silent for so long and was killed.
        """
        silence = threading.Timer(seconds_max, self._process.kill)
        silence.start()
        try:
            line = self._stream(self._process.stdout).readline()
        finally:
            silence.cancel()
        if not line:
            raise self.failure("ended, or stayed silent")
        return line.strip()

    def wait_for(self, is_ready: Callable[[str], bool], seconds_max: float) -> None:
        """Wait until what it has written to stderr is enough.

        Raises:
            ProgramFailed: it ended, or it was not enough in time.
        """
        pause = threading.Event()
        waited = 0.0
        while not is_ready(self._log_path.read_text(errors="replace")):
            if self._process.poll() is not None or waited > seconds_max:
                raise self.failure("did not come up")
            pause.wait(_PAUSE_SECONDS)
            waited += _PAUSE_SECONDS

    def failure(self, what: str) -> ProgramFailed:
        """Return the error that says so, with the end of its log."""
        log = self._log_path.read_text(errors="replace").splitlines()[-_LOG_LINES:]
        return ProgramFailed("\n".join([f"{self._name} {what}:", *log]))

    @staticmethod
    def _stream(stream: IO[str] | None) -> IO[str]:
        assert stream is not None
        return stream


_PAUSE_SECONDS: Final = 0.05
_LOG_LINES: Final = 20


class Shoppers(Program):
    """A process of shoppers, ready to take jobs."""

    def __init__(self, shop: str, environment: Mapping[str, str], log_path: Path) -> None:
        super().__init__(["benchmarks.stack.shoppers", shop], environment, log_path)
        try:
            if self.hear(_START_SECONDS_MAX) != READY:
                raise self.failure("did not come up")
        except BaseException:
            self.stop()
            raise

    def begin(self, job: Job) -> None:
        """Hand a job over, without waiting for it."""
        self.say(job.model_dump_json())

    def tally(self) -> Tally:
        """Wait for the job that was begun.

        Raises:
            ProgramFailed: a checkout did not end as it should, or took too long.
        """
        return Tally.model_validate_json(self.hear(_JOB_SECONDS_MAX))


def start_worker(
    module: Sequence[str], environment: Mapping[str, str], log_path: Path, processes: int = 1
) -> Program:
    """Start a worker, or several under one parent, and wait until all are ready.

    Raises:
        ProgramFailed: they did not come up.
    """
    program = Program(module, environment, log_path)
    try:
        program.wait_for(lambda log: log.count("worker ready") >= processes, _START_SECONDS_MAX)
    except BaseException:
        program.stop()
        raise
    return program


def _plain_environment() -> dict[str, str]:
    """Return our environment without settings that would lead a program somewhere else."""
    own = ("TEMPORAL_", "HOLDFAST_", "DBOS_")
    return {key: value for key, value in os.environ.items() if not key.startswith(own)} | {
        "PYTHONPATH": str(ROOT)
    }
