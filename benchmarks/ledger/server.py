"""The Postgres of a case: the embedded one, as a shop that tries Holdfast has it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql
from sqlalchemy import Engine, make_url

from activities.inventory.database.engine import open_engine
from activities.inventory.database.session import STATEMENT_TIMEOUT_MS
from benchmarks.case import CaseFailed
from worker.embedded.postgres import EmbeddedPostgres

# What a worker has with its default settings; the same for everybody.
CONNECTIONS_MAX: Final = 20


class Server:
    """A running Postgres, with a database for each contender."""

    def __init__(self, postgres: EmbeddedPostgres) -> None:
        self._postgres = postgres

    def make_database(self, name: str) -> str:
        """Make an empty database and return its URL."""
        with psycopg.connect(self._postgres.url, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        changed = make_url(self._postgres.url).set(database=name)
        return changed.render_as_string(hide_password=False)

    @property
    def pid(self) -> int:
        """The process id of the postmaster."""
        pid = self._postgres.pid
        if pid is None:
            raise CaseFailed("the benchmark's Postgres has ended")
        return pid


@contextmanager
def running_server(directory: Path) -> Iterator[Server]:
    """Run a Postgres while the block runs."""
    with EmbeddedPostgres(directory / "postgres") as postgres:
        yield Server(postgres)


def connect(url: str, *, statement_timeout_ms: int = STATEMENT_TIMEOUT_MS) -> Engine:
    """Return connections with the settings that a worker's have."""
    return open_engine(
        url,
        connections_max=CONNECTIONS_MAX,
        statement_timeout_ms=statement_timeout_ms,
        application_name="holdfast-bench",
    )


def analyze(engine: Engine) -> None:
    """Let the planner know the tables, which a server in use does by itself within a minute."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")
