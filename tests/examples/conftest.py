"""What the examples run against: a Temporal on which no other worker listens for checkouts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest

from tests.client.real_shop import RealShop
from tests.directories import NewDirectory
from tests.inventory.databases import fresh_database
from tests.limits import HANG_SECONDS
from tests.workflows.stage import Stage, at_work, open_stage
from worker.embedded.temporal import EmbeddedTemporal
from workflows import policies

ANSWER_TIMEOUT_SECONDS = 60.0
# For what is to stay without an answer: no worker is there.
HASTY_SECONDS = 2.0


@pytest.fixture(scope="session")
def examples_address(new_directory: NewDirectory) -> Iterator[str]:
    """A Temporal of the examples' own: they use the contract's task queue, as a shop does."""
    with EmbeddedTemporal(new_directory("temporal"), ui_port=None, time_skipping=True) as server:
        yield server.address


@pytest.fixture
async def stage(postgres_url: str, template: str, examples_address: str) -> AsyncIterator[Stage]:
    """A stage with a database of its own, on which no worker runs yet."""
    with fresh_database(postgres_url, template) as url:
        async with open_stage(url, examples_address) as stage:
            yield stage


@pytest.fixture
def patient_shoppers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shoppers who wait for a decision until a busy machine has begun a worker."""
    monkeypatch.setattr(policies, "RESERVE_BUDGET", timedelta(seconds=HANG_SECONDS))


@pytest.fixture
async def shop(stage: Stage) -> AsyncIterator[RealShop]:
    """The stock behind an example, with a worker."""
    async with at_work(stage, sandboxed=False):
        yield RealShop(stage, ANSWER_TIMEOUT_SECONDS)
