"""What a database role may do beyond the work of a worker, and what takes it back.

`migrate` binds the role in the ledger's own schema. What it may do besides comes from elsewhere:
from PUBLIC, which in every new database may make temporary tables and large objects; from a role
that it is a member of; from an attribute. Other programs may live by such a right, so it is told,
with the command, and nobody takes it away unasked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from sqlalchemy import Connection, Engine, Row, exc

from activities.inventory.database.errors import ledger_error
from activities.inventory.database.rights.grants import FUNCTION_GRANTS, READ_GRANTS
from activities.inventory.sql.statements import databases as statements

_A_ROLE_OF_THEIR_OWN: Final = "give the workers a role of their own"
_MIGRATE: Final = "`python -m worker migrate` with HOLDFAST_WORKER_ROLE takes it back"


@dataclass(frozen=True, slots=True)
class ExcessRight:
    """Something that a worker has no use for.

    Args:
        right: as Postgres names it, as in "TEMPORARY on DATABASE shop".
        remedy: the SQL that takes it back, or what else does.
    """

    right: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.right}: {self.remedy}"


@dataclass(frozen=True, slots=True)
class RoleRights:
    """A role, and what it may do beyond a worker's work."""

    role: str
    excess: tuple[ExcessRight, ...]

    def __str__(self) -> str:
        lines = [f"the database role {self.role} may do more than a worker's work:"]
        return "\n  ".join([*lines, *map(str, self.excess)])


def read_role_rights(engine: Engine, role: str | None = None) -> RoleRights:
    """Find out what a role may do beyond a worker's work; the schema must be there.

    Args:
        engine: of any role: the catalogue is for all to read.
        role: an existing one; that of the engine's connections if it is left out.

    Raises:
        LedgerUnavailable: the database does not answer.
    """
    try:
        with engine.connect() as connection:
            name = role or connection.exec_driver_sql(statements.READ_OWN_NAME).scalar_one()
            return RoleRights(name, tuple(_excess(connection, name)))
    except exc.SQLAlchemyError as error:
        raise ledger_error(error) or error from None


def _excess(connection: Connection, role: str) -> Iterable[ExcessRight]:
    bound = connection.exec_driver_sql(statements.READ_ROLE, {"role": role}).one()
    if bound.is_superuser:
        return [ExcessRight("everything, as a superuser", _A_ROLE_OF_THEIR_OWN)]
    if bound.is_owner:
        return [ExcessRight("everything, as the owner of the tables", _A_ROLE_OF_THEIR_OWN)]
    quoted = connection.dialect.identifier_preparer.quote(role)
    rows = connection.exec_driver_sql(statements.READ_RIGHTS, {"role": role}).all()
    return _told([row for row in rows if not _is_work(row)], quoted)


def _is_work(row: Row[Any]) -> bool:
    if row.kind == "FUNCTION":
        return row.name in FUNCTION_GRANTS
    return row.kind == "TABLE" and row.privilege == "SELECT" and row.name in READ_GRANTS


def _told(rows: Sequence[Row[Any]], role: str) -> Iterator[ExcessRight]:
    for (kind, target, privilege, grantee), group in groupby(
        rows, lambda row: (row.kind, row.target, row.privilege, row.grantee)
    ):
        if kind == "ATTRIBUTE":
            yield ExcessRight(f"whatever {privilege} allows", f"ALTER ROLE {grantee} NO{privilege}")
            continue
        if kind == "MEMBERSHIP":
            yield ExcessRight(f"whatever {target} may", f"REVOKE {target} FROM {role}")
            continue
        columns = [row.column_name for row in group if row.column_name]
        right = f"{privilege} ({', '.join(columns)})" if columns else privilege
        by_migrate = kind in ("TABLE", "SEQUENCE") and grantee == role
        revoke = f"REVOKE {right} ON {kind} {target} FROM {grantee}"
        yield ExcessRight(f"{right} on {kind} {target}", _MIGRATE if by_migrate else revoke)
