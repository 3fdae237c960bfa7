"""Everything that `make dev` starts, for a reader of the pages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.directories import NewDirectory
from tests.docs.reader import Reader
from worker.dev import RunningStack, running_stack


@pytest.fixture(scope="module")
async def dev(new_directory: NewDirectory) -> AsyncIterator[RunningStack]:
    async with running_stack(new_directory("reader")) as running:
        yield running


@pytest.fixture
def reader(dev: RunningStack, tmp_path: Path) -> Reader:
    """A reader with `make dev` running."""
    named = {
        "TEMPORAL_ADDRESS": dev.temporal_address,
        "HOLDFAST_DATABASE_URL": dev.settings.database,
    }
    return Reader(tmp_path, named)
