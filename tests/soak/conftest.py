"""A database that a control may spoil, and a worker on it with a ledger of the control's choice."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.inventory.databases import fresh_database
from tests.workflows.stage import Stage, open_stage


@pytest.fixture
def own_database_url(postgres_url: str, template: str) -> Iterator[str]:
    with fresh_database(postgres_url, template) as url:
        yield url


@pytest.fixture
async def idle_stage(
    own_database_url: str, temporal_address: str, unique: str
) -> AsyncIterator[Stage]:
    """A stage with a database and a task queue of its own, on which no worker runs yet."""
    async with open_stage(own_database_url, temporal_address, unique) as stage:
        yield stage
