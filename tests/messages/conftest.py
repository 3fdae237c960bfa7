"""The stage of the message tests: unsandboxed as in production, because they are many."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.inventory.databases import fresh_database
from tests.workflows.stage import Stage, at_work, open_stage


@pytest.fixture(scope="package")
def package_database_url(postgres_url: str, template: str) -> Iterator[str]:
    with fresh_database(postgres_url, template) as url:
        yield url


@pytest.fixture(scope="package")
async def stage(package_database_url: str, temporal_address: str) -> AsyncIterator[Stage]:
    """The stage that these tests share: they keep apart by their SKUs and checkout ids."""
    async with (
        open_stage(package_database_url, temporal_address, "messages") as stage,
        at_work(stage, sandboxed=False),
    ):
        yield stage
