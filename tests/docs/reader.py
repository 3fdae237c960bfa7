"""A reader who types what the pages say, in a directory of their own, against real servers."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.docs.pages import ROOT
from tests.limits import HANG_SECONDS
from worker.embedded.postgres_cluster import postgres_program

WORKER_READY: Final = "worker ready\n"


@dataclass(frozen=True)
class Reader:
    """Types code and commands; what fails is an assertion with all that was printed.

    Args:
        directory: where scripts are written and commands are run.
        named: the environment variables that name the servers.
    """

    directory: Path
    named: Mapping[str, str]

    @property
    def environment(self) -> dict[str, str]:
        """Ours without Temporal's and Holdfast's variables, and with the programs of the pages."""
        ours = ("TEMPORAL_", "HOLDFAST_")
        clean = {name: text for name, text in os.environ.items() if not name.startswith(ours)}
        programs = (str(Path(sys.executable).parent), str(postgres_program("psql").parent))
        return {
            **clean,
            "PATH": os.pathsep.join((*programs, os.environ["PATH"])),
            "PYTHONPATH": str(ROOT),
            "TEMPORAL_CONFIG_FILE": os.devnull,
            "LC_ALL": "C.UTF-8",
            **self.named,
        }

    async def python(self, code: str) -> str:
        """Run a script beside the event loop, which a stack's own worker needs."""
        script = self.directory / "script.py"
        script.write_text(code)
        return await self._run([sys.executable, str(script)])

    async def shell(self, block: str) -> str:
        """Run a block of commands, of which each must succeed."""
        return await self._run(["bash", "-euo", "pipefail", "-c", block])

    async def shell_until_ready(self, block: str) -> None:
        """Run a block whose last command is a worker, until that is ready, and stop it."""
        await asyncio.to_thread(self._until_ready, block)

    async def _run(self, command: list[str]) -> str:
        ended = await asyncio.to_thread(
            subprocess.run,
            command,
            cwd=self.directory,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=HANG_SECONDS,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    def _until_ready(self, block: str) -> None:
        with subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", block],
            cwd=self.directory,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process:
            assert process.stderr is not None
            told = []
            for line in process.stderr:
                told.append(line)
                if line == WORKER_READY:
                    break
            os.killpg(process.pid, signal.SIGTERM)
            process.communicate(timeout=HANG_SECONDS)
        assert told[-1:] == [WORKER_READY], "".join(told)
