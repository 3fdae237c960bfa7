"""The restore by an owner who is no superuser, as most are, while others are connected."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import psycopg
import pytest

from activities.inventory.database.engine import open_engine
from activities.inventory.database.migrate import upgrade
from activities.inventory.database.rights.role_settings import carry_settings
from activities.inventory.database.session import session_settings
from activities.inventory.ledger import Ledger
from activities.inventory.records import StockRow
from tests.connections.pooler import PgBouncer
from tests.deploy.backups import Backup, count_reservations, database_name, databases_beside
from tests.directories import NewDirectory
from tests.inventory.databases import (
    READER_ROLE,
    WORKER_ROLE,
    administer,
    as_role,
    as_worker,
    at_database,
    make_role,
)
from tests.inventory.shop import checkout
from tests.workflows.waiting import until
from worker.embedded.postgres_cluster import postgres_program
from worker.embedded.temporal import EmbeddedTemporal

# Stored with a role by a superuser, stored with the database by its owner, and of a kind that only
# a superuser may store.
BY_A_SUPERUSER: Final = "ALTER DATABASE {name} SET log_min_messages TO 'error'"
BY_THE_OWNER: Final = "ALTER DATABASE {name} SET search_path TO holdfast, public"
_REMEDY: Final = re.compile(r"as a superuser: (.*?)(?:;|$)", re.MULTILINE)
# Connects as a reader and stays, while the dump is restored.
STAYS: Final = """
"$REAL/psql" --dbname="$READER" --command='\\! touch "$REFUSING.not"' \\
  --command='SELECT pg_sleep(300)' >/dev/null 2>&1 &
until [ -e "$REFUSING.not" ]; do sleep 0.1; done
exec "$REAL/pg_restore" "$@"
"""
# What becomes of the restore half way, and what is said then: the terminal hangs up, the server can
# no longer be asked, or somebody connects whose session the owner may not end.
HALF_WAY: Final = {
    STAYS: "may not end the sessions of test_reader; as a superuser: GRANT pg_signal_backend TO ",
    "kill -HUP $PPID": "{name} is as it was",
    'touch "$REFUSING"; exit 1': "if it takes nobody: ALTER DATABASE {name} ALLOW_CONNECTIONS true",
}
PG_RESTORE: Final = """#!/bin/sh
case $1 in --list) exec "$REAL/pg_restore" "$@" ;; esac
"""
PSQL: Final = """#!/bin/sh
[ -e "$REFUSING" ] || exec "$REAL/psql" "$@"
exit 2
"""

_number: Final = itertools.count(1)


@pytest.fixture(scope="module")
def own_temporal(new_directory: NewDirectory) -> Iterator[EmbeddedTemporal]:
    """One in which no other test's checkouts are reset."""
    with EmbeddedTemporal(new_directory("temporal"), ui_port=None) as server:
        yield server


@pytest.fixture
def landlord(postgres_url: str) -> Iterator[str]:
    """The name of a role that may log in and make databases, and no more."""
    name = f"landlord_{next(_number)}"
    make_role(postgres_url, name)
    administer(postgres_url, "ALTER ROLE {name} CREATEDB", name=name)
    yield name
    with psycopg.connect(postgres_url) as link:
        owned = link.execute(
            "SELECT datname FROM pg_database WHERE pg_get_userbyid(datdba) = %s", [name]
        ).fetchall()
    for (database,) in owned:
        administer(postgres_url, "DROP DATABASE {name} WITH (FORCE)", name=database)
    administer(postgres_url, "DROP OWNED BY {name}", name=name)
    administer(postgres_url, "DROP ROLE {name}", name=name)


@pytest.fixture
def backup(postgres_url: str, landlord: str, tmp_path: Path) -> Backup:
    """A dump of the landlord's ledger, which has had another hold since, and settings of others."""
    name = f"shop_of_{landlord}"
    administer(postgres_url, "CREATE DATABASE {name} OWNER {owner}", name=name, owner=landlord)
    url = as_role(at_database(postgres_url, name), landlord)
    for role in (WORKER_ROLE, READER_ROLE):
        make_role(postgres_url, role)
    engine = open_engine(url, connections_max=1)
    upgrade(engine, worker_role=WORKER_ROLE, reader_role=READER_ROLE)
    for statement in carry_settings(url, WORKER_ROLE, session_settings()):
        administer(postgres_url, statement)
    administer(postgres_url, BY_A_SUPERUSER, name=name)
    administer(url, BY_THE_OWNER, name=name)
    ledger = Ledger(engine)
    ledger.load_stock([StockRow("MUG", "main", 9)])
    ledger.reserve([checkout("before", MUG=1)])
    made = Backup(postgres_url, url, tmp_path / "ledger.dump")
    ledger.reserve([checkout("since", MUG=1)])
    engine.dispose()
    return made


def settings_of(url: str) -> set[tuple[str, str]]:
    """Return what is stored with the database, by whose it is, without what the restore adds."""
    with psycopg.connect(url) as link:
        rows = link.execute(
            "SELECT setrole::regrole::text, unnest(setconfig) FROM pg_db_role_setting "
            "WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())"
        ).fetchall()
    return {(who, what) for who, what in rows if not what.startswith("holdfast.replays_until=")}


