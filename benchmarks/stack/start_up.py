"""How soon the programs are there, and what a worker at rest weighs."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.case import ONLY_SETTING, Bar, Contender, Reading, Scale, View
from benchmarks.results import CaseResult
from benchmarks.stack.contenders import HOLDFAST
from benchmarks.stack.programs import ROOT, start_worker
from benchmarks.stack.site import Site, running_site
from benchmarks.stack.weighing import memory_megabytes

REST_SECONDS: Final = 3.0


class StartUpCase:
    """What a program costs before it does anything."""

    name = "start-up"
    title = "Starting up"
    about = "From the command to its end, or to the worker's line that it is ready."
    views: Sequence[View] = (
        View(
            "Starting up",
            ("import holdfast_client", "holdfast --help", "worker ready", "worker at rest"),
        ),
    )
    page_figures: Sequence[str] = (
        "import holdfast_client",
        "holdfast --help",
        "worker ready",
        "worker at rest",
    )

    def settings(self, scale: Scale) -> Sequence[str]:  # noqa: ARG002  # there is but one
        return (ONLY_SETTING,)

    def rounds(self, scale: Scale) -> int:
        return scale.pick(5, 2, 1)

    @contextmanager
    def open(
        self, directory: Path, scale: Scale, announce: Callable[[str], None]
    ) -> Iterator[Sequence[Contender]]:
        with running_site(directory, announce) as site:
            yield [StartUpContender(site, scale.pick(REST_SECONDS, REST_SECONDS, 0.0))]

    def bars(self, result: CaseResult) -> Sequence[Bar]:
        return [
            Bar(
                "Memory of a worker at rest",
                result.median(HOLDFAST, ONLY_SETTING, "worker at rest"),
                at_most=110.0,
                unit="MB",
            )
        ]


class StartUpContender:
    """Holdfast's programs."""

    name = HOLDFAST

    def __init__(self, site: Site, rest_seconds: float) -> None:
        self._site = site
        self._rest_seconds = rest_seconds

    def prepare(self) -> None:
        """Nothing: the first start of each program may be a cold one, as it is for its user."""

    def run(self, setting: str, round: int) -> Sequence[Reading]:  # noqa: ARG002  # there is but one
        command = str(Path(sys.executable).with_name("holdfast"))
        return [
            _taken("import holdfast_client", [sys.executable, "-c", "import holdfast_client"]),
            _taken("holdfast --help", [command, "--help"]),
            *self._worker(round),
        ]

    def audit(self) -> Sequence[Reading]:
        self._site.audit()
        return []

    def _worker(self, number: int) -> list[Reading]:
        """Start a worker, let it come to rest, and weigh it."""
        log_path = self._site.log_path(f"worker-{number}")
        began = time.perf_counter()
        with start_worker(["worker"], self._site.worker_environment, log_path) as worker:
            taken = time.perf_counter() - began
            time.sleep(self._rest_seconds)
            weight = memory_megabytes([worker.pid])
        return [
            Reading("worker ready", round(taken, 2), "s"),
            Reading("worker at rest", round(weight), "MB"),
        ]


def _taken(name: str, command: Sequence[str]) -> Reading:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=environment)
    return Reading(name, round(time.perf_counter() - began, 3), "s")
