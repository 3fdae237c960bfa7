"""Two workers of one shop, a real Prometheus that scrapes both, and a day's traffic."""

from __future__ import annotations

import asyncio
import contextlib
import random
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from temporalio.client import Client

from activities.inventory.database.engine import open_engine
from activities.inventory.ledger import Ledger
from holdfast_client import ReservationClient
from tests.directories import NewDirectory
from tests.inventory.databases import fresh_database
from tests.limits import HANG_SECONDS
from tests.monitoring.prometheus import Prometheus, running_prometheus
from tests.monitoring.traffic import Traffic
from tests.worker.conftest import Operator, _environment
from tests.worker.test_processes import _wait_ready, running
from tests.workflows.waiting import until
from worker.embedded.errors import PortInUse
from worker.embedded.ports import choose_ports
from worker.embedded.temporal import EmbeddedTemporal

WORKERS = 2
WORD = "mug"
PORTS_FROM = 20_000
PORTS_UNTIL = 32_000
PORT_TRIES_MAX = 100


@pytest.fixture(scope="module")
def own_temporal(new_directory: NewDirectory) -> Iterator[EmbeddedTemporal]:
    """A Temporal that knows of no other file's checkouts, and whose task queue is its own."""
    with EmbeddedTemporal(new_directory("temporal"), ui_port=None) as server:
        yield server


@pytest.fixture(scope="module")
def own_database_url(postgres_url: str, template: str) -> Iterator[str]:
    with fresh_database(postgres_url, template) as url:
        yield url


@pytest.fixture(scope="module")
def operator(own_database_url: str, own_temporal: EmbeddedTemporal) -> Operator:
    """An operator whose reconciler runs every second.

    Its grace is long enough for the workflow of a hold to end it first on a busy machine.
    """
    environment = _environment(own_database_url, own_temporal.address)
    hurried = {
        "HOLDFAST_RECONCILE_INTERVAL_SECONDS": "1",
        "HOLDFAST_RECONCILE_GRACE_SECONDS": "10",
        "HOLDFAST_LOG_LEVEL": "info",
    }
    return Operator({**environment, **hurried})


@dataclass(frozen=True)
class Site:
    """A shop with its workers and its Prometheus.

    Args:
        prometheus: has seen all that has happened.
        metrics_addresses: of the workers.
        log_lines: what the workers have written, and go on to write.
    """

    prometheus: Prometheus
    metrics_addresses: tuple[str, ...]
    log_lines: list[str]


@contextmanager
def opened_ledger(url: str) -> Iterator[Ledger]:
    engine = open_engine(url, connections_max=4)
    try:
        yield Ledger(engine)
    finally:
        engine.dispose()


@pytest.fixture(scope="module")
async def site(
    operator: Operator, own_database_url: str, new_directory: NewDirectory
) -> AsyncIterator[Site]:
    """A shop after a day in which everything happened that is counted."""
    first_port = free_ports_in_a_row(WORKERS)
    addresses = tuple(f"127.0.0.1:{first_port + place}" for place in range(WORKERS))
    workers = running(operator, "--processes", str(WORKERS), HOLDFAST_METRICS_ADDRESS=addresses[0])
    with (
        running_prometheus(new_directory("prometheus"), addresses) as prometheus,
        opened_ledger(own_database_url) as ledger,
        workers as process,
    ):
        await asyncio.to_thread(_wait_ready, process, WORKERS)
        lines = drained(process)
        await until(lambda: len(prometheus.rows("holdfast_late_confirmations_total")) == WORKERS)
        temporal = await Client.connect(operator.environment["TEMPORAL_ADDRESS"])
        shop = ReservationClient(temporal, answer_timeout_seconds=HANG_SECONDS)

        async def drift_is_seen() -> None:
            await until(lambda: prometheus.value("holdfast:drift_breaches") == 1)

        await Traffic(shop, temporal, ledger, own_database_url, WORD).flow(drift_is_seen)
        unavailable = 'sum(holdfast_reservations_total{outcome="unavailable"})'
        await until(lambda: prometheus.value(unavailable) == 1)
        yield Site(prometheus, addresses, lines)


def drained(process: subprocess.Popen[str]) -> list[str]:
    """Read a worker's log as it grows: one whose pipe is full stands still."""
    lines: list[str] = []
    assert process.stderr is not None
    threading.Thread(target=lines.extend, args=[process.stderr], daemon=True).start()
    return lines


def free_ports_in_a_row(count: int) -> int:
    """Return the first of so many neighbouring ports that are all free.

    They lie below those that the kernel hands out, so nobody who takes any port gets one of them
    before it is used.
    """
    for _ in range(PORT_TRIES_MAX):
        first = random.randrange(PORTS_FROM, PORTS_UNTIL - count)
        with contextlib.suppress(PortInUse):
            choose_ports(range(first, first + count))
            return first
    raise AssertionError(f"no {count} ports in a row were found free")
