"""What the catalogue says of the tables that a plan names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from activities.inventory.adoption import statements
from activities.inventory.adoption.plan import Plan


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the shop's.

    Args:
        type: as Postgres writes it, without a length.
        length: of a text, the most characters; None without a bound.
        may_count: whether this role may use the sequence that fills it, if there is one.
        is_required: never null.
        is_generated: computed, so that nobody can write it.
        is_virtual: computed when it is read, so that triggers do not see it.
        is_blurred: different texts in it can be equal, such as in capitals and not.
        has_default: filled by itself where an INSERT leaves it out.
        refers_to: the table and column that a foreign key binds it to, and whether this role may
            look for an id there: `may_enter` the schema, `may_select` the column, and not one whose
            row security `hides_rows`.
    """

    type: str
    length: int | None
    may_count: bool
    is_required: bool
    is_generated: bool
    is_virtual: bool
    is_blurred: bool
    has_default: bool
    refers_to: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the shop's.

    Args:
        name: with its schema.
        row: what else the catalogue says of it.
        columns: by name.
        path: the schemas in which the shop's code finds its names, the first one first.
    """

    name: str
    row: Any
    columns: Mapping[str, Column]
    path: Sequence[str]

    @property
    def primary_key(self) -> str | None:
        found: str | None = self.row.primary_key
        return found

    def type_of(self, column: str) -> str:
        """Return the type of a column that is there."""
        return self.columns[column].type


Catalogue = Mapping[str, Table]


def read_catalogue(connection: Connection, plan: Plan) -> Catalogue:
    """Return what is known of the plan's tables, by name; those that are not there are left out."""
    wanted = {plan.stock.table, *(other.table for other in plan.stock.elsewhere)}
    if plan.holds:
        wanted.add(plan.holds.table)
    if plan.carts:
        wanted |= {plan.carts.table} if plan.carts.table else set()
        wanted |= {plan.carts.items.table} if plan.carts.items else set()
    found = (_read_table(connection, table) for table in sorted(wanted))
    return {table.name: table for table in found if table}


def _read_table(connection: Connection, table: str) -> Table | None:
    schema, _, own = table.rpartition(".")
    named = {"schema": schema, "table": own}
    row = connection.exec_driver_sql(statements.READ_TABLE, named).one_or_none()
    if row is None:
        return None
    columns = connection.exec_driver_sql(statements.READ_COLUMNS, {"oid": row.oid})
    return Table(
        table,
        row,
        {
            each.name: Column(
                each.type,
                each.length,
                each.may_count,
                each.is_required,
                each.is_generated,
                each.is_virtual,
                each.is_blurred,
                each.has_default,
                each.refers_to,
            )
            for each in columns
        },
        _read_path(connection, row.oid),
    )


def _read_path(connection: Connection, oid: int) -> Sequence[str]:
    """Return the path of a table's owner, begun with the table's schema if that is not in it."""
    with connection.begin_nested() as tried:
        schema = connection.exec_driver_sql(statements.READ_PATH, {"oid": oid}).one().schema
        path = connection.exec_driver_sql(statements.READ_SCHEMAS).scalars().all()
        tried.rollback()
    return path if schema in path else [schema, *path]
