"""What a table or a column is that cannot be adopted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from activities.inventory.adoption.catalogue import Catalogue, Table

Right = Literal["select", "insert", "update", "delete"]


def table_obstacles(
    table: str, catalogue: Catalogue, rights: Sequence[Right], *, is_switched: bool = False
) -> Iterator[str]:
    """Return what a table is that cannot be adopted, and which rights lack.

    Args:
        table: by its name.
        catalogue: of all that were found.
        rights: that the ledger's owner needs.
        is_switched: whether switches are put on it. To make one takes a right, but to have it fire
            always, and to take it off, takes the table's owner.
    """
    found = catalogue.get(table)
    if found is None:
        yield f"there is no table {table}"
        return
    row = found.row
    if row.kind != "r" or row.is_partition or row.inherits:
        yield f"{table} is no plain table: views, partitions and inheritance cannot be adopted"
    if row.has_policies:
        yield f"{table} has row security: the ledger could not see or write every row"
    if row.rule:
        yield f"{table} has the rule {row.rule}: what it writes instead cannot be followed"
    lacking = [right.upper() for right in rights if not getattr(row, f"may_{right}")]
    if not row.may_enter:
        yield f"this role may not enter the schema of {table}: GRANT USAGE ON SCHEMA"
    if lacking:
        yield f"this role may not {', '.join(lacking)} on {table}: GRANT it"
    if is_switched and not row.is_own:
        yield (
            f"switches are put on {table}, which only its owner can: "
            f"GRANT {row.owner} TO {row.asking}"
        )


def missing(table: Table, field: str, column: str) -> Iterator[str]:
    """Return that a column is not there, if it is not."""
    if column not in table.columns:
        yield f"{field}: {table.name} has no column {column}"


def reference_obstacles(table: Table, field: str, column: str) -> Iterator[str]:
    """Return what lacks where a foreign key binds a column: the ledger looks for its ids there."""
    found = table.columns.get(column)
    if found is None or found.refers_to is None:
        return
    place, key = found.refers_to["table"], found.refers_to["column"]
    bound = f"{field}: {table.name}.{column} refers to {place}"
    if not found.refers_to["may_enter"]:
        yield f"{bound}, and this role may not enter its schema: GRANT USAGE ON SCHEMA"
    if not found.refers_to["may_select"]:
        yield f"{bound}, and this role may not SELECT there: GRANT SELECT ({key}) ON {place}"
    if found.refers_to["hides_rows"]:
        yield f"{bound}, which has row security: the ledger could not see every row"


def of_type(table: Table, field: str, column: str, kind: str) -> Iterator[str]:
    """Return that a column is not there, or of another type than one that begins so."""
    yield from missing(table, field, column)
    found = table.columns.get(column)
    if found and not found.type.startswith(kind):
        yield f"{field}: {table.name}.{column} is {found.type}, and must be {kind}"
