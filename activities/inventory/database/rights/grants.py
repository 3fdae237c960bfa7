"""What the database role of a worker may do: its work, and nothing more.

It may read everything of the ledger, and call the functions that write it. It may write no table by
itself, nor alter the schema. `migrate` grants this, after the migrations and in their transaction,
so that a worker never meets a table or a function that it may not use.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Connection, Row

from activities.inventory.database.errors import WorkerRoleUnfit
from activities.inventory.sql.schema import SCHEMA
from activities.inventory.sql.statements.databases import READ_ROLE

READ_GRANTS: Final = (
    "stock_items",
    "reservations",
    "reservation_lines",
    "operation_records",
    "stock_movements",
    "payments",
    "alembic_version",
    "stock_availability",
    "overdue_reservations",
    "operations",
    "refunds_due",
)
# All that writes. They run with the rights of the tables' owner; each is granted by name, because
# to everybody else they are closed.
FUNCTION_GRANTS: Final = (
    "clock",
    "lines_of",
    "lock_stock",
    "lock_reservations",
    "lock_overdue",
    "reserve_what_fits",
    "claim_reservations",
    "read_cart",
    "refuse_claims",
    "name_customers",
    "hold_reservations",
    "deny_reservations",
    "close_reservations",
    "extend_reservations",
    "part_reservation",
    "amend_reservation",
    "supersede_reservation",
    "is_nobodys",
    "claim_payment",
    "reinstate_reservation",
    "pause_hold",
    "keep_shortages",
    "refund_payment",
    "claim_operation",
    "answer_operation",
    "record_refusals",
    "create_stock_items",
    "name_stock_items",
    "move_totals",
    "find_shop_breaches",
    "follow_late_words",
    "sale_kept_in",
)


def grant_to_worker(connection: Connection, role: str) -> None:
    """Let a role do the work of a worker, and take from it whatever else it had here.

    Safe to repeat. The role itself is made by whoever runs the database.

    Args:
        connection: of a role that owns the ledger's tables.
        role: an existing one, of letters, digits and ``_ . @ -``.

    Raises:
        WorkerRoleUnfit: there is no such role, or grants would not bind it.
    """
    check_role(connection, role, "workers")
    quoted = connection.dialect.identifier_preparer.quote_identifier(role)
    for statement in _statements(quoted):
        connection.exec_driver_sql(statement)


def check_role(connection: Connection, role: str, whose: str) -> None:
    """Raise WorkerRoleUnfit where there is no such role, or grants would not bind it."""
    found = find_role(connection, role)
    if found.is_superuser or found.is_owner:
        why = "is a superuser" if found.is_superuser else "may act as the owner of the tables"
        raise WorkerRoleUnfit(
            f"the database role {role} {why}, so no grant would bind it; "
            f"give the {whose} a role of their own"
        )


def find_role(connection: Connection, role: str) -> Row[Any]:
    """Return whether a role ``is_superuser``, and whether it ``is_owner`` of the ledger's tables.

    Raises:
        WorkerRoleUnfit: there is no such role.
    """
    found = connection.exec_driver_sql(READ_ROLE, {"role": role}).one_or_none()
    if found is None:
        raise WorkerRoleUnfit(
            f'there is no database role {role}; make it: CREATE ROLE "{role}" LOGIN PASSWORD ...'
        )
    return found


def _statements(role: str) -> Iterator[str]:
    for kind in ("TABLES", "SEQUENCES", "FUNCTIONS"):
        yield f"REVOKE ALL ON ALL {kind} IN SCHEMA {SCHEMA} FROM {role}"
    yield f"REVOKE ALL ON SCHEMA {SCHEMA} FROM {role}"
    yield f"GRANT USAGE ON SCHEMA {SCHEMA} TO {role}"
    for function in FUNCTION_GRANTS:
        yield f"GRANT EXECUTE ON FUNCTION {SCHEMA}.{function} TO {role}"
    for table in READ_GRANTS:
        yield f"GRANT SELECT ON {SCHEMA}.{table} TO {role}"
