"""Which triggers of the shop's would change or refuse what the ledger writes: tried, and undone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from psycopg import errors as postgres
from sqlalchemy import Connection, exc

from activities.inventory.adoption import statements
from activities.inventory.adoption.catalogue import Catalogue, Table
from activities.inventory.adoption.plan import Plan
from activities.inventory.adoption.quoting import name, path
from activities.inventory.adoption.script import WAIT_BUDGET_MS

# A try has a row of the shop's for so long at most; the ledger itself would not have it longer.
TRY_MS_MAX: Final = WAIT_BUDGET_MS
TRIES_MAX: Final = 3
_CONSTRAINTS: Final = "23"
# Of the ledger's functions, whose errors say where they are from.
_OWN: Final = "HF"
_FIGURES: Final = ("s.total_quantity", "s.reserved_quantity")
_NOT_NOW: Final = frozenset({postgres.LockNotAvailable.sqlstate, postgres.QueryCanceled.sqlstate})


@dataclass(frozen=True, slots=True)
class _Written:
    """A table that the ledger writes.

    Args:
        table: of the shop's.
        columns: that it writes of a row; of the stock total first, and reserved if there is one.
        is_stock: whether these are figures, and not what a row has to begin with.
        is_cleared: whether it also takes rows out.
        is_adopted: whether it is the stock of a plan that is applied. The switches put back what
            another than the ledger writes, so a row is written by way of its stock item.
    """

    table: Table
    columns: Sequence[str]
    is_stock: bool = False
    is_cleared: bool = False
    is_adopted: bool = False

    def changes(self, before: Sequence[Any]) -> list[Sequence[Any] | None]:
        """Return what is tried on a row: the values of the columns, or None where it goes."""
        if not self.is_stock:
            return [before, None] if self.is_cleared else [before]
        total, reserved = before[0] or 0, before[-1] or 0
        rows = [(total, reserved), (total + 1, reserved), (total, total), (0, 0)]
        return [row[: len(before)] for row in rows]


def trigger_obstacles(
    connection: Connection, plan: Plan, catalogue: Catalogue, *, is_applied: bool = False
) -> Iterator[str]:
    """Return who could put names in the way, and the triggers that let a write not through.

    Each kind of write is made on one row that nobody has, and undone at once. A table without
    triggers is left alone, and of an empty one nothing can be said.

    Args:
        connection: in a transaction, which holds no row of the shop's afterwards.
        plan: whose tables and columns are as they must be.
        catalogue: what is known of them.
        is_applied: whether the plan stands already.
    """
    written = [*_written(plan, catalogue, is_applied=is_applied)]
    yield from _strangers(connection, [each.table for each in written])
    for place in written:
        table = place.table.name
        named = {"table": name(table)}
        triggers = connection.exec_driver_sql(statements.READ_TRIGGERS, named).all()
        for each in triggers:
            if each.is_deferred and not each.is_by_itself:
                yield (
                    f"the trigger {each.name} on {table} is deferred: at the end of a checkout it "
                    "would run under the worker's role. Let it be immediate, or give its function "
                    "SECURITY DEFINER and a search_path"
                )
        if triggers and (told := _first_obstacle(connection, place)):
            names = ", ".join(each.name for each in triggers)
            yield f"the triggers of {table} ({names}) are in the way: {told}"


def _written(plan: Plan, catalogue: Catalogue, *, is_applied: bool) -> Iterator[_Written]:
    stock, holds, carts = plan.stock, plan.holds, plan.carts
    if stock.figures:
        figures = [*stock.figures.values()]
        table = catalogue[stock.table]
        yield _Written(table, figures, is_stock=True, is_adopted=is_applied)
    if holds:
        yield _Written(catalogue[holds.table], [holds.quantity], is_cleared=True)
    if carts and carts.table and carts.status:
        yield _Written(catalogue[carts.table], [carts.status])
    if carts and carts.items and carts.clear_on:
        yield _Written(catalogue[carts.items.table], [carts.items.quantity], is_cleared=True)


def _strangers(connection: Connection, tables: Sequence[Table]) -> Iterator[str]:
    schemas = list(dict.fromkeys(schema for table in tables for schema in table.path))
    for row in connection.exec_driver_sql(statements.READ_STRANGERS, {"schemas": schemas}):
        yield (
            f"{row.role} may CREATE in the schema {row.schema}, where the shop's triggers find "
            "their names with the rights of the ledger's owner: "
            f"REVOKE CREATE ON SCHEMA {row.schema} FROM {row.role}"
        )


def _first_obstacle(connection: Connection, place: _Written) -> str:
    """Return what the first write that does not come out as it should comes to; empty if none."""
    for number in range(len(place.changes([0] * len(place.columns)))):
        for _ in range(TRIES_MAX):
            with connection.begin_nested() as tried:
                told, is_passing = _tried(connection, place, number)
                tried.rollback()
            if not is_passing:
                break
        if told:
            return told
    return ""


def _tried(connection: Connection, place: _Written, number: int) -> tuple[str, bool]:
    """Write a row as the ledger would.

    Returns:
        What does not come out as it should, and whether that may pass.
    """
    what = "a row is looked for"
    try:
        limits = {"path": path(place.table.path), "milliseconds": str(TRY_MS_MAX)}
        connection.exec_driver_sql(statements.TRY_AS_THE_LEDGER, limits)
        row = _free_row(connection, place)
        if row is None:
            return "", False
        wanted = place.changes(row[1:])[number]
        what = _wish(place.columns, wanted)
        write = _write_item if place.is_adopted else _write
        stored = write(connection, place, row[0], wanted)
    except exc.DBAPIError as error:
        return _told_of_a_failure(error.orig, what, place.table)
    # A row that went is told by its place, with nothing in it.
    if stored is not None and (wanted is None or list(stored) == list(wanted)):
        return "", False
    became = f"{_worded(place.columns, stored)} is" if stored else "nothing happens"
    return f"where {what}, {became}", False


def _free_row(connection: Connection, place: _Written) -> Sequence[Any] | None:
    """Return where a row that nobody has is, or its stock item, and what is in its columns."""
    table = name(place.table.name)
    if place.is_adopted:
        columns = ", ".join(_FIGURES[: len(place.columns)])
        found = (
            f"s.id::text, {columns} FROM {table} AS t "  # names are quoted
            f"JOIN holdfast.adopted_rows AS a ON a.key = t.{name(place.table.primary_key or '')} "
            "AND a.begun JOIN holdfast.stock_items AS s ON s.id = a.stock_item_id"
        )
    else:
        columns = ", ".join(map(name, place.columns))
        found = f"t.ctid::text, {columns} FROM {table} AS t"  # names are quoted
    row = connection.exec_driver_sql(
        f"SELECT {found} LIMIT 1 FOR NO KEY UPDATE OF t SKIP LOCKED"
    ).one_or_none()
    return row and tuple(row)


def _write_item(
    connection: Connection, _: _Written, item: str, wanted: Sequence[Any] | None
) -> Sequence[Any] | None:
    """Return what is stored; where it is not as wanted, that is an error of the switch's own."""
    total, *reserved = wanted or ()
    written = connection.exec_driver_sql(
        "UPDATE holdfast.stock_items SET total_quantity = %(total)s, "
        "reserved_quantity = least(coalesce(%(reserved)s, reserved_quantity), %(total)s) "
        "WHERE id = %(item)s::bigint",
        {"total": total, "reserved": reserved[0] if reserved else None, "item": item},
    )
    return wanted if written.rowcount else None


