"""One of the two databases is restored while the other went on: what is lost, what comes back.

The backup is pg_dump's, the repair is the script that docs/operations.md names.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest

from activities.inventory.database.engine import open_engine
from activities.inventory.database.migrate import upgrade_database
from activities.inventory.ledger import Ledger
from activities.inventory.records import StockRow
from tests.deploy.backups import (
    Backup,
    count_reservations,
    database_name,
    databases_beside,
    run_on,
)
from tests.directories import NewDirectory
from tests.inventory.databases import WORKER_ROLE, administer, as_worker, fresh_database
from tests.inventory.shop import Figures, checkout
from tests.security.rights import rights_of
from tests.workflows.stage import Stage, at_work, open_stage
from tests.workflows.waiting import until
from worker.embedded.temporal import EmbeddedTemporal

STOCK: Final = 100
HOLD_SECONDS: Final = 900
EXTENDED: Final = ("extended-before", "extended-since")
# Three that were paid, one that was cancelled, and the delivery.
ENDED_SINCE: Final = 5
DELIVERY: Final[dict[str, Any]] = {
    "adjustment_id": "delivery-881",
    "sku": "MUG",
    "kind": "receive",
    "quantity": 10,
}


@pytest.fixture(scope="module")
def own_temporal(new_directory: NewDirectory) -> Iterator[EmbeddedTemporal]:
    with EmbeddedTemporal(new_directory("temporal"), time_skipping=True) as server:
        yield server


@pytest.fixture
def database_url(postgres_url: str, template: str) -> Iterator[str]:
    with fresh_database(postgres_url, template) as url:
        yield url
        for name in databases_beside(url, "_before_"):
            administer(postgres_url, "DROP DATABASE {name}", name=name)


@pytest.fixture
def make_backup(postgres_url: str, database_url: str, tmp_path: Path) -> Callable[[], Backup]:
    return partial(Backup, postgres_url, database_url, tmp_path / "ledger.dump")


@pytest.fixture
async def stage(database_url: str, own_temporal: EmbeddedTemporal) -> AsyncIterator[Stage]:
    """A stage on which no worker runs yet."""
    async with open_stage(database_url, own_temporal.address) as stage:
        yield stage


async def _live_before_and_after_a_backup(
    stage: Stage, prefix: str, make_backup: Callable[[], Backup]
) -> tuple[Backup, Figures]:
    """Do everything that can be done on either side of a backup; return it with the figures."""
    till = stage.till
    stage.stock("MUG", STOCK)
    for name in ("paid-before", "paid-since", "cancelled-since", *EXTENDED, "held"):
        await till.reserve(prefix + name, {"MUG": 2})
    await till.confirm(f"{prefix}paid-before")
    await till.extend(f"{prefix}extended-before", 300)
    backup = await asyncio.to_thread(make_backup)
    await till.confirm(f"{prefix}paid-since")
    await till.cancel(f"{prefix}cancelled-since")
    await till.extend(f"{prefix}extended-since", 600)
    await till.reserve(f"{prefix}new-paid", {"MUG": 3})
    await till.confirm(f"{prefix}new-paid", "pay_77")
    await till.reserve(f"{prefix}new-held", {"MUG": 5})
    await till.reserve(f"{prefix}new-shipped", {"MUG": 1})
    await till.commit(f"{prefix}new-shipped", "pay_78")
    await till.ship(f"{prefix}new-shipped", "s-1")
    await stage.client.execute_workflow(
        "AdjustStockWorkflow",
        {**DELIVERY, "adjustment_id": f"{prefix}delivery"},
        id=f"stock/{prefix}delivery",
        task_queue=till.task_queue,
    )
    return backup, stage.shop.figures("MUG")


async def test_what_was_done_since_the_backup_is_done_again_from_temporals_histories(
    stage: Stage, make_backup: Callable[[], Backup], own_temporal: EmbeddedTemporal, unique: str
):
    prefix = f"{unique}-"
    async with at_work(stage, sandboxed=False):
        backup, before = await _live_before_and_after_a_backup(stage, prefix, make_backup)
    deadlines = {name: _deadline(stage, name) for name in EXTENDED}
    await until(lambda: _are_indexed(stage, backup.made_at))
    stage.shop.sql("ALTER DATABASE " + database_name(backup.url) + " SET work_mem = '8MB'")
    stage.shop.sql("REVOKE TEMPORARY ON DATABASE " + database_name(backup.url) + " FROM PUBLIC")
    refused = await asyncio.to_thread(backup.restore, own_temporal.address)
    assert "stop the workers first" in refused.stderr
    assert stage.shop.figures("MUG") == before
    stage.shop.engine.dispose()
    ended = await asyncio.to_thread(backup.restore, own_temporal.address)
    assert ended.returncode == 0, ended.stderr
    assert stage.shop.figures("MUG") != before
    assert [row.work_mem for row in stage.shop.sql("SHOW work_mem")] == ["8MB"]
    assert not [right for right in rights_of(backup.url, WORKER_ROLE) if "TEMPORARY" in right]
    assert len(databases_beside(backup.url, "_before_")) == 1
    async with at_work(stage, sandboxed=False):
        await until(lambda: _statuses(stage, prefix).get("new-paid") == "fulfilled")
        await until(lambda: stage.shop.figures("MUG") == before)
        assert _statuses(stage, prefix) == {
            "paid-before": "fulfilled",
            "paid-since": "fulfilled",
            "cancelled-since": "cancelled",
            "extended-before": "held",
            "extended-since": "held",
            "held": "held",
            "new-paid": "fulfilled",
            "new-shipped": "fulfilled",
            "new-held": "held",
        }
        assert stage.ledger.audit() == ()
        await until(lambda: deadlines == {name: _deadline(stage, name) for name in EXTENDED})
        assert (await stage.till.confirm(f"{prefix}new-held"))["status"] == "fulfilled"


async def test_without_that_what_was_sold_since_is_counted_again_and_a_new_hold_is_over(
    stage: Stage, make_backup: Callable[[], Backup], unique: str
):
    prefix = f"{unique}-"
    async with at_work(stage, sandboxed=False):
        backup, before = await _live_before_and_after_a_backup(stage, prefix, make_backup)
    stage.shop.engine.dispose()
    await asyncio.to_thread(backup.put_back)
    async with at_work(stage, sandboxed=False):
        # Paid, and the ledger does not know: the money has to go back.
        assert (await stage.till.confirm(f"{prefix}new-held"))["status"] == "expired"
        assert (await stage.till.confirm(f"{prefix}held"))["status"] == "fulfilled"
        stage.turn_clock(HOLD_SECONDS + 61)
        report = await stage.client.execute_workflow(
            "ReconcileWorkflow", id=f"{prefix}reconcile", task_queue=stage.till.task_queue
        )
        # Two that had ended otherwise since, and one that was extended since; the one that was
        # extended before has time left.
        assert report == {"released": 3, "overdue": 0, "drift": []}
        assert stage.ledger.audit() == ()
    sold_again, delivered = 2 + 3 + 1, DELIVERY["quantity"]
    assert stage.shop.figures("MUG").total == before.total + sold_again - delivered - 2


async def test_where_temporal_forgot_everything_asking_again_finds_the_hold_and_sells_it(
    stage: Stage, database_url: str, temporal_address: str, unique: str
):
    asked_again, left_alone = f"{unique}-again", f"{unique}-left"
    async with at_work(stage, sandboxed=False):
        stage.stock("MUG", STOCK)
        first = await stage.till.reserve(asked_again, {"MUG": 2})
        await stage.till.reserve(left_alone, {"MUG": 2})
    async with (
        open_stage(database_url, temporal_address, unique) as elsewhere,
        at_work(elsewhere, sandboxed=False),
    ):
        assert await elsewhere.till.reserve(asked_again, {"MUG": 2}) == first
        assert (await elsewhere.till.confirm(asked_again))["status"] == "fulfilled"
        elsewhere.turn_clock(HOLD_SECONDS + 61)
        report = await elsewhere.client.execute_workflow(
            "ReconcileWorkflow", id=f"{unique}-reconcile", task_queue=elsewhere.till.task_queue
        )
        assert report["released"] == 1
        assert elsewhere.shop.status(left_alone) == "expired"
        assert elsewhere.shop.figures("MUG") == Figures(STOCK - 2, 0, STOCK - 2)
        assert elsewhere.ledger.audit() == ()


async def _are_indexed(stage: Stage, since: datetime) -> bool:
    """Say whether Temporal's index, which runs a moment behind, has all that ended since."""
    ended = await stage.client.count_workflows(f"CloseTime > '{since.isoformat()}'")
    return ended.count == ENDED_SINCE


