"""Worker processes as an operator starts them: own database, own Temporal, nothing shared."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from activities.inventory.database.engine import open_engine
from activities.inventory.ledger import Ledger
from tests.directories import NewDirectory
from tests.inventory.databases import fresh_database
from tests.limits import HANG_SECONDS
from worker.embedded.temporal import EmbeddedTemporal

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Operator:
    """Types `python -m worker ...` in an environment that names the servers."""

    environment: Mapping[str, str]

    def run(self, *words: str, **changes: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "worker", *words],
            cwd=ROOT,
            env={**self.environment, **changes},
            capture_output=True,
            text=True,
            timeout=HANG_SECONDS,
            check=False,
        )

    def start(self, *words: str, **changes: str) -> subprocess.Popen[str]:
        """Start one in the background, in a session of its own as a terminal would."""
        return subprocess.Popen(
            [sys.executable, "-m", "worker", *words],
            cwd=ROOT,
            env={**self.environment, **changes},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@pytest.fixture(scope="module")
def own_temporal(new_directory: NewDirectory) -> Iterator[EmbeddedTemporal]:
    """A Temporal whose task queue no worker of another test listens on."""
    with EmbeddedTemporal(new_directory("temporal"), ui_port=None) as server:
        yield server


@pytest.fixture
def own_database_url(postgres_url: str, template: str) -> Iterator[str]:
    with fresh_database(postgres_url, template) as url:
        yield url


@pytest.fixture
def ledger(own_database_url: str) -> Iterator[Ledger]:
    """The ledger of the operator's database."""
    engine = open_engine(own_database_url, connections_max=2)
    yield Ledger(engine)
    engine.dispose()


@pytest.fixture
def operator(own_database_url: str, own_temporal: EmbeddedTemporal) -> Operator:
    """An operator of a migrated database and a Temporal that nobody else uses."""
    # Each test has a ledger of its own, but not a Temporal: others have left checkouts there.
    environment = _environment(own_database_url, own_temporal.address)
    return Operator(environment | {"HOLDFAST_EMPTY_LEDGER": "accept"})


@pytest.fixture
def operator_without_schema(
    postgres_url: str, own_temporal: EmbeddedTemporal
) -> Iterator[Operator]:
    """An operator whose database is empty."""
    with fresh_database(postgres_url) as url:
        yield Operator(_environment(url, own_temporal.address))


def _environment(database_url: str, temporal_address: str) -> dict[str, str]:
    ours = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TEMPORAL_", "HOLDFAST_"))
    }
    return {
        **ours,
        "TEMPORAL_ADDRESS": temporal_address,
        "HOLDFAST_DATABASE_URL": database_url,
        "HOLDFAST_STARTUP_WAIT_SECONDS": str(HANG_SECONDS),
    }