def _write(
    connection: Connection, place: _Written, row: str, wanted: Sequence[Any] | None
) -> Sequence[Any] | None:
    """Return what is stored, or was where the row goes; None where no row was written."""
    columns = ", ".join(map(name, place.columns))
    set_to = ", ".join(f"{name(each)} = %(c{n})s" for n, each in enumerate(place.columns))
    table = name(place.table.name)
    write = f"UPDATE {table} SET {set_to}"  # noqa: S608  # names are quoted, values are parameters
    begun = f"DELETE FROM {table}" if wanted is None else write  # noqa: S608  # the name is quoted
    values = {f"c{n}": value for n, value in enumerate(wanted or ())}
    stored = connection.exec_driver_sql(
        f"{begun} WHERE ctid = %(row)s::tid RETURNING {columns}", {**values, "row": row}
    ).one_or_none()
    return stored and tuple(stored)


def _wish(columns: Sequence[str], wanted: Sequence[Any] | None) -> str:
    if wanted is None:
        return "a row is to go"
    return f"{_worded(columns, wanted)} is to be stored"


def _worded(columns: Sequence[str], values: Sequence[Any]) -> str:
    told = zip(columns, values, strict=True)
    return " and ".join(f"{column} {value}" for column, value in told)


def _told_of_a_failure(error: Any, what: str, table: Table) -> tuple[str, bool]:
    code, diagnosis = error.sqlstate or "", error.diag
    refused_in = f"{diagnosis.schema_name}.{diagnosis.table_name}"
    if code.startswith(_CONSTRAINTS) and refused_in == table.name:
        # Those are asked by themselves.
        return "", False
    is_told = code.startswith(_OWN) or not diagnosis.context
    where = "" if is_told else f" ({diagnosis.context.splitlines()[0]})"
    told = f"where {what}: {diagnosis.message_primary}{where}"
    if code == postgres.UndefinedTable.sqlstate:
        told += f"; names are looked for in {', '.join(table.path)}"
    return told, code in _NOT_NOW
