"""What the workers' role may do beyond its work is told, with what takes it back.

Each right is used by that role on a real server, and the remedy that is told is run.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import psycopg
import pytest
from psycopg import errors
from sqlalchemy import make_url

from activities.inventory.database.migrate import upgrade_database
from tests.docs.pages import page
from tests.inventory.databases import WORKER_ROLE, administer, as_worker, fresh_database
from tests.limits import HANG_SECONDS
from tests.security.rights import rights_of
from tests.worker.conftest import Operator
from worker.embedded.postgres_cluster import postgres_environment, postgres_program

REVOKED: Final = re.compile(r'-c "(REVOKE .*?)"', re.DOTALL)


class Excess(NamedTuple):
    """SQL that gives a right too many, how that is told, and SQL that only such a right allows."""

    given: str
    told: str
    deed: str


EXCESSES: Final = {
    "temporary tables": Excess(
        "GRANT TEMPORARY ON DATABASE {database} TO PUBLIC",
        "TEMPORARY on DATABASE {database}",
        "CREATE TEMPORARY TABLE x (a int)",
    ),
    "large objects": Excess(
        "GRANT EXECUTE ON FUNCTION lo_create(oid) TO PUBLIC",
        "EXECUTE on FUNCTION lo_create(oid)",
        "SELECT lo_create(0)",
    ),
    "schemas": Excess(
        "GRANT CREATE ON DATABASE {database} TO {role}",
        "CREATE on DATABASE {database}",
        "CREATE SCHEMA x",
    ),
    "tables elsewhere": Excess(
        "GRANT CREATE ON SCHEMA public TO PUBLIC",
        "CREATE on SCHEMA public",
        "CREATE TABLE public.x (a int)",
    ),
    "deleting": Excess(
        "GRANT DELETE ON holdfast.reservation_lines TO PUBLIC",
        "DELETE on TABLE holdfast.reservation_lines",
        "DELETE FROM holdfast.reservation_lines",
    ),
    "emptying": Excess(
        "GRANT TRUNCATE ON holdfast.reservation_lines TO PUBLIC",
        "TRUNCATE on TABLE holdfast.reservation_lines",
        "TRUNCATE holdfast.reservation_lines",
    ),
    "changing columns that stay": Excess(
        "GRANT UPDATE (sku, name, location) ON holdfast.stock_items TO PUBLIC",
        "UPDATE (location, name, sku) on TABLE holdfast.stock_items",
        "UPDATE holdfast.stock_items SET sku = 'x'",
    ),
    "changing all columns": Excess(
        "GRANT UPDATE ON holdfast.reservation_lines TO PUBLIC",
        "UPDATE on TABLE holdfast.reservation_lines",
        "UPDATE holdfast.reservation_lines SET quantity = 1",
    ),
    "numbering": Excess(
        "GRANT UPDATE ON SEQUENCE holdfast.stock_items_id_seq TO PUBLIC",
        "UPDATE on SEQUENCE holdfast.stock_items_id_seq",
        "SELECT setval('holdfast.stock_items_id_seq', 9)",
    ),
    "the owner's functions": Excess(
        "GRANT TEMPORARY ON DATABASE {database} TO PUBLIC;"
        "GRANT EXECUTE ON FUNCTION holdfast.copy_deadline() TO PUBLIC",
        "EXECUTE on FUNCTION holdfast.copy_deadline()",
        "CREATE TEMP TABLE mine (a int); CREATE TRIGGER mine AFTER UPDATE ON mine "
        "FOR EACH ROW EXECUTE FUNCTION holdfast.copy_deadline()",
    ),
    "an attribute": Excess(
        "ALTER ROLE {role} CREATEROLE", "whatever CREATEROLE allows", "CREATE ROLE somebody"
    ),
    "membership": Excess(
        "GRANT pg_write_all_data TO {role}",
        "whatever pg_write_all_data may",
        "DELETE FROM holdfast.reservation_lines",
    ),
}


@pytest.fixture
def owner_url(own_database_url: str) -> Iterator[str]:
    """The owner's URL of a database whose workers' role is made as docs/operations.md has it."""
    (block,) = (each for each in page("docs/operations.md").blocks("sh") if "CREATE ROLE" in each)
    named = f"DATABASE {_database(own_database_url)} "
    revoked = [each.replace("DATABASE holdfast ", named) for each in REVOKED.findall(block)]
    assert len(revoked) == 2
    _as_owner(own_database_url, *revoked)
    yield own_database_url
    # Whatever a test gave it on the whole server.
    back = (
        f"ALTER ROLE {WORKER_ROLE} NOCREATEROLE",
        f"REVOKE pg_write_all_data FROM {WORKER_ROLE}",
    )
    _as_owner(own_database_url, *back)


def test_a_role_that_is_made_as_the_page_has_it_may_do_no_more_than_its_work(owner_url: str):
    assert rights_of(owner_url, WORKER_ROLE) == rights_of(as_worker(owner_url)) == {}


@pytest.mark.parametrize("excess", EXCESSES.values(), ids=EXCESSES)
def test_a_right_too_many_is_told_and_the_remedy_takes_it_back(owner_url: str, excess: Excess):
    names = {"database": str(make_url(owner_url).database), "role": WORKER_ROLE}
    _as_owner(owner_url, excess.given.format(**names))
    _as_role(owner_url, excess.deed)
    told = rights_of(as_worker(owner_url))
    assert excess.told.format(**names) in told
    _as_owner(owner_url, *told.values())
    assert rights_of(owner_url, WORKER_ROLE) == {}
    with pytest.raises(errors.InsufficientPrivilege):
        _as_role(owner_url, excess.deed)


def test_what_the_role_was_granted_itself_is_taken_back_by_migrate_which_is_what_it_is_told(
    owner_url: str,
):
    _as_owner(owner_url, f"GRANT ALL ON ALL TABLES IN SCHEMA holdfast TO {WORKER_ROLE}")
    told = rights_of(owner_url, WORKER_ROLE)
    assert "DELETE on TABLE holdfast.stock_movements" in told
    assert {"python -m worker migrate" in remedy for remedy in told.values()} == {True}
    upgrade_database(owner_url, worker_role=WORKER_ROLE)
    assert rights_of(owner_url, WORKER_ROLE) == {}


def test_what_the_role_may_do_as_another_that_it_may_become_is_told_too(owner_url: str):
    administer(owner_url, "CREATE ROLE packers")
    try:
        _as_owner(owner_url, "GRANT DELETE ON holdfast.reservations TO packers")
        _as_owner(owner_url, f"GRANT packers TO {WORKER_ROLE}")
        (remedy,) = rights_of(owner_url, WORKER_ROLE).values()
        assert remedy == "REVOKE DELETE ON TABLE holdfast.reservations FROM packers"
    finally:
        _as_owner(owner_url, "DROP OWNED BY packers", "DROP ROLE packers")


def test_of_a_superuser_and_of_the_owner_it_is_told_that_no_grant_binds_them(
    owner_url: str, postgres_url: str, template: str
):
    assert list(rights_of(owner_url)) == ["everything, as a superuser"]
    administer(owner_url, "CREATE ROLE deputy")
    try:
        _as_owner(owner_url, "GRANT holdfast TO deputy")
        assert list(rights_of(owner_url, "deputy")) == ["everything, as the owner of the tables"]
    finally:
        _as_owner(owner_url, "DROP ROLE deputy")


def test_health_and_migrate_tell_it_and_go_on(operator: Operator):
    owner_url = operator.environment["HOLDFAST_DATABASE_URL"]
    migrated = operator.run("migrate", HOLDFAST_WORKER_ROLE=WORKER_ROLE)
    healthy = operator.run("health", HOLDFAST_DATABASE_URL=as_worker(owner_url))
    assert (migrated.returncode, healthy.returncode, healthy.stderr) == (0, 0, "")
    first, headline, *rights = healthy.stdout.splitlines()
    assert first.startswith("healthy")
    assert headline == f"the database role {WORKER_ROLE} may do more than a worker's work:"
    assert migrated.stderr.splitlines() == [headline, *rights]
    # What every new database gives to everybody.
    database = make_url(owner_url).database
    revoke = f"REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC"
    assert rights[0] == f"  TEMPORARY on DATABASE {database}: {revoke}"
    assert [right.split(":")[0].strip() for right in rights[1:]] == [
        "EXECUTE on FUNCTION lo_creat(integer)",
        "EXECUTE on FUNCTION lo_create(oid)",
        "EXECUTE on FUNCTION lo_from_bytea(oid,bytea)",
    ]


def test_health_says_nothing_of_a_role_that_may_do_its_work_only(
    operator: Operator, owner_url: str
):
    healthy = operator.run("health", HOLDFAST_DATABASE_URL=as_worker(owner_url))
    assert healthy.stdout == "healthy: the database and Temporal answer\n"


@pytest.mark.parametrize("role", ["nobody-knows", "holdfast"])
def test_a_workers_role_that_is_missing_or_unfit_is_refused_in_one_line(
    operator: Operator, role: str
):
    refused = operator.run("migrate", HOLDFAST_WORKER_ROLE=role)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert role in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


@pytest.fixture
def keeper_url(postgres_url: str) -> Iterator[str]:
    """The URL of a role that owns the ledger and is no superuser, as managed Postgres has it."""
    administer(postgres_url, "CREATE ROLE keeper LOGIN PASSWORD 'keeps'")
    try:
        with fresh_database(postgres_url) as url:
            administer(url, "GRANT CREATE ON DATABASE {name} TO keeper", name=_database(url))
            keeper = make_url(url).set(username="keeper", password="keeps")
            yield keeper.render_as_string(hide_password=False)
    finally:
        administer(postgres_url, "DROP ROLE keeper")


def test_an_owner_migrates_again_without_a_right_on_the_database(
    postgres_url: str, keeper_url: str
):
    upgrade_database(keeper_url, worker_role=WORKER_ROLE)
    database = _database(keeper_url)
    administer(postgres_url, "REVOKE CREATE ON DATABASE {name} FROM keeper", name=database)
    before, after = upgrade_database(keeper_url, worker_role=WORKER_ROLE)
    assert before == after


def test_a_large_object_of_a_worker_stops_the_owners_dump_and_not_that_of_the_page(
    keeper_url: str, tmp_path: Path
):
    upgrade_database(keeper_url, worker_role=WORKER_ROLE)
    with psycopg.connect(as_worker(keeper_url)) as link:
        link.execute("SELECT lo_create(0)")
    assert "large object" in _dump(keeper_url, tmp_path / "with").stderr
    without = _dump(keeper_url, tmp_path / "without", "--no-blobs")
    assert (without.returncode, without.stderr) == (0, "")


def _dump(url: str, file: Path, *options: str) -> subprocess.CompletedProcess[str]:
    words = [str(postgres_program("pg_dump")), "--format=custom", f"--file={file}", *options, url]
    return subprocess.run(
        words, env=dict(postgres_environment()), capture_output=True, text=True,
        timeout=HANG_SECONDS, check=False,
    )  # fmt: skip


def _database(url: str) -> str:
    return str(make_url(url).database)


def _as_owner(url: str, *commands: str) -> None:
    with psycopg.connect(url, autocommit=True) as link:
        for command in commands:
            link.execute(command.encode())


def _as_role(url: str, deed: str) -> None:
    """Do something as the workers' role, and leave nothing of it."""
    with psycopg.connect(as_worker(url)) as link:
        link.execute(deed.encode())
        link.rollback()
