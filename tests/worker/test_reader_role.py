"""`migrate` lets a role of its own read availability, and says when it cannot."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import make_url

from activities.inventory.database.engine import open_engine
from activities.inventory.database.migrate import upgrade_database
from activities.inventory.database.rights.excess_rights import READERS_WORK, read_role_rights
from tests.docs.pages import page
from tests.inventory.databases import READER_ROLE, WORKER_ROLE, make_reader
from tests.security.rights import rights_of
from tests.worker.conftest import Operator

HEADLINE = f"the database role {READER_ROLE} may do more than read availability:"


def test_migrate_grants_the_readers_role_and_takes_back_what_else_it_had(
    operator: Operator, own_database_url: str
):
    reader_url = make_reader(own_database_url)
    with psycopg.connect(own_database_url, autocommit=True) as owner:
        owner.execute(f"GRANT SELECT ON holdfast.reservations TO {READER_ROLE}")
    for _ in range(2):
        ran = operator.run("migrate", HOLDFAST_READER_ROLE=READER_ROLE)
        assert ran.returncode == 0, ran.stderr
        assert f"role {READER_ROLE} may read availability" in ran.stdout
    with psycopg.connect(reader_url) as reader:
        reader.execute("SELECT 1 FROM holdfast.stock_availability")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute("SELECT 1 FROM holdfast.reservations")


@pytest.mark.parametrize(
    ("roles", "code", "said"),
    [
        ({"HOLDFAST_READER_ROLE": "nobody_here"}, 1, "there is no database role nobody_here"),
        ({"HOLDFAST_READER_ROLE": "holdfast"}, 1, "give the readers a role of their own"),
        (
            {"HOLDFAST_READER_ROLE": "one", "HOLDFAST_WORKER_ROLE": "one"},
            2,
            "HOLDFAST_READER_ROLE: must be another than HOLDFAST_WORKER_ROLE",
        ),
        ({"HOLDFAST_READER_ROLE": "a b"}, 2, "HOLDFAST_READER_ROLE"),
    ],
)
def test_a_role_that_cannot_be_granted_is_named(
    operator: Operator, roles: dict[str, str], code: int, said: str
):
    ran = operator.run("migrate", **roles)
    assert (ran.returncode, ran.stdout) == (code, "")
    assert said in ran.stderr


def test_the_page_of_exit_codes_says_what_becomes_of_such_a_role():
    (refused,) = (row for row in page("docs/outcomes.md").rows("1") if "`migrate`" in row[1])
    assert "`migrate`: the workers' or the readers' role is missing" in refused[1]


def test_health_and_migrate_tell_what_the_readers_role_may_too_much_and_go_on(
    operator: Operator, own_database_url: str
):
    make_reader(own_database_url)
    migrated = operator.run("migrate", HOLDFAST_READER_ROLE=READER_ROLE)
    healthy = operator.run("health", HOLDFAST_READER_ROLE=READER_ROLE)
    assert (migrated.returncode, healthy.returncode, healthy.stderr) == (0, 0, "")
    told = migrated.stderr.splitlines()
    # What every new database gives to everybody.
    database = make_url(own_database_url).database
    revoke = f"REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC"
    assert told[:2] == [HEADLINE, f"  TEMPORARY on DATABASE {database}: {revoke}"]
    assert [line.split(":")[0].strip() for line in told[2:]] == [
        "EXECUTE on FUNCTION lo_creat(integer)",
        "EXECUTE on FUNCTION lo_create(oid)",
        "EXECUTE on FUNCTION lo_from_bytea(oid,bytea)",
    ]
    first, *_ = healthy.stdout.splitlines()
    assert first.startswith("healthy")
    assert healthy.stdout.endswith(migrated.stderr)


def test_health_tells_of_a_readers_role_that_is_missing_and_of_its_own_role_all_the_same(
    operator: Operator,
):
    healthy = operator.run("health", HOLDFAST_READER_ROLE="nobody_here")
    assert healthy.returncode == 0
    assert "everything, as a superuser: give the workers a role of their own" in healthy.stdout
    assert "there is no database role nobody_here; make it: CREATE ROLE" in healthy.stdout


@pytest.fixture
def bound_url(own_database_url: str) -> Iterator[str]:
    """The owner's URL of a database where the readers' role may read availability alone."""
    make_reader(own_database_url)
    database = make_url(own_database_url).database
    _as_owner(
        own_database_url,
        f"REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC",
        "REVOKE EXECUTE ON FUNCTION lo_creat(integer), lo_create(oid), lo_from_bytea(oid, bytea) "
        "FROM PUBLIC",
    )
    yield own_database_url
    # Whatever a test gave it on the whole server.
    _as_owner(
        own_database_url,
        f"ALTER ROLE {READER_ROLE} NOCREATEDB",
        f"REVOKE pg_read_all_data, {WORKER_ROLE} FROM {READER_ROLE}",
    )


def test_a_readers_role_that_reads_availability_alone_is_not_told_of(bound_url: str):
    assert rights_of_reader(bound_url) == {}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("GRANT SELECT ON holdfast.payments TO PUBLIC", "SELECT on TABLE holdfast.payments"),
        (
            "GRANT EXECUTE ON FUNCTION holdfast.refuse_claims TO PUBLIC",
            "EXECUTE on FUNCTION holdfast.refuse_claims(",
        ),
        (f"GRANT pg_read_all_data TO {READER_ROLE}", "whatever pg_read_all_data may"),
        (f"GRANT {WORKER_ROLE} TO {READER_ROLE}", f"whatever {WORKER_ROLE} may"),
        (f"ALTER ROLE {READER_ROLE} CREATEDB", "whatever CREATEDB allows"),
    ],
)
def test_what_a_readers_role_may_too_much_is_told_and_the_remedy_takes_it_from_nobody_else(
    bound_url: str, given: str, told: str
):
    _as_owner(bound_url, given)
    ((right, remedy),) = rights_of_reader(bound_url).items()
    assert right.startswith(told)
    _as_owner(bound_url, remedy)
    assert rights_of_reader(bound_url) == {}
    with psycopg.connect(bound_url) as owner:
        may = "SELECT has_table_privilege(%s, 'holdfast.reservations', 'SELECT')"
        assert owner.execute(may, [WORKER_ROLE]).fetchone() == (True,)


def test_what_the_readers_role_was_granted_itself_migrate_takes_back_which_is_what_it_is_told(
    bound_url: str,
):
    _as_owner(bound_url, f"GRANT SELECT ON holdfast.payments TO {READER_ROLE}")
    (remedy,) = rights_of_reader(bound_url).values()
    assert remedy == "`python -m worker migrate` with HOLDFAST_READER_ROLE takes it back"
    upgrade_database(bound_url, reader_role=READER_ROLE)
    assert rights_of_reader(bound_url) == {}


def test_a_workers_role_that_reads_whatever_there_is_is_not_told_of(bound_url: str):
    _as_owner(bound_url, f"GRANT pg_read_all_data TO {WORKER_ROLE}")
    try:
        assert rights_of(bound_url, WORKER_ROLE) == {}
    finally:
        _as_owner(bound_url, f"REVOKE pg_read_all_data FROM {WORKER_ROLE}")


def rights_of_reader(url: str) -> dict[str, str]:
    """Return the remedies by right."""
    engine = open_engine(url, connections_max=1)
    try:
        found = read_role_rights(engine, READER_ROLE, READERS_WORK)
    finally:
        engine.dispose()
    return {each.right: each.remedy for each in found.excess}


def _as_owner(url: str, *commands: str) -> None:
    with psycopg.connect(url, autocommit=True) as link:
        for command in commands:
            link.execute(command.encode())
