"""Servers for stories that only look; those that stop or break one start their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from worker.embedded import EmbeddedPostgres
from worker.embedded.ports import choose_ports


@pytest.fixture(scope="package")
def shared_postgres(server_directory: Path) -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(server_directory / "embedded") as server:
        yield server


@pytest.fixture
def free_port() -> int:
    (port,) = choose_ports([0])
    return port