async def test_a_ledger_that_moves_to_another_server_goes_on_under_roles_of_its_own(
    stage: Stage, postgres_url: str, unique: str, tmp_path: Path
):
    async with at_work(stage, sandboxed=False):
        stage.stock("MUG", STOCK)
        await stage.till.reserve(unique, {"MUG": 2})
    dump = tmp_path / "moved.dump"
    options = ("--format=custom", "--no-owner", "--no-privileges", f"--file={dump}")
    url = stage.settings.database
    await asyncio.to_thread(run_on, "pg_dump", url, *options)
    with fresh_database(postgres_url) as new_url:
        await asyncio.to_thread(
            run_on, "pg_restore", new_url, "--no-owner", "--exit-on-error",
            "--single-transaction", str(dump),
        )  # fmt: skip
        before, after = upgrade_database(new_url, worker_role=WORKER_ROLE)
        assert before == after
        async with open_stage(as_worker(new_url), stage.client.service_client.config.target_host,
                              unique) as moved:  # fmt: skip
            assert moved.shop.fulfil(unique).status == "fulfilled"
            assert moved.ledger.audit() == ()


def _statuses(stage: Stage, prefix: str) -> dict[str, str]:
    rows = stage.shop.sql("SELECT checkout_id, status FROM holdfast.reservations")
    return {row.checkout_id.removeprefix(prefix): row.status for row in rows}


