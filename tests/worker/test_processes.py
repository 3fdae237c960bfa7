"""Workers as processes: they replace each other, and a stop loses nothing."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil
import psycopg
import pytest

from activities.inventory.ledger import Ledger
from activities.inventory.records import StockRow
from holdfast_client.client import ReservationClient
from holdfast_client.contract.outcomes import Fulfilled, Held
from tests.limits import HANG_SECONDS
from tests.worker.conftest import Operator


@contextmanager
def running(operator: Operator, *words: str, **changes: str) -> Iterator[subprocess.Popen[str]]:
    process = operator.start(*words, **changes)
    children = []
    try:
        yield process
    finally:
        with suppress(psutil.NoSuchProcess):
            children = psutil.Process(process.pid).children(recursive=True)
        for one in (*children, psutil.Process(process.pid) if process.poll() is None else None):
            with suppress(psutil.NoSuchProcess, AttributeError):
                one.kill()  # type: ignore[union-attr]
        process.communicate()


def _wait_ready(process: subprocess.Popen[str], workers: int = 1) -> None:
    assert process.stderr is not None
    for _ in range(workers):
        for line in process.stderr:
            if line == "worker ready\n":
                break
        else:
            pytest.fail(f"the worker ended with {process.wait()} before it was ready")


async def _client(operator: Operator) -> ReservationClient:
    return await ReservationClient.connect(
        operator.environment["TEMPORAL_ADDRESS"], answer_timeout_seconds=HANG_SECONDS
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_that_is_told_to_stop_ends_with_0(operator: Operator, number: signal.Signals):
    with running(operator) as process:
        _wait_ready(process)
        process.send_signal(number)
        assert process.wait(HANG_SECONDS) == 0


def test_a_worker_that_waits_for_its_servers_stops_at_once_when_told(operator: Operator):
    nowhere = {"TEMPORAL_ADDRESS": "127.0.0.1:1", "HOLDFAST_STARTUP_WAIT_SECONDS": "600"}
    with running(operator, **nowhere, HOLDFAST_LOG_LEVEL="warning") as process:
        assert process.stderr is not None
        assert "waiting" in process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(HANG_SECONDS) == 0


@pytest.mark.parametrize("words", [(), ("--processes", "2")], ids=["one", "two"])
def test_a_worker_whose_log_nobody_reads_any_more_stops_all_the_same(
    operator: Operator, words: tuple[str, ...]
):
    with running(operator, *words) as process:
        _wait_ready(process, workers=2 if words else 1)
        assert process.stderr is not None
        process.stderr.close()
        process.stderr = None
        process.send_signal(signal.SIGTERM)
        assert process.wait(HANG_SECONDS) == 0


async def test_a_rolling_restart_under_load_loses_no_checkout(
    operator: Operator, ledger: Ledger, unique: str
):
    ledger.load_stock([StockRow(unique, "main", 1_000)])
    client = await _client(operator)

    async def check_out(number: int) -> None:
        checkout_id = f"{unique}-{number}"
        assert isinstance(await client.reserve(checkout_id, [(unique, 1)]), Held)
        outcome = await client.confirm(checkout_id, f"pay-{number}")
        assert isinstance(outcome, Fulfilled)

    async def shop(first: int) -> None:
        for number in range(first, first + 25):
            await check_out(number)

    with running(operator) as old, running(operator) as new:
        await asyncio.to_thread(_wait_ready, old)
        shopping = asyncio.gather(*(shop(100 * shopper) for shopper in range(4)))
        await asyncio.to_thread(_wait_ready, new)
        old.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(old.wait, HANG_SECONDS) == 0
        await shopping
        new.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(new.wait, HANG_SECONDS) == 0
    (stock,) = ledger.availability([unique])
    assert (stock.total, stock.reserved) == (900, 0)
    assert ledger.audit() == ()


def test_a_worker_process_that_dies_is_replaced_and_all_stop_together(operator: Operator):
    with running(operator, "--processes", "2") as parent:
        _wait_ready(parent, workers=2)
        victim = psutil.Process(parent.pid).children()[0]
        os.kill(victim.pid, signal.SIGKILL)
        assert parent.stderr is not None
        assert f"worker {victim.pid} ended with exit code -9" in parent.stderr.readline()
        _wait_ready(parent)
        children = psutil.Process(parent.pid).children()
        parent.send_signal(signal.SIGTERM)
        assert parent.wait(HANG_SECONDS) == 0
        assert not any(child.is_running() for child in children)


def test_workers_that_cannot_start_are_not_started_for_ever(operator: Operator):
    with running(
        operator,
        "--processes",
        "2",
        TEMPORAL_ADDRESS="127.0.0.1:1",
        HOLDFAST_STARTUP_WAIT_SECONDS="0",
    ) as parent:
        assert parent.wait(HANG_SECONDS) == 1
        assert parent.stderr is not None
        assert "giving up" in parent.stderr.read()


async def test_a_worker_opens_no_more_connections_than_its_settings_allow(
    operator: Operator, unique: str
):
    with running(operator, HOLDFAST_ACTIVITY_SLOTS="2") as process:
        await asyncio.to_thread(_wait_ready, process)
        client = await _client(operator)
        ids = [f"{unique}-{number}" for number in range(12)]
        await asyncio.gather(*(client.reserve(id, [("NOTHING", 1)]) for id in ids))
        url = operator.environment["HOLDFAST_DATABASE_URL"]
        with psycopg.connect(url) as link:
            count = link.execute(
                "SELECT count(*) FROM pg_stat_activity "
                "WHERE datname = current_database() AND application_name = 'holdfast-worker'"
            ).fetchone()
        assert count is not None
        assert 1 <= count[0] <= 4
