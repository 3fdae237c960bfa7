"""Letting the workers' role carry the settings of its sessions, where no pooler can drop them."""

from __future__ import annotations

from collections.abc import Mapping

from psycopg import errors as postgres
from sqlalchemy import Connection, exc

from activities.inventory.database.engine import open_engine, transaction
from activities.inventory.database.session import role_statements
from activities.inventory.sql.statements import databases as statements


def carry_settings(url: str, role: str, settings: Mapping[str, str]) -> tuple[str, ...]:
    """Let a role have settings in each of its sessions in this database. A second run does nothing.

    Args:
        url: of a role that may do this: a superuser, one that has made the role, or the role.
        role: an existing one.
        settings: of :func:`activities.inventory.database.session.session_settings`.

    Returns:
        The statements for somebody who may, where this role may not; nothing when all is done.

    Raises:
        LedgerUnavailable: the database does not answer.
    """
    engine = open_engine(url, connections_max=1, statement_timeout_ms=0, lock_timeout_ms=0)
    try:
        with transaction(engine) as connection:
            return _carry(connection, role, settings)
    finally:
        engine.dispose()


def read_role_settings(connection: Connection, role: str) -> dict[str, str]:
    """Return the settings that a role carries in the connection's database, by name."""
    rows = connection.exec_driver_sql(statements.READ_ROLE_SETTINGS, {"role": role})
    return {row.name: row.setting for row in rows}


def _carry(connection: Connection, role: str, settings: Mapping[str, str]) -> tuple[str, ...]:
    carried = read_role_settings(connection, role)
    missing = {name: value for name, value in settings.items() if carried.get(name) != value}
    database = str(connection.exec_driver_sql(statements.DATABASE_NAME).scalar_one())
    wanted = role_statements(role, database, missing)
    try:
        with connection.begin_nested():
            for statement in wanted:
                connection.exec_driver_sql(statement)
    except exc.ProgrammingError as error:
        if not isinstance(error.orig, postgres.InsufficientPrivilege):
            raise
        return wanted
    return ()
