"""What the database role of a product page may do: read availability, and nothing else."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

from activities.inventory.database.rights.grants import check_role
from activities.inventory.sql.schema import SCHEMA

# They run with the rights of their owner, so no table behind them has to be granted.
READER_VIEWS: Final = ("stock_availability",)


def grant_to_reader(connection: Connection, role: str) -> None:
    """Let a role read availability, and take from it whatever else it had here. Safe to repeat.

    Args:
        connection: of a role that owns the ledger's tables.
        role: an existing one, of letters, digits and ``_ . @ -``.

    Raises:
        WorkerRoleUnfit: there is no such role, or grants would not bind it.
    """
    check_role(connection, role, "readers")
    quoted = connection.dialect.identifier_preparer.quote_identifier(role)
    for kind in ("TABLES", "SEQUENCES", "FUNCTIONS"):
        connection.exec_driver_sql(f"REVOKE ALL ON ALL {kind} IN SCHEMA {SCHEMA} FROM {quoted}")
    connection.exec_driver_sql(f"REVOKE ALL ON SCHEMA {SCHEMA} FROM {quoted}")
    connection.exec_driver_sql(f"GRANT USAGE ON SCHEMA {SCHEMA} TO {quoted}")
    for view in READER_VIEWS:
        connection.exec_driver_sql(f"GRANT SELECT ON {SCHEMA}.{view} TO {quoted}")
