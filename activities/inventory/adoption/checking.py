"""What stands in the way of an adoption, by name and by row. It changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Connection

from activities.inventory.adoption import statements
from activities.inventory.adoption.catalogue import Catalogue, Column, Table, read_catalogue
from activities.inventory.adoption.constraint_obstacles import constraint_obstacles
from activities.inventory.adoption.linked_script import INTEGERS
from activities.inventory.adoption.linked_tables import linked_obstacles
from activities.inventory.adoption.plan import Elsewhere, Plan, Stock, template_columns
from activities.inventory.adoption.quoting import name
from activities.inventory.adoption.script import SHOP_WAIT_MS_MAX, question
from activities.inventory.adoption.table_obstacles import (
    Right,
    missing,
    of_type,
    table_obstacles,
)
from activities.inventory.adoption.trigger_obstacles import trigger_obstacles
from activities.inventory.adoption.words import column_text
from activities.inventory.sql.statements.audits import PLAN_FREELY
from holdfast_client.contract.fields import SKU_LENGTH_MAX, Sku, excerpt

ROWS_NAMED_MAX: Final = 20
ODD_SKUS_MAX: Final = 100_000
DEADLOCK_TIMEOUT_MS_MIN: Final = 1_000
KEY_TYPES: Final = frozenset({"smallint", "integer", "bigint", "uuid", "text", "character varying"})
_SKU: Final[TypeAdapter[str]] = TypeAdapter(Sku)


def find_obstacles(connection: Connection, plan: Plan, *, is_applied: bool = False) -> list[str]:
    """Return all that stands in the way of an adoption, each with the rows it is about.

    What can only be asked of tables that are as they must be is asked when they are.

    Args:
        connection: in a transaction; nothing is changed.
        plan: whose tables are asked.
        is_applied: whether the plan stands already. Then the figures of its rows are kept equal,
            and whether they agree is for ``status`` and the audit.
    """
    obstacles = [*_server(connection)]
    catalogue = read_catalogue(connection, plan)
    obstacles += _tables(plan, catalogue)
    if obstacles:
        return obstacles
    obstacles += _constraints(connection, plan)
    linked = [*linked_obstacles(plan, catalogue)]
    if linked:
        obstacles += linked
    else:
        obstacles += constraint_obstacles(connection, plan, catalogue)
        obstacles += trigger_obstacles(connection, plan, catalogue, is_applied=is_applied)
    connection.exec_driver_sql(PLAN_FREELY.replace("%%", "%"))
    obstacles += _row_by_row(connection, plan, catalogue)
    return obstacles if is_applied else [*obstacles, *_rows_kept(connection, plan, catalogue)]


def _server(connection: Connection) -> Iterator[str]:
    server = connection.exec_driver_sql(statements.READ_SERVER).one()
    if not server.has_ledger:
        yield "the database has no ledger yet: run `python -m worker migrate`"
    elif not server.owns_ledger:
        # Nor would a superuser do: what it makes, the ledger's own functions could not use.
        yield "this role does not own the ledger's tables: use the one that `migrate` runs under"
    if server.deadlock_timeout_ms < DEADLOCK_TIMEOUT_MS_MIN:
        yield (
            f"deadlock_timeout is {server.deadlock_timeout_ms} ms, and must be "
            f"{DEADLOCK_TIMEOUT_MS_MIN:,} or more: the ledger gives way within "
            f"{SHOP_WAIT_MS_MAX} ms, and only so it is never the shop that loses a deadlock"
        )


def _tables(plan: Plan, catalogue: Catalogue) -> Iterator[str]:
    stock = plan.stock
    # Also where no figure is written: rows are locked.
    rights: tuple[Right, ...] = ("select", "update")
    yield from table_obstacles(stock.table, catalogue, rights, is_switched=True)
    for other in {each.table for each in stock.elsewhere}:
        yield from table_obstacles(other, catalogue, ("select",), is_switched=True)
    if table := catalogue.get(stock.table):
        yield from _key(table, stock.key)
        yield from _own_columns(table, stock)
        for each in stock.elsewhere:
            yield from missing(table, "via", each.via)
            yield from _elsewhere(each, catalogue, is_sku=each == stock.sku)


def _own_columns(table: Table, stock: Stock) -> Iterator[str]:
    if isinstance(stock.sku, str):
        for column in template_columns(stock.sku):
            yield from missing(table, "stock.sku", column)
            yield from _virtual(table, "stock.sku", column)
            yield from _blurred(table, "stock.sku", column)
    for figure, column in stock.figures.items():
        yield from _figure(table, f"stock.{figure}", column)
    yield from _reserved_is_narrower(table, stock)
    for field, kind in (("updated_at", "timestamp"), ("name", ""), ("active", "boolean")):
        source = getattr(stock, field)
        if isinstance(source, str):
            yield from of_type(table, f"stock.{field}", source, kind)
            yield from _virtual(table, f"stock.{field}", source)


def _virtual(table: Table, field: str, name: str) -> Iterator[str]:
    column = table.columns.get(name)
    if column and column.is_virtual:
        yield (
            f"{field}: {table.name}.{name} is generated when it is read, and no trigger is told "
            "that it changes: let it be STORED"
        )


def _blurred(table: Table, field: str, name: str) -> Iterator[str]:
    column = table.columns.get(name)
    if column and column.is_blurred:
        yield (
            f"{field}: {table.name}.{name} takes different texts for equal, such as in capitals "
            "and not, and rows and stock items are told apart by every letter: give it a "
            "deterministic collation, and keep such texts out by a unique index on lower(...)"
        )


def _reserved_is_narrower(table: Table, stock: Stock) -> Iterator[str]:
    rooms = [
        INTEGERS.get(table.columns[column].type, 0) if column in table.columns else 0
        for column in stock.figures.values()
    ]
    if len(rooms) > 1 and 0 < rooms[1] < rooms[0]:
        yield (
            f"stock.reserved: {table.name}.{stock.reserved} has less room than {stock.total}, and "
            "all that is there may be reserved"
        )


def _elsewhere(each: Elsewhere, catalogue: Catalogue, *, is_sku: bool) -> Iterator[str]:
    if table := catalogue.get(each.table):
        yield from missing(table, "stock", each.column)
        yield from _virtual(table, "stock", each.column)
        if is_sku:
            yield from _blurred(table, "stock", each.column)
        if not table.primary_key:
            yield f"{each.table} has no primary key of one column for {each.via} to refer to"


def _key(table: Table, key: str) -> Iterator[str]:
    yield from missing(table, "stock.key", key)
    column = table.columns.get(key)
    if column is None:
        return
    yield from _blurred(table, "stock.key", key)
    if table.primary_key != key:
        yield f"stock.key: {table.name}.{key} is not the primary key"
    elif table.row.is_deferrable:
        yield (
            f"stock.key: the primary key of {table.name} is deferrable, and rows that change "
            "places by their keys in one statement could not be followed"
        )
    if column.type not in KEY_TYPES:
        kinds = ", ".join(sorted(KEY_TYPES))
        yield f"stock.key: {table.name}.{key} is {column.type}; it can be {kinds}"


def _figure(table: Table, field: str, name: str) -> Iterator[str]:
    yield from missing(table, field, name)
    column: Column | None = table.columns.get(name)
    if column is None:
        return
    if column.type not in INTEGERS:
        yield f"{field}: {table.name}.{name} is {column.type}, and must be a whole number"
    if column.is_generated:
        yield f"{field}: {table.name}.{name} is generated: nobody can write it"


def _constraints(connection: Connection, plan: Plan) -> Iterator[str]:
    stock = plan.stock
    if not stock.figures:
        return
    table = name(stock.table)
    for row in connection.exec_driver_sql(statements.READ_LATER_TRIGGERS, {"table": table}):
        yield (
            f"the trigger {row.name} on {stock.table} fires after Holdfast's (they go by name) "
            "and could change what was checked: give it a name before zz_holdfast"
        )
    named = {"table": table, "figures": list(stock.figures.values())}
    for row in connection.exec_driver_sql(statements.READ_CHECKS, named):
        yield (
            f"the constraint {row.name} on {stock.table} ties a figure to other columns, and could "
            f"refuse what the ledger writes: {row.definition}"
        )


def _row_by_row(connection: Connection, plan: Plan, catalogue: Catalogue) -> Iterator[str]:
    """Tell of rows that no stock item can be like."""
    table = plan.stock.table
    faulty = _asked(connection, question("faulty_rows", plan, catalogue, rows_max=ROWS_NAMED_MAX))
    for problem, rows in groupby(faulty, lambda row: row.problem):
        yield from _named(table, problem, list(rows))
    odd = _asked(connection, question("odd_skus", plan, catalogue, odd_max=ODD_SKUS_MAX))
    refused = [(row, why) for row in odd if (why := _refusal(row.sku))]
    for row, why in refused[:ROWS_NAMED_MAX]:
        yield f"{table} row {row.key}: SKU {row.sku[:SKU_LENGTH_MAX]!r}: {why}"
    if len(refused) > ROWS_NAMED_MAX:
        left_out = len(refused) - ROWS_NAMED_MAX
        yield f"{table}: {left_out:,} more rows whose SKU no stock item can have"


def _rows_kept(connection: Connection, plan: Plan, catalogue: Catalogue) -> Iterator[str]:
    """Tell of rows that do not agree with what the ledger has; an adoption keeps them equal."""
    table = plan.stock.table
    bounds = {"rows_max": ROWS_NAMED_MAX}
    left = read_left(connection, plan)
    since = {**bounds, "moved_after": left or 0, "was_left": left is not None}
    in_the_way = _asked(connection, question("items_in_the_way", plan, catalogue, **since))
    for row in in_the_way:
        yield (
            f"{table} row {row.key} ({row.sku}): checkouts hold {row.held} of it in the ledger, "
            f"and the row says total {row.total}, reserved {row.reserved}, from before they were "
            "kept equal; let the holds end first"
        )
    yield from _more(table, in_the_way, "that checkouts hold some of")
    if plan.stock.active:
        recalled = _asked(connection, question("recalled_rows", plan, catalogue, **bounds))
        column = column_text(plan.stock.active, table)
        yield from (_recalled(table, column, row) for row in recalled)
        yield from _more(table, recalled, "that are out of sale in the ledger")
    if left is not None and plan.stock.figures:
        apart = _asked(connection, question("rows_apart", plan, catalogue, **since))
        yield from (_apart(table, row) for row in apart)
        yield from _more(table, apart, "that do not agree with the ledger")


def _more(table: str, rows: Sequence[Any], what: str) -> Iterator[str]:
    """Say how many more rows there are than are named."""
    if rows and rows[0].rows > len(rows):
        yield f"{table}: {rows[0].rows - len(rows):,} more rows {what}"


def read_left(connection: Connection, plan: Plan) -> int | None:
    """Return up to which movement the rows had everything when they were left; None if never."""
    values = {"location": plan.stock.location, "table": plan.stock.table}
    found: int | None = connection.exec_driver_sql(statements.READ_LEFT, values).scalar()
    return found


def _apart(table: str, row: Any) -> str:
    if row.key is None:
        return (
            f"{table}: no row has the SKU {row.sku} any more, of which {row.in_ledger} are in the "
            f"ledger, and checkouts have sold {row.sold} since `leave`: give its row its SKU back; "
            "or, once checkouts hold nothing of it, take off what was sold, and count the SKU down "
            "to what is reserved"
        )
    return (
        f"{table} row {row.key} ({row.sku}): total {row.total}, of which checkouts have sold "
        f"{row.sold} since `leave`, and {row.in_ledger} in the ledger, where it was corrected "
        "meanwhile: bring both to what is there"
    )


def _recalled(table: str, column: str, row: Any) -> str:
    why = f" ({row.reason})" if row.reason else ""
    return (
        f"{table} row {row.key} ({row.sku}): {column} has it for sale, and {row.operation_id}{why} "
        "took it out of sale in the ledger: take it out of sale in the shop, or "
        "`holdfast adjust ... activate`"
    )


def _asked(connection: Connection, statement: str) -> Sequence[Any]:
    raw = connection.execution_options(no_parameters=True)
    return raw.exec_driver_sql(statement).all()


def _named(table: str, problem: str, rows: Sequence[Any]) -> Iterator[str]:
    for row in rows:
        figures = f"total {_told(row.total)}, reserved {_told(row.reserved)}"
        yield f"{table} row {row.key} ({_told(row.sku)}): {problem}: {figures}"
    if rows[0].rows > len(rows):
        yield f"{table}: {problem}: {rows[0].rows - len(rows):,} more rows"


def _told(value: object) -> str:
    return "none" if value is None else excerpt(str(value), SKU_LENGTH_MAX)


def _refusal(sku: str) -> str:
    try:
        _SKU.validate_python(sku)
    except ValidationError as error:
        return error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
    return ""
