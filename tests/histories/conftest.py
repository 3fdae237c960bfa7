"""A database for the releases; each of them works on a task queue of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.inventory.databases import fresh_database


@pytest.fixture(scope="package")
def package_database_url(postgres_url: str, template: str) -> Iterator[str]:
    with fresh_database(postgres_url, template) as url:
        yield url
