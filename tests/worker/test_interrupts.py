"""Ctrl-C at any moment of a start: a quiet end with 130, and a next start that finds all well."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil
import pytest

from tests.directories import NewDirectory
from tests.embedded.processes import has_ended
from tests.limits import HANG_SECONDS
from tests.worker.conftest import ROOT, Operator

# Says when the program first minds Ctrl-C, which must be before it imports anything slow. Until
# then it is the interpreter's, which has words of its own.
PROGRAM: Final = """
import runpy, signal, sys

minds = signal.signal

def tell(*arguments):
    signal.signal = minds
    before = minds(*arguments)
    print("late" if "temporalio" in sys.modules else "up", flush=True)
    return before

signal.signal = tell
runpy.run_module("worker", run_name="__main__", alter_sys=True)
"""
LAST_MOMENT_SECONDS: Final = 5.0
AT_ONCE: Final = 3
ANY_PORTS: Final = ("--temporal-port", "0", "--ui-port", "0")


@dataclass(frozen=True)
class Ending:
    """What a program that met Ctrl-C left to be seen."""

    exit_code: int
    told: str
    was_ready: bool

    @property
    def is_quiet(self) -> bool:
        """No program's insides and nobody's complaint; 0 only where all was up already."""
        wanted = 0 if self.was_ready else 130
        noise = ("Traceback", "Error", "could not", "cannot", "never awaited", "Exception")
        return self.exit_code == wanted and not any(word in self.told for word in noise)


@contextmanager
def in_a_terminal(environment: Mapping[str, str], *words: str) -> Iterator[subprocess.Popen[str]]:
    """Run a command in a process group of its own, as a shell does for what a person types."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *words],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        process_group=0,
        # Whoever runs the tests in the background has them, and what they start, ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509  # calls nothing else
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    children: list[psutil.Process] = []
    try:
        yield process
    finally:
        if process.poll() is None:
            children = psutil.Process(process.pid).children(recursive=True)
            process.kill()
        for child in children:
            has_ended(child.pid)
        process.communicate()


def interrupted(environment: Mapping[str, str], seconds: float, *words: str) -> Ending:
    """Press Ctrl-C so long after a command began, and see how it ends."""
    with in_a_terminal(environment, *words) as process:
        time.sleep(seconds)
        os.killpg(process.pid, signal.SIGINT)
        told, _ = process.communicate(timeout=HANG_SECONDS)
        return Ending(process.returncode, told, "ready" in told or "I1 holds" in told)


def every(step_seconds: float, last_seconds: float) -> list[float]:
    return [step_seconds * number for number in range(round(last_seconds / step_seconds) + 1)]


@pytest.fixture
def environment() -> dict[str, str]:
    """What a newcomer has: no server is named."""
    ours = ("TEMPORAL_", "HOLDFAST_")
    return {name: text for name, text in os.environ.items() if not name.startswith(ours)}


@pytest.mark.long
@pytest.mark.timeout(600)
def test_ctrl_c_at_any_moment_of_the_first_start_is_quiet_and_breaks_no_later_start(
    environment: dict[str, str], new_directory: NewDirectory
):
    times = every(0.25, LAST_MOMENT_SECONDS)
    places = [new_directory("interrupted") for _ in times]

    def press(moment: float, place: Path) -> Ending:
        return interrupted(environment, moment, "dev", "--data-dir", str(place), *ANY_PORTS)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        endings = dict(zip(times, pool.map(press, times, places), strict=True))
        assert {at: end for at, end in endings.items() if not end.is_quiet} == {}
        cut_short = [
            place for at, place in zip(times, places, strict=True) if not endings[at].was_ready
        ]
        later = list(pool.map(lambda place: started(environment, place), cut_short))
    assert [line for line in later if not line.startswith("ready ")] == []


@pytest.mark.long
@pytest.mark.timeout(600)
def test_ctrl_c_in_the_demo_is_quiet_and_leaves_no_files(
    environment: dict[str, str], server_directory: Path
):
    with tempfile.TemporaryDirectory(dir=server_directory) as directory:
        within = environment | {"TMPDIR": directory}
        for moment in every(1.7, LAST_MOMENT_SECONDS):
            end = interrupted(within, moment, "demo")
            assert end.is_quiet, (moment, end)
            assert list(Path(directory).iterdir()) == [], moment


@pytest.mark.timeout(600)
def test_ctrl_c_in_the_start_of_a_worker_is_quiet(operator: Operator):
    for moment in every(0.4, 2.4):
        end = interrupted(operator.environment, moment)
        assert end.is_quiet, (moment, end)


@pytest.mark.timeout(600)
def test_ctrl_c_in_a_migration_is_quiet_and_the_next_one_brings_all(
    operator_without_schema: Operator,
):
    for moment in every(0.3, 1.8):
        end = interrupted(operator_without_schema.environment, moment, "migrate")
        assert end.is_quiet or end.told.startswith("schema"), (moment, end)
    done = operator_without_schema.run("migrate")
    assert done.returncode == 0, done.stderr
    assert operator_without_schema.run("audit").returncode == 0


@pytest.mark.long
@pytest.mark.timeout(600)
def test_workers_that_are_stopped_while_they_start_have_stopped_in_order(operator: Operator):
    for moment in every(0.6, 2.4):
        end = interrupted(operator.environment, moment, "--processes", "2")
        assert end.is_quiet or "stopping 2 workers" in end.told, (moment, end)
        assert end.exit_code in (0, 130), (moment, end)


def started(environment: Mapping[str, str], place: Path) -> str:
    """Start it once more, and return its ready line, or all that it said instead."""
    with in_a_terminal(environment, "dev", "--data-dir", str(place), *ANY_PORTS) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("ready "):
                process.send_signal(signal.SIGTERM)
                assert process.wait(HANG_SECONDS) == 0
                return line
        return "".join(lines)