def _deadline(stage: Stage, name: str) -> datetime:
    (row,) = stage.shop.sql(
        "SELECT expires_at FROM holdfast.reservations WHERE checkout_id LIKE :name",
        name=f"%{name}",
    )
    deadline: datetime = row.expires_at
    return deadline


@pytest.fixture
def dumped(make_backup: Callable[[], Backup], database_url: str) -> Backup:
    """A dump of a ledger with one hold, whose database has had another since."""
    engine = open_engine(database_url, connections_max=1)
    ledger = Ledger(engine)
    ledger.load_stock([StockRow("MUG", "main", STOCK)])
    ledger.reserve([checkout("before", MUG=1)])
    backup = make_backup()
    ledger.reserve([checkout("since", MUG=1)])
    engine.dispose()
    return backup


@pytest.mark.parametrize("spoil", ["emptied", "cut short", "no dump", "no ledger", "lost"])
def test_a_dump_that_is_not_whole_changes_nothing(
    dumped: Backup, temporal_address: str, postgres_url: str, spoil: str
):
    whole = dumped.file.read_bytes()
    if spoil == "no ledger":
        run_on("pg_dump", postgres_url, "--format=custom", f"--file={dumped.file}")
    elif spoil == "lost":
        dumped.file.unlink()
    else:
        left = {"emptied": b"", "cut short": whole[:-200], "no dump": b"CREATE TABLE x();\n"}[spoil]
        dumped.file.write_bytes(left)
    ended = dumped.restore(temporal_address)
    assert ended.returncode == 1
    assert "nothing was changed" in ended.stderr or "is as it was" in ended.stderr
    assert count_reservations(dumped.url) == 2
    assert databases_beside(dumped.url, "_") == []


def test_a_dump_of_before_the_first_reservation_is_restored_only_if_that_is_said(
    make_backup: Callable[[], Backup], temporal_address: str, database_url: str
):
    early = make_backup()
    with psycopg.connect(database_url) as link:
        link.execute("INSERT INTO holdfast.stock_items (sku) VALUES ('MUG')")
    refused = early.restore(temporal_address)
    assert refused.returncode == 1
    assert "HOLDFAST_EMPTY_LEDGER=accept" in refused.stderr
    with psycopg.connect(database_url) as link:
        assert link.execute("SELECT count(*) FROM holdfast.stock_items").fetchone() == (1,)
    assert databases_beside(database_url, "_") == []
