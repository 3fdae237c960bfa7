"""`migrate` lets a role of its own read availability, and says when it cannot."""

from __future__ import annotations

import psycopg
import pytest

from tests.inventory.databases import READER_ROLE, make_reader
from tests.worker.conftest import Operator


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