def as_superuser(url: str, statements: list[str]) -> None:
    with psycopg.connect(url, autocommit=True) as link:
        for statement in statements:
            link.execute(statement)


def test_what_the_owner_lacks_is_told_with_its_grants_before_anything_is_made(
    backup: Backup, landlord: str, postgres_url: str, own_temporal: EmbeddedTemporal
):
    administer(postgres_url, "ALTER ROLE {name} NOCREATEDB", name=landlord)
    before = settings_of(backup.url)
    with psycopg.connect(as_role(backup.url, READER_ROLE), autocommit=True) as reader:
        refused = backup.restore(own_temporal.address)
        assert refused.returncode == 1
        assert "nothing was changed" in refused.stderr
        assert f"may not end the sessions of {READER_ROLE}" in refused.stderr
        assert databases_beside(backup.url, "_") == []
        assert reader.execute("SELECT 1").fetchone() == (1,)

        remedies = _REMEDY.findall(refused.stderr)
        assert len(remedies) == 3
        as_superuser(postgres_url, remedies)
        ended = backup.restore(own_temporal.address)
        assert ended.returncode == 0, ended.stderr
        with pytest.raises(psycopg.OperationalError):
            reader.execute("SELECT 1")
    assert count_reservations(backup.url) == 1
    assert len(databases_beside(backup.url, "_before_")) == 1
    # What the owner may not store is told, and is all that is lacking.
    left = re.findall(r"^  (ALTER .*);$", ended.stderr, re.MULTILINE)
    assert len(left) == len(session_settings()) + 1
    assert settings_of(backup.url) < before
    as_superuser(postgres_url, left)
    assert settings_of(backup.url) == before


def _belongs_to_another(backup: Backup, admin_url: str) -> str:
    name = database_name(backup.url)
    administer(admin_url, "ALTER DATABASE {name} OWNER TO CURRENT_USER", name=name)
    return f"does not own {name}; as a superuser: ALTER DATABASE {name} OWNER TO "


def _has_a_superuser_in_it(backup: Backup, admin_url: str) -> str:
    return "only a superuser may end the sessions of "


@pytest.mark.parametrize("stand", [_belongs_to_another, _has_a_superuser_in_it])
def test_what_no_grant_helps_against_is_told_too(
    backup: Backup,
    landlord: str,
    postgres_url: str,
    temporal_address: str,
    stand: Callable[[Backup, str], str],
):
    administer(postgres_url, "GRANT pg_signal_backend TO {name}", name=landlord)
    name = database_name(backup.url)
    with psycopg.connect(at_database(postgres_url, name)):
        told = stand(backup, postgres_url)
        refused = backup.restore(temporal_address)
    administer(postgres_url, "ALTER DATABASE {name} OWNER TO {owner}", name=name, owner=landlord)
    assert refused.returncode == 1
    assert told in refused.stderr
    assert "nothing was changed" in refused.stderr
    assert databases_beside(backup.url, "_") == []


async def test_the_sessions_that_a_pooler_keeps_for_workers_are_told_from_workers(
    backup: Backup, postgres_url: str, temporal_address: str, new_directory: NewDirectory
):
    directory = new_directory("pgbouncer")
    with PgBouncer(postgres_url, directory, "transaction", sessions_max=2) as pooler:
        through = pooler.url(as_worker(backup.url))
        with psycopg.connect(through, application_name="holdfast-worker") as link:
            link.execute("SELECT 1")
        refused = backup.restore(temporal_address)
        assert refused.returncode == 1
        assert "a pooler keeps their sessions (PgBouncer: RECONNECT)" in refused.stderr
        pooler.renew()
        await until(lambda: "GRANT SET ON" in backup.restore(temporal_address).stderr)


@pytest.mark.parametrize("happens", HALF_WAY, ids=["stays", "hangs up", "cannot be asked"])
def test_what_ends_the_restore_half_way_leaves_the_ledger_and_says_how(
    backup: Backup, landlord: str, postgres_url: str, temporal_address: str, happens: str
):
    grant = "GRANT SET ON PARAMETER holdfast.replays_until TO {name}"
    administer(postgres_url, grant, name=landlord)
    stubs = backup.file.parent / "bin"
    stubs.mkdir()
    for name, code in (("pg_restore", PG_RESTORE + happens), ("psql", PSQL)):
        (stubs / name).write_text(f"{code}\n")
        (stubs / name).chmod(0o755)
    ended = backup.restore(
        temporal_address,
        PATH=f"{stubs}:{backup.environment(temporal_address)['PATH']}",
        REAL=str(postgres_program("psql").parent),
        REFUSING=str(stubs / "refusing"),
        READER=as_role(backup.url, READER_ROLE),
    )
    assert ended.returncode != 0
    assert HALF_WAY[happens].format(name=database_name(backup.url)) in ended.stderr
    assert databases_beside(backup.url, "_before_") == []
    assert count_reservations(backup.url) == 2
