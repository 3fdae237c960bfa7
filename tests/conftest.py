"""The servers of the whole suite: one real Postgres and one real Temporal, started once."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator

import pytest

from worker.embedded.postgres import EmbeddedPostgres
from worker.embedded.temporal import EmbeddedTemporal


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A real Postgres server."""
    with EmbeddedPostgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_url(postgres: EmbeddedPostgres) -> str:
    """The URL of a superuser on the suite's Postgres, to make databases with."""
    return postgres.url


@pytest.fixture(scope="session")
def temporal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedTemporal]:
    """A real Temporal server, which lets a workflow that asks for it skip its waits."""
    server = EmbeddedTemporal(tmp_path_factory.mktemp("temporal"), ui_port=None, time_skipping=True)
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
