"""What a database role may do beyond what it is for, and what takes it back.

`migrate` binds the roles in the ledger's own schema. What they may do besides comes from elsewhere:
from PUBLIC, which in every new database may make temporary tables and large objects; from a role
that one is a member of; from an attribute. Other programs may live by such a right, so it is told,
with the command, and nobody takes it away unasked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from sqlalchemy import Connection, Engine, Row, exc

from activities.inventory.database.errors import WorkerRoleUnfit, ledger_error
from activities.inventory.database.rights.grants import FUNCTION_GRANTS, READ_GRANTS, find_role
from activities.inventory.database.rights.reader_grants import READER_VIEWS
from activities.inventory.sql.statements import databases as statements


@dataclass(frozen=True, slots=True)
class Work:
    """What a role is for.

    Args:
        words: as in "may do more than ...".
        people: whose role it is.
        variable: the setting that names the role to `migrate`.
        tables: what it reads, of the ledger's tables and views.
        functions: what it calls, of the ledger's.
        groups: what it may be a member of, of the roles that every server has.
        is_alone: whether it has no use for what another role may. What it may as a member of one is
            then taken back by leaving that, which may need its rights itself.
    """

    words: str
    people: str
    variable: str
    tables: tuple[str, ...]
    functions: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    is_alone: bool = False


WORKERS_WORK: Final = Work(
    words="a worker's work",
    people="workers",
    variable="HOLDFAST_WORKER_ROLE",
    tables=READ_GRANTS,
    functions=FUNCTION_GRANTS,
    groups=("pg_read_all_data",),
)
READERS_WORK: Final = Work(
    words="read availability",
    people="readers",
    variable="HOLDFAST_READER_ROLE",
    tables=READER_VIEWS,
    is_alone=True,
)


@dataclass(frozen=True, slots=True)
class ExcessRight:
    """Something that a role has no use for.

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
    """A role, and what it may do beyond its work."""

    role: str
    work: Work
    excess: tuple[ExcessRight, ...]

    def __str__(self) -> str:
        lines = [f"the database role {self.role} may do more than {self.work.words}:"]
        return "\n  ".join([*lines, *map(str, self.excess)])


def read_role_rights(
    engine: Engine, role: str | None = None, work: Work = WORKERS_WORK
) -> RoleRights:
    """Find out what a role may do beyond its work; the schema must be there.

    Args:
        engine: of any role: the catalogue is for all to read.
        role: that of the engine's connections if it is left out.
        work: what the role is for.

    Raises:
        WorkerRoleUnfit: there is no such role.
        LedgerUnavailable: the database does not answer.
    """
    try:
        with engine.connect() as connection:
            name = role or connection.exec_driver_sql(statements.READ_OWN_NAME).scalar_one()
            return RoleRights(name, work, tuple(_excess(connection, name, work)))
    except exc.SQLAlchemyError as error:
        raise ledger_error(error) or error from None


def remark_on_role(engine: Engine, role: str | None, work: Work) -> str | None:
    """Return what people are to be told of a role: that there is none, or what it may too much.

    Args:
        engine: as of :func:`read_role_rights`.
        role: as there.
        work: as there.

    Returns:
        One line or more; None where all is well.

    Raises:
        LedgerUnavailable: the database does not answer.
    """
    try:
        rights = read_role_rights(engine, role, work)
    except WorkerRoleUnfit as missing:
        return str(missing)
    return str(rights) if rights.excess else None


def _excess(connection: Connection, role: str, work: Work) -> Iterable[ExcessRight]:
    bound = find_role(connection, role)
    if bound.is_superuser or bound.is_owner:
        as_whom = "a superuser" if bound.is_superuser else "the owner of the tables"
        remedy = f"give the {work.people} a role of their own"
        return [ExcessRight(f"everything, as {as_whom}", remedy)]
    quoted = connection.dialect.identifier_preparer.quote(role)
    rows = connection.exec_driver_sql(statements.READ_RIGHTS, {"role": role}).all()
    excess = [row for row in rows if not _is_of(work, row)]
    others = {row.grantee for row in excess} - {quoted, "PUBLIC", ""} if work.is_alone else set()
    return [
        *(_membership(other, quoted) for other in sorted(others)),
        *_told([row for row in excess if row.grantee not in others], quoted, work),
    ]


def _is_of(work: Work, row: Row[Any]) -> bool:
    if row.kind == "FUNCTION":
        return row.name in work.functions
    if row.kind == "MEMBERSHIP":
        return row.name in work.groups
    return row.kind == "TABLE" and row.privilege == "SELECT" and row.name in work.tables


def _membership(other: str, role: str) -> ExcessRight:
    return ExcessRight(f"whatever {other} may", f"REVOKE {other} FROM {role}")


def _told(rows: Sequence[Row[Any]], role: str, work: Work) -> Iterator[ExcessRight]:
    for (kind, target, privilege, grantee), group in groupby(
        rows, lambda row: (row.kind, row.target, row.privilege, row.grantee)
    ):
        if kind == "ATTRIBUTE":
            yield ExcessRight(f"whatever {privilege} allows", f"ALTER ROLE {grantee} NO{privilege}")
            continue
        if kind == "MEMBERSHIP":
            yield _membership(target, role)
            continue
        columns = [row.column_name for row in group if row.column_name]
        right = f"{privilege} ({', '.join(columns)})" if columns else privilege
        by_migrate = kind in ("TABLE", "SEQUENCE") and grantee == role
        migrate = f"`python -m worker migrate` with {work.variable} takes it back"
        revoke = f"REVOKE {right} ON {kind} {target} FROM {grantee}"
        yield ExcessRight(f"{right} on {kind} {target}", migrate if by_migrate else revoke)
