"""Servers for tests that only look; those that stop or break one start their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.directories import NewDirectory
from worker.embedded import EmbeddedPostgres
from worker.embedded.ports import choose_ports


@pytest.fixture(scope="package")
def shared_postgres(new_directory: NewDirectory) -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(new_directory("postgres")) as server:
        yield server


@pytest.fixture
def free_port() -> int:
    (port,) = choose_ports([0])
    return port
