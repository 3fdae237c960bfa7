"""A worker as a process of its own, which a test may kill."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.faults.conftest import clean_environment

ROOT: Final = Path(__file__).parents[2]


@contextmanager
def worker_process(
    database_url: str, temporal_address: str, **settings: str
) -> Iterator[subprocess.Popen[str]]:
    """Run a worker as an operator starts it, and kill it at the end.

    Args:
        database_url: of its Postgres.
        temporal_address: of its Temporal.
        settings: further variables of its environment.
    """
    environment = clean_environment(
        TEMPORAL_ADDRESS=temporal_address, HOLDFAST_DATABASE_URL=database_url, **settings
    )
    command = [sys.executable, "-m", "worker"]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        try:
            assert any(line == "worker ready\n" for line in process.stderr)
            threading.Thread(target=process.stderr.read, daemon=True).start()
            yield process
        finally:
            process.kill()
            process.wait()
