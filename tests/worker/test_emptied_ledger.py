"""An empty ledger beside a Temporal that remembers holds: nobody works on it, unless told to."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import text
from temporalio.client import Client

from activities.inventory.database.engine import open_engine
from activities.inventory.ledger import Ledger
from activities.inventory.records import StockRow
from holdfast_client import Denied, Held, ReservationClient, Unavailable
from tests.directories import NewDirectory
from tests.inventory.databases import fresh_database
from tests.inventory.shop import checkout
from tests.limits import HANG_SECONDS
from tests.worker.conftest import ROOT, Operator, _environment
from tests.workflows.waiting import until
from worker.embedded.temporal import EmbeddedTemporal, _temporal_program

REPLAY: Final = ROOT / "deploy/restore/replay-since.sh"
EARLY: Final = "early-bird"
HELD: Final = "held"
RUNNING: Final = "WorkflowType = 'CheckoutWorkflow' AND ExecutionStatus = 'Running'"


def _wait_until_ready(worker: subprocess.Popen[str]) -> None:
    assert worker.stderr is not None
    told = []
    for line in worker.stderr:
        told.append(line)
        if "worker ready" in line:
            return
    raise AssertionError("".join(told))


@contextmanager
def working(operator: Operator, **changes: str) -> Iterator[subprocess.Popen[str]]:
    """Run a worker while the block runs."""
    worker = operator.start(**changes)
    try:
        yield worker
    finally:
        worker.terminate()
        worker.communicate(timeout=HANG_SECONDS)


@pytest.fixture(scope="module")
async def served(
    postgres_url: str, template: str, new_directory: NewDirectory
) -> AsyncIterator[Operator]:
    """An operator whose first worker found a checkout from before it, and then held one."""
    with (
        EmbeddedTemporal(new_directory("temporal"), ui_port=None) as temporal,
        fresh_database(postgres_url, template) as url,
    ):
        operator = Operator(_environment(url, temporal.address))
        _load(url)
        client = await ReservationClient.connect(
            temporal.address, answer_timeout_seconds=HANG_SECONDS
        )
        early = asyncio.create_task(client.reserve(EARLY, [("NO-SUCH-01", 2)]))
        watcher = await Client.connect(temporal.address)
        await until(lambda: _count(watcher, RUNNING))
        with working(operator) as worker:
            await asyncio.to_thread(_wait_until_ready, worker)
            # Denied, or where the start took long nobody waited for it any more.
            assert isinstance(await early, Denied | Unavailable)
            held = await client.reserve(HELD, [("MUG-01", 2)], hold_seconds=3_600)
            assert isinstance(held, Held)
            await until(lambda: _count(watcher, f"{RUNNING} AND BuildIds IS NOT NULL"))
        yield operator


@pytest.fixture
def emptied(served: Operator, postgres_url: str, template: str) -> Iterator[Operator]:
    """The same operator with a ledger that has stock, and no reservation any more."""
    with fresh_database(postgres_url, template) as url:
        _load(url)
        yield Operator({**served.environment, "HOLDFAST_DATABASE_URL": url})


async def test_checkouts_that_came_before_the_first_worker_are_served_by_it(served: Operator):
    assert served.run("health").returncode == 0


@pytest.mark.parametrize(("words", "code"), [((), 3), (("health",), 1)], ids=["worker", "health"])
async def test_a_ledger_that_lost_what_temporal_remembers_is_refused_with_the_remedy(
    emptied: Operator, words: tuple[str, ...], code: int
):
    refused = emptied.run(*words)
    assert refused.returncode == code
    (line,) = refused.stderr.splitlines()
    for named in ("no reservation", f"checkout/{HELD}", "HOLDFAST_EMPTY_LEDGER=accept"):
        assert named in line


@pytest.mark.parametrize(
    ("known", "days", "told"),
    [
        ([], 0, "no reservation"),
        (["new"], 0, "the ledger began at"),
        (["new", HELD], 0, ""),
        # Of a backup: what was held since is not known, and comes back by the replay.
        (["old"], 1, ""),
    ],
    ids=["nothing", "one since", "what is held, too", "one of long before"],
)
async def test_a_ledger_is_emptied_if_it_began_after_what_is_held_and_knows_none_of_it(
    emptied: Operator, known: list[str], days: int, told: str
):
    _reserve(emptied.environment["HOLDFAST_DATABASE_URL"], known, days)
    asked = emptied.run("health")
    assert asked.returncode == bool(told)
    assert told in asked.stderr


async def test_whoever_says_that_it_is_right_so_begins_anew(emptied: Operator):
    assert emptied.run("health", HOLDFAST_EMPTY_LEDGER="accept").returncode == 0
    with working(emptied, HOLDFAST_EMPTY_LEDGER="accept") as worker:
        await asyncio.to_thread(_wait_until_ready, worker)


async def test_nothing_is_replayed_on_such_a_ledger(emptied: Operator):
    client = await Client.connect(emptied.environment["TEMPORAL_ADDRESS"])
    handle = client.get_workflow_handle(f"checkout/{HELD}")
    before = (await handle.describe()).run_id
    refused = await asyncio.to_thread(_replay, emptied)
    assert refused.returncode == 1
    assert "nothing was replayed" in refused.stderr
    assert f"checkout/{HELD}" in refused.stderr
    assert (await handle.describe()).run_id == before


def _load(url: str) -> None:
    engine = open_engine(url, connections_max=1)
    Ledger(engine).load_stock([StockRow("MUG-01", "main", 5)])
    engine.dispose()


def _reserve(url: str, checkout_ids: list[str], days: int) -> None:
    """Let checkouts be reserved as many days ago."""
    engine = open_engine(url, connections_max=1)
    ledger = Ledger(engine)
    for checkout_id in checkout_ids:
        ledger.reserve([checkout(checkout_id, **{"MUG-01": 1})])
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE holdfast.reservations SET created_at = created_at - :age"),
            {"age": timedelta(days=days)},
        )
    engine.dispose()


async def _count(client: Client, query: str) -> bool:
    return (await client.count_workflows(query)).count == 1


def _replay(operator: Operator) -> subprocess.CompletedProcess[str]:
    programs = f"{_temporal_program().parent}:{Path(sys.executable).parent}"
    return subprocess.run(
        ["/bin/sh", str(REPLAY), "2031-03-14T09:00:00Z"],
        cwd=ROOT,
        env={**operator.environment, "PATH": f"{programs}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=False,
    )
