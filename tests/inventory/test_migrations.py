"""The migrations: they lead to the files of the schema, whole or not at all, one at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, exc, text

from activities.inventory.database.engine import open_engine
from activities.inventory.database.migrate import latest_version, upgrade
from activities.inventory.ledger import Ledger
from activities.inventory.sql.schema import schema_sql
from tests.inventory.catalogue import describe
from tests.inventory.databases import WORKER_ROLE, make_role
from tests.limits import HANG_SECONDS


@pytest.fixture
def bare(empty_database_url: str) -> Iterator[Engine]:
    make_role(empty_database_url, WORKER_ROLE)
    # As `python -m worker migrate` opens it: a migration takes the time that it takes.
    engine = open_engine(
        empty_database_url, connections_max=2, statement_timeout_ms=0, lock_timeout_ms=0
    )
    yield engine
    engine.dispose()


def test_the_migrations_lead_to_what_the_files_of_the_schema_say(bare: Engine) -> None:
    assert upgrade(bare) == (None, latest_version())
    migrated = describe(bare)
    with bare.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA holdfast CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA holdfast")
        connection.connection.driver_connection.execute(schema_sql())  # type: ignore[union-attr]
    assert describe(bare) == migrated


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE holdfast.stock_items ADD COLUMN colour text",
        "ALTER TABLE holdfast.stock_items ALTER COLUMN name DROP NOT NULL",
        "ALTER TABLE holdfast.stock_items DROP CONSTRAINT stock_items_total_not_negative",
        "DROP INDEX holdfast.reservation_lines_open",
        "DROP VIEW holdfast.operations",
        "ALTER TABLE holdfast.stock_movements DISABLE TRIGGER stock_movements_append_only",
        "ALTER FUNCTION holdfast.post_movements SECURITY INVOKER",
        "ALTER FUNCTION holdfast.post_movements RESET search_path",
        "ALTER TABLE holdfast.stock_items ENABLE ROW LEVEL SECURITY",
        "GRANT UPDATE ON holdfast.stock_items TO PUBLIC",
        "GRANT UPDATE (reserved_quantity) ON holdfast.stock_items TO PUBLIC",
        "GRANT CREATE ON SCHEMA holdfast TO PUBLIC",
        "GRANT EXECUTE ON FUNCTION holdfast.post_movements TO PUBLIC",
    ],
)
def test_a_drift_of_the_schema_is_noticed(bare: Engine, change: str) -> None:
    upgrade(bare, worker_role=WORKER_ROLE)
    before = describe(bare)
    with bare.begin() as connection:
        connection.execute(text(change))
    assert describe(bare) != before


def test_migrating_twice_changes_nothing(bare: Engine) -> None:
    upgrade(bare)
    before = describe(bare)
    assert upgrade(bare) == (latest_version(), latest_version())
    assert describe(bare) == before


def test_two_migrators_at_once_take_turns(bare: Engine) -> None:
    gate = threading.Barrier(2)

    def run(_: int) -> tuple[str | None, str]:
        gate.wait(HANG_SECONDS)
        return upgrade(bare)

    with ThreadPoolExecutor(2) as migrators:
        results = list(migrators.map(run, range(2)))
    assert sorted(results, key=str) == [
        (latest_version(), latest_version()),
        (None, latest_version()),
    ]
    assert Ledger(bare).audit() == ()


def test_a_migration_that_fails_leaves_nothing_behind(
    bare: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with bare.begin() as connection:
        connection.execute(text("CREATE SCHEMA holdfast"))
        connection.execute(text("CREATE TABLE holdfast.stock_movements (id int)"))
    with pytest.raises(exc.ProgrammingError, match="already exists"):
        upgrade(bare)
    with bare.begin() as connection:
        tables = connection.execute(
            text("SELECT tablename FROM pg_tables WHERE schemaname = 'holdfast'")
        )
        assert [row.tablename for row in tables] == ["stock_movements"]


def test_the_clock_reads_the_time_of_reading(bare: Engine) -> None:
    upgrade(bare)
    with bare.begin() as connection:
        first, second = (
            connection.execute(text("SELECT holdfast.clock()")).scalar_one() for _ in range(2)
        )
    assert first < second
