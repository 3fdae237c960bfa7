"""Servers that a test may break, and the ledger and till that it looks at them by."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator, Mapping

import pytest

from activities.inventory.database.engine import open_engine
from activities.inventory.database.migrate import upgrade
from tests.directories import NewDirectory
from tests.inventory.databases import fresh_database
from tests.workflows.stage import Stage, open_stage
from worker.embedded.postgres import EmbeddedPostgres
from worker.embedded.temporal import EmbeddedTemporal


@pytest.fixture(scope="module")
def own_postgres(new_directory: NewDirectory) -> Iterator[EmbeddedPostgres]:
    """A migrated Postgres that one module may stop and block."""
    with EmbeddedPostgres(new_directory("postgres")) as server:
        engine = open_engine(server.url, connections_max=1)
        upgrade(engine)
        engine.dispose()
        yield server


@pytest.fixture(scope="module")
def own_temporal(new_directory: NewDirectory) -> Iterator[EmbeddedTemporal]:
    """A Temporal that one module may stop and block."""
    with EmbeddedTemporal(new_directory("temporal"), time_skipping=True) as server:
        yield server


@pytest.fixture
def database_url(postgres_url: str, template: str) -> Iterator[str]:
    """A database that one test has to itself."""
    with fresh_database(postgres_url, template) as url:
        yield url


@pytest.fixture
async def stage(database_url: str, temporal_address: str, unique: str) -> AsyncIterator[Stage]:
    """A stage with a database and a task queue of its own, on which no worker runs yet."""
    async with open_stage(database_url, temporal_address, unique) as stage:
        yield stage


def clean_environment(**changes: str) -> Mapping[str, str]:
    """Return our environment without Temporal's settings and Holdfast's, but for the changes."""
    ours = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TEMPORAL_", "HOLDFAST_"))
    }
    return {**ours, **changes}
