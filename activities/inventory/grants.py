"""What the database role of a worker may do: its work, and nothing more.

It may read everything of the ledger, add rows, and change the columns that the statements change.
It may not change or remove what is written to stay (lines, extensions and movements), remove
anything, nor alter the schema. `migrate` grants this, after the migrations and in their
transaction, so that a worker never meets a table that it may not use.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from activities.inventory import catalogue_statements
from activities.inventory.errors import WorkerRoleUnfit
from activities.inventory.schema import SCHEMA


@dataclass(frozen=True, slots=True)
class TableGrant:
    """Which columns of a table a worker may fill in a new row, and which it may change later."""

    table: str
    insert: tuple[str, ...] = ()
    update: tuple[str, ...] = ()


# A column that is not named here is filled by the database itself, or stays as it was written.
TABLE_GRANTS: Final = (
    TableGrant(
        "stock_items",
        insert=("sku", "location"),
        update=("name", "active", "total_quantity", "reserved_quantity", "updated_at"),
    ),
    TableGrant(
        "reservations",
        insert=(
            "id",
            "checkout_id",
            "status",
            "customer_id",
            "cart_id",
            "reason",
            "actor",
            "request_digest",
            "created_at",
            "closed_at",
        ),
        update=(
            "status",
            "expires_at",
            "created_at",
            "closed_at",
            "reason",
            "actor",
            "payment_reference",
            "shortages",
        ),
    ),
    TableGrant("reservation_lines", insert=("reservation_id", "stock_item_id", "quantity")),
    TableGrant(
        "reservation_extensions",
        insert=(
            "reservation_id",
            "extension_id",
            "from_deadline",
            "to_deadline",
            "seconds",
            "reason",
            "actor",
            "created_at",
        ),
    ),
    TableGrant("open_lines"),
    TableGrant("stock_adjustments", insert=("id", "request_digest"), update=("outcome",)),
    TableGrant(
        "stock_movements",
        insert=(
            "stock_item_id",
            "reservation_id",
            "adjustment_id",
            "kind",
            "total_delta",
            "reserved_delta",
            "reason",
            "actor",
            "created_at",
        ),
    ),
    TableGrant("alembic_version"),
    TableGrant("stock_availability"),
    TableGrant("overdue_reservations"),
)
# They run with the worker's rights. Each is granted by name, because a database may be set up so
# that nobody may run what others made.
FUNCTION_GRANTS: Final = (
    "clock",
    "claim_reservations",
    "grant_reservations",
    "reserve_what_fits",
    "close_reservations",
)


# They do what the tables' owner may, when a trigger of the ledger's calls them. Everybody may run
# what others made unless told otherwise, and so make it a trigger of a temporary table of his own.
OWNERS_FUNCTIONS: Final = ("list_open_lines",)


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
    found = connection.execute(catalogue_statements.READ_ROLE, {"role": role}).one_or_none()
    if found is None:
        raise WorkerRoleUnfit(
            f'there is no database role {role}; make it: CREATE ROLE "{role}" LOGIN PASSWORD ...'
        )
    if found.is_superuser or found.is_owner:
        why = "is a superuser" if found.is_superuser else "may act as the owner of the tables"
        raise WorkerRoleUnfit(
            f"the database role {role} {why}, so no grant would bind it; "
            f"give the {whose} a role of their own"
        )


def _statements(role: str) -> Iterator[str]:
    for kind in ("TABLES", "SEQUENCES", "FUNCTIONS"):
        yield f"REVOKE ALL ON ALL {kind} IN SCHEMA {SCHEMA} FROM {role}"
    yield f"REVOKE ALL ON SCHEMA {SCHEMA} FROM {role}"
    yield f"GRANT USAGE ON SCHEMA {SCHEMA} TO {role}"
    for function in OWNERS_FUNCTIONS:
        yield f"REVOKE ALL ON FUNCTION {SCHEMA}.{function} FROM PUBLIC"
    for function in FUNCTION_GRANTS:
        yield f"GRANT EXECUTE ON FUNCTION {SCHEMA}.{function} TO {role}"
    for grant in TABLE_GRANTS:
        rights = ["SELECT"]
        rights += [f"INSERT ({', '.join(grant.insert)})"] if grant.insert else []
        rights += [f"UPDATE ({', '.join(grant.update)})"] if grant.update else []
        yield f"GRANT {', '.join(rights)} ON {SCHEMA}.{grant.table} TO {role}"
