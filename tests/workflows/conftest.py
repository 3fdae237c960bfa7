"""One worker for most tests, in the sandbox; those that turn the clock set their own stage."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.inventory.databases import fresh_database
from tests.workflows.stage import Stage, at_work, open_stage
from tests.workflows.till import Till


@pytest.fixture(scope="session")
def session_database_url(postgres_url: str, template: str) -> Iterator[str]:
    with fresh_database(postgres_url, template) as url:
        yield url


@pytest.fixture(scope="session")
async def stage(session_database_url: str, temporal_address: str) -> AsyncIterator[Stage]:
    """The stage that most tests share: they keep apart by their SKUs and checkout ids.

    It lives as long as the suite's Temporal, so it leaves the task queue of real workers to them.
    """
    async with (
        open_stage(session_database_url, temporal_address, "workflows") as stage,
        at_work(stage),
    ):
        yield stage


@pytest.fixture
def till(stage: Stage) -> Till:
    return stage.till


@pytest.fixture
def own_database_url(postgres_url: str, template: str) -> Iterator[str]:
    """A database that nobody else uses."""
    with fresh_database(postgres_url, template) as url:
        yield url


@pytest.fixture
async def idle_stage(
    session_database_url: str, temporal_address: str, unique: str
) -> AsyncIterator[Stage]:
    """A stage with a task queue of its own, on which no worker runs yet."""
    async with open_stage(session_database_url, temporal_address, unique) as stage:
        yield stage


@pytest.fixture
async def own_stage(
    own_database_url: str, temporal_address: str, unique: str
) -> AsyncIterator[Stage]:
    """A stage with a database of its own: its clock may be turned."""
    async with open_stage(own_database_url, temporal_address, unique) as stage, at_work(stage):
        yield stage
