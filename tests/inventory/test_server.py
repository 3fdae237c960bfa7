"""A database that the ledger cannot work on is refused before anything is done in it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine, text

from activities.inventory.database.engine import open_engine
from activities.inventory.database.errors import DatabaseUnfit, LedgerUnavailable
from activities.inventory.database.migrate import upgrade_database
from activities.inventory.database.server import check_server, unfit_because
from tests.conftest import POSTGRES_ROOT_VARIABLE
from tests.inventory.databases import fresh_database
from worker.embedded.postgres_cluster import postgres_program

NOWHERE = "postgresql://holdfast@127.0.0.1:1/holdfast"
ENCODINGS = pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1", "EUC_JP"])


@pytest.fixture
def lone_engine(empty_database_url: str) -> Iterator[Engine]:
    engine = open_engine(empty_database_url, connections_max=1)
    yield engine
    engine.dispose()


@pytest.mark.parametrize("version", [150_000, 150_004, 160_010, 180_001, 200_000])
def test_postgres_15_and_whatever_is_newer_will_do(version: int):
    assert unfit_because(version, "UTF8") is None


@pytest.mark.parametrize(
    ("version", "named"), [(149_999, "14"), (140_020, "14"), (130_000, "13"), (90_624, "9")]
)
def test_an_older_postgres_is_named_together_with_the_one_that_is_needed(version: int, named: str):
    assert unfit_because(version, "UTF8") == (
        f"the server is Postgres {named}, and Holdfast needs 15 or newer"
    )


@ENCODINGS
def test_an_encoding_that_cannot_hold_every_name_is_named(encoding: str):
    why = unfit_because(180_000, encoding)
    assert why is not None
    assert encoding in why
    assert "ENCODING 'UTF8'" in why


@ENCODINGS
def test_migrate_refuses_such_a_database_and_makes_nothing_in_it(postgres_url: str, encoding: str):
    with fresh_database(postgres_url, encoding=encoding) as url:
        with pytest.raises(DatabaseUnfit, match=encoding):
            upgrade_database(url)
        with psycopg.connect(url, client_encoding="utf8") as link:
            assert link.execute("SELECT to_regnamespace('holdfast')").fetchone() == (None,)


def test_the_database_of_the_suite_will_do(lone_engine: Engine):
    check_server(lone_engine)


def test_a_server_that_does_not_answer_is_not_taken_for_an_unfit_one():
    engine = open_engine(NOWHERE, connections_max=1)
    with pytest.raises(LedgerUnavailable):
        check_server(engine)
    engine.dispose()


def test_names_are_read_and_written_whatever_encoding_the_environment_asks_for(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    engine = open_engine(empty_database_url, connections_max=1)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT :name"), {"name": "Żółw 茶"}).scalar() == "Żółw 茶"
    engine.dispose()


def test_the_suite_runs_on_the_postgres_that_was_asked_for(lone_engine: Engine):
    asked = os.environ.get(POSTGRES_ROOT_VARIABLE)
    program = Path(asked) / "bin/postgres" if asked else postgres_program("postgres")
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    with lone_engine.connect() as connection:
        version = connection.execute(text("SHOW server_version")).scalar_one()
    assert f" {version}" in told
