"""The workers: processes as operators start them, replaced when they end by themselves."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Final

from worker.embedded.server_process import Program, ServerProcess

ROOT: Final = Path(__file__).resolve().parents[1]
STOP_SECONDS_MAX: Final = 40.0
READY_SECONDS_MAX: Final = 90.0
_LOOK_SECONDS: Final = 0.1
_READY: Final = b"worker ready"


class WorkersNotReady(Exception):
    """No worker came up in time; carries the end of its log."""


class Fleet:
    """So many worker processes.

    Args:
        count: how many there should be.
        settings: the environment variables that they are told.
        log_dir: takes the log of each.
    """

    def __init__(self, count: int, settings: dict[str, str], log_dir: Path) -> None:
        self._count = count
        self._environment = _environment(settings)
        self._log_dir = log_dir
        self._started = 0
        self._workers: list[ServerProcess] = []
        self.ended_by_themselves: list[str] = []

    async def start(self) -> None:
        """Bring the fleet to its number and wait until all are ready.

        Raises:
            WorkersNotReady: one was not in time.
        """
        for _ in range(self._count - len(self._workers)):
            self._start_one()
        await self._until_all_ready()

    def kill(self, chance: random.Random, count: int) -> None:
        """Kill some workers (SIGKILL)."""
        for worker in chance.sample(self._workers, min(count, len(self._workers))):
            self._workers.remove(worker)
            worker.kill()

    async def roll(self) -> None:
        """Replace each worker as an upgrade does: a new one first, then the old one is stopped."""
        for old in tuple(self._workers):
            self._start_one()
            await self._until_all_ready()
            if old in self._workers:
                self._workers.remove(old)
                await asyncio.to_thread(old.stop, signal.SIGTERM, seconds_max=STOP_SECONDS_MAX)

    def tend(self) -> None:
        """Replace whichever worker has ended by itself."""
        for worker in tuple(self._workers):
            if worker.exit_code is not None:
                self.ended_by_themselves.append(f"{worker.exit_code}: {worker.log_tail()[-500:]}")
                worker.bury()
                self._workers.remove(worker)
                self._start_one()

    async def stop(self) -> None:
        """Stop all workers in order."""
        leaving = self._workers
        self._workers = []
        stops = [
            asyncio.to_thread(worker.stop, signal.SIGTERM, seconds_max=STOP_SECONDS_MAX)
            for worker in leaving
        ]
        await asyncio.gather(*stops)

    async def _until_all_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS_MAX
        while time.monotonic() < deadline:
            self.tend()
            if all(_is_ready(worker) for worker in self._workers):
                return
            await asyncio.sleep(_LOOK_SECONDS)
        tails = "\n".join(worker.log_tail() for worker in self._workers)
        raise WorkersNotReady(f"the workers were not ready in time: {tails}")

    def _start_one(self) -> ServerProcess:
        self._started += 1
        worker = ServerProcess(
            Program(
                name="worker",
                command=[sys.executable, "-m", "worker"],
                environment=self._environment,
                directory=ROOT,
                log_path=self._log_dir / f"worker-{self._started}.log",
                stop_signal=signal.SIGTERM,
            )
        )
        self._workers.append(worker)
        return worker


def _environment(settings: dict[str, str]) -> dict[str, str]:
    ours = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TEMPORAL_", "HOLDFAST_"))
    }
    return ours | settings


def _is_ready(worker: ServerProcess) -> bool:
    return _READY in worker.program.log_path.read_bytes()
