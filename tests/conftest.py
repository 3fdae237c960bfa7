"""The servers of the whole suite: one real Postgres and one real Temporal, started once."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.inventory.databases import create_template
from worker.embedded.postgres import EmbeddedPostgres
from worker.embedded.temporal import EmbeddedTemporal


@pytest.fixture(scope="session")
def server_directory() -> Iterator[Path]:
    """Where the suite's servers keep their files.

    Not below pytest's own directory: each session of pytest takes that away from the account
    which Postgres runs under when the suite is run as root.
    """
    with tempfile.TemporaryDirectory(prefix="holdfast-tests-") as directory:
        yield Path(directory)


@pytest.fixture
def data_dir(server_directory: Path, unique: str) -> Path:
    """A directory of one test's own servers, not made yet."""
    return server_directory / unique


@pytest.fixture(scope="session")
def postgres(server_directory: Path) -> Iterator[EmbeddedPostgres]:
    """A real Postgres server."""
    with EmbeddedPostgres(server_directory / "postgres") as server:
        yield server


@pytest.fixture(scope="session")
def postgres_url(postgres: EmbeddedPostgres) -> str:
    """The URL of a superuser on the suite's Postgres, to make databases with."""
    return postgres.url


@pytest.fixture(scope="session")
def template(postgres_url: str) -> str:
    """The name of a migrated database to copy from."""
    return create_template(postgres_url)


@pytest.fixture(scope="session")
def temporal(server_directory: Path) -> Iterator[EmbeddedTemporal]:
    """A real Temporal server, which lets a workflow that asks for it skip its waits."""
    server = EmbeddedTemporal(server_directory / "temporal", ui_port=None, time_skipping=True)
    with server:
        yield server


@pytest.fixture(scope="session")
def temporal_address(temporal: EmbeddedTemporal) -> str:
    """Host and port of the suite's Temporal."""
    return temporal.address


_numbers = itertools.count(1)


@pytest.fixture
def unique() -> str:
    """A word that no other test of this run uses, for ids and SKUs."""
    return f"t{os.getpid()}-{next(_numbers)}"
