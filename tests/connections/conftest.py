"""What the tests of connections share: databases to reach in other ways than directly."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.inventory.databases import fresh_database


@pytest.fixture
def database_url(postgres_url: str, template: str) -> Iterator[str]:
    """A migrated database that one test has to itself."""
    with fresh_database(postgres_url, template) as url:
        yield url
