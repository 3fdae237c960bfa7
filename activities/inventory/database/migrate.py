"""Bringing a database to the schema of this version, one migrator at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, exc, text

from activities.inventory.database.engine import open_engine
from activities.inventory.database.errors import ledger_error
from activities.inventory.database.rights.grants import grant_to_worker
from activities.inventory.database.rights.reader_grants import grant_to_reader
from activities.inventory.database.server import check_connection
from activities.inventory.sql.schema import SCHEMA
from activities.inventory.sql.statements import databases as statements

VERSION_TABLE: Final = "alembic_version"
CONTEXT_OPTIONS: Final[dict[str, Any]] = {
    "version_table": VERSION_TABLE,
    "version_table_schema": SCHEMA,
}

_SCRIPTS: Final = Path(__file__).parent / "migrations"
# Any number, the same in every version: two migrators take turns on it.
_MIGRATION_LOCK: Final = 4_815_162_342


def latest_version() -> str:
    """Return the schema version that this code needs."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    if head is None:
        raise RuntimeError("the migrations are missing from this installation")
    return head


def upgrade(
    engine: Engine, revision: str = "head", *, worker_role: str = "", reader_role: str = ""
) -> tuple[str | None, str]:
    """Run all migrations that the database lacks, in one transaction. A second run does nothing.

    Args:
        engine: of a role that may create and alter tables.
        revision: how far to go.
        worker_role: the role that may then do a worker's work; nobody if it is empty.
        reader_role: another that may then read availability; nobody if it is empty.

    Returns:
        The version before and the version after.

    Raises:
        DatabaseUnfit: the server is too old, or the encoding is not UTF-8; nothing changed.
        WorkerRoleUnfit: there is no such role, or it may do too much by itself; nothing changed.
    """
    with engine.begin() as connection:
        check_connection(connection)
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
        # With IF NOT EXISTS it would ask for CREATE on the database, also where nothing is made.
        if not connection.exec_driver_sql(statements.SCHEMA_EXISTS).scalar_one():
            connection.execute(text(f"CREATE SCHEMA {SCHEMA}"))
        before = _version(connection)
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        if worker_role:
            grant_to_worker(connection, worker_role)
        if reader_role:
            grant_to_reader(connection, reader_role)
        return before, _version(connection) or ""


def upgrade_database(
    url: str, *, worker_role: str = "", reader_role: str = ""
) -> tuple[str | None, str]:
    """Run all migrations that the database lacks, over a connection of its own.

    A migration may take long and must not be cut off half way by the limits of daily work.

    Args:
        url: of a role that may create and alter tables.
        worker_role: the role that may then do a worker's work; nobody if it is empty.
        reader_role: another that may then read availability; nobody if it is empty.

    Returns:
        The version before and the version after.

    Raises:
        LedgerUnavailable: the database does not answer.
        DatabaseUnfit: the server is too old, or the encoding is not UTF-8; nothing changed.
        WorkerRoleUnfit: there is no such role, or it may do too much by itself; nothing changed.
    """
    engine = open_engine(url, connections_max=1, statement_timeout_ms=0, lock_timeout_ms=0)
    try:
        return upgrade(engine, worker_role=worker_role, reader_role=reader_role)
    except exc.SQLAlchemyError as error:
        raise ledger_error(error) or error from error
    finally:
        engine.dispose()


def _version(connection: Connection) -> str | None:
    return _context(connection).get_current_revision()


def _context(connection: Connection) -> MigrationContext:
    return MigrationContext.configure(connection, opts=CONTEXT_OPTIONS)


def _config() -> Config:
    config = Config()
    # Paths with a per cent sign are legal; alembic would read it as an interpolation.
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    return config
