"""A database that the ledger cannot work on: what a worker and its commands say to it."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.inventory.databases import fresh_database
from tests.worker.conftest import Operator


@pytest.fixture(params=["SQL_ASCII", "LATIN1"])
def encoding(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def operator(postgres_url: str, operator: Operator, encoding: str) -> Iterator[Operator]:
    """An operator of a database with a schema, which was made before anybody looked."""
    with fresh_database(postgres_url, encoding=encoding) as url:
        with psycopg.connect(url, client_encoding="utf8") as link:
            link.execute("CREATE SCHEMA holdfast")
            link.execute("CREATE TABLE holdfast.alembic_version AS SELECT '9999' AS version_num")
        yield Operator({**operator.environment, "HOLDFAST_DATABASE_URL": url})


def test_each_of_them_names_the_encoding_and_the_one_that_is_needed(
    operator: Operator, encoding: str
):
    answers = {
        "migrate": operator.run("migrate"),
        "health": operator.run("health"),
        "worker": operator.run(),
    }
    codes = {name: answer.returncode for name, answer in answers.items()}
    assert codes == {"migrate": 3, "health": 1, "worker": 3}
    for answer in answers.values():
        assert f"the database's encoding is {encoding}" in answer.stderr
        assert len(answer.stderr.splitlines()) == 1
