"""Which constraints of the shop's would refuse what the ledger writes: asked before it writes.

A CHECK is not read but tried, on values that the ledger may come to write: Postgres says what it
lets pass, however it is put. One that looks at other columns too cannot be tried, and stands in the
way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any, Final

from sqlalchemy import Connection, exc

from activities.inventory.adoption import statements
from activities.inventory.adoption.catalogue import Catalogue, Column
from activities.inventory.adoption.linked_script import INTEGERS, TEXTS
from activities.inventory.adoption.plan import Carts, Holds, Plan, Stock
from activities.inventory.adoption.quoting import literal, name
from holdfast_client.contract.fields import (
    CHECKOUT_ID_LENGTH_MAX,
    HOLD_SECONDS_MAX,
    QUANTITY_MAX,
    STOCK_QUANTITY_MAX,
)

# Units that are tried: small ones, and the neighbours of round ones.
_UNITS: Final = sorted({*range(14), *(10**n + d for n in range(10) for d in (-1, 0, 1))})
# A sample of each column, as SQL, by its name.
Samples = Mapping[str, Sequence[str]]


def constraint_obstacles(connection: Connection, plan: Plan, catalogue: Catalogue) -> Iterator[str]:
    """Return the constraints that would refuse figures, holds or what becomes of a cart.

    Args:
        connection: in a transaction; nothing is written.
        plan: whose tables and columns are as they must be.
        catalogue: what is known of them.
    """
    yield from _of_stock(connection, plan.stock, catalogue)
    if plan.holds:
        yield from _of_holds(connection, plan.stock, plan.holds, catalogue)
    if plan.carts and plan.carts.table and plan.carts.status:
        yield from _of_status(connection, plan.carts, catalogue)
    if plan.carts and plan.carts.items and plan.carts.clear_on:
        items = plan.carts.items
        left = {items.quantity: _quantities(catalogue[items.table].columns[items.quantity])}
        yield from _checks(connection, items.table, left, "quantities that can be left")


def words_of(carts: Carts) -> dict[str, str]:
    """Return the words of a status that outcomes set, by outcome."""
    words = {
        "fulfilled": carts.fulfilled,
        "expired": carts.expired,
        "cancelled": carts.cancelled,
    }
    return {outcome: word for outcome, word in words.items() if word}


def _of_stock(connection: Connection, stock: Stock, catalogue: Catalogue) -> Iterator[str]:
    figures = list(stock.figures.values())
    if not figures:
        return
    columns = catalogue[stock.table].columns
    units = [_units(columns[figure]) for figure in figures]
    # Never more reserved than there is.
    rows = [[f"{u}::bigint" for u in row] for row in product(*units) if row[-1] <= row[0]]
    for each in _constraints(connection, stock.table, "c", figures):
        # One that looks at other columns too is told of beside the triggers.
        if set(each.columns) <= set(figures) and _refuses(connection, each, figures, rows):
            yield (
                f"the constraint {each.name} on {stock.table} refuses figures that stock can have: "
                f"{each.definition}"
            )
    for each in _constraints(connection, stock.table, "f", figures):
        yield f"the constraint {each.name} on {stock.table} binds a figure: {each.definition}"
    for each in _unique_indexes(connection, stock.table, figures):
        yield f"the index {each.name} lets {stock.table} have a figure only once"


def _of_holds(
    connection: Connection, stock: Stock, holds: Holds, catalogue: Catalogue
) -> Iterator[str]:
    columns = catalogue[holds.table].columns
    samples: dict[str, Sequence[str]] = {
        holds.quantity: _quantities(columns[holds.quantity]),
        holds.expires_at: (
            "now() + interval '1 s'",
            f"now() + {HOLD_SECONDS_MAX} * interval '1 s'",
        ),
    }
    samples |= {
        column: _ids(source, columns[column]) if source != "held_at" else ("now()",)
        for column, source in holds.others.items()
    }
    most = INTEGERS[columns[holds.quantity].type]
    if most < QUANTITY_MAX:
        yield (
            f"holds.quantity: {holds.table}.{holds.quantity} has room for {most:,}, and a checkout "
            f"may hold {QUANTITY_MAX:,}"
        )
    yield from _checks(connection, holds.table, samples, "holds that there can be", holds.product)
    filled = [*samples, holds.product]
    for each in _constraints(connection, holds.table, "f", filled):
        # An id that is not there is null; a product is the one of the row of stock.
        fits = each.columns[0] in holds.others or each.referenced in _product_tables(stock)
        if len(each.columns) > 1 or not fits:
            yield f"the constraint {each.name} on {holds.table} binds a hold: {each.definition}"


def _product_tables(stock: Stock) -> set[str]:
    return {stock.table, *(each.table for each in stock.elsewhere)}


def _of_status(connection: Connection, carts: Carts, catalogue: Catalogue) -> Iterator[str]:
    table, column = str(carts.table), str(carts.status)
    words = words_of(carts)
    length = catalogue[table].columns[column].length
    for outcome, word in words.items():
        if length is not None and len(word) > length:
            yield (
                f"carts.{outcome}: {word} has {len(word)} characters, and {table}.{column} has "
                f"room for {length}"
            )
    tried = {column: [f"{literal(word)}::text" for word in words.values()]}
    if not words:
        return
    yield from _checks(connection, table, tried, f"a {column} of {', '.join(words.values())}")
    for each in _constraints(connection, table, "f", [column]):
        if len(each.columns) > 1 or not _are_there(connection, each, list(words.values())):
            yield (
                f"the constraint {each.name} on {table} refuses a {column} of "
                f"{', '.join(words.values())}: {each.definition}"
            )
    for each in _unique_indexes(connection, table, [column]):
        rows = list(product(tried[column]))
        # A partial index that leaves the words out is in nobody's way.
        left_out = each.predicate and not _any_row(connection, [column], rows, each.predicate)
        if not left_out:
            yield f"the index {each.name} lets {table} have a {column} only once: {each.definition}"


def _are_there(connection: Connection, key: Any, words: list[str]) -> bool:
    named = connection.exec_driver_sql(
        f"SELECT count(*) FROM {name(key.referenced)} "  # noqa: S608  # of the catalogue, quoted
        f"WHERE {name(key.referenced_column)}::text = ANY(%(words)s::text[])",
        {"words": words},
    )
    return bool(named.scalar_one() == len(set(words)))


def _checks(
    connection: Connection, table: str, samples: Samples, what: str, *untried: str
) -> Iterator[str]:
    """Tell of checks on these columns that refuse a sample, or look at columns without one."""
    for each in _constraints(connection, table, "c", [*samples, *untried]):
        tried = [column for column in samples if column in each.columns]
        rows = list(product(*(samples[column] for column in tried)))
        if _refuses(connection, each, tried, rows):
            yield f"the constraint {each.name} on {table} may refuse {what}: {each.definition}"


def _refuses(
    connection: Connection, check: Any, columns: Sequence[str], rows: Sequence[Sequence[str]]
) -> bool:
    return _any_row(connection, columns, rows, f"NOT ({check.expression})")


def _any_row(
    connection: Connection, columns: Sequence[str], rows: Sequence[Sequence[str]], condition: str
) -> bool:
    """Say whether a condition is true of a row; it is where Postgres cannot tell."""
    if not columns or not rows:
        return True
    values = ", ".join(f"({', '.join(row)})" for row in rows)
    named = ", ".join(map(name, columns))
    asked = (
        f"SELECT EXISTS (SELECT FROM (VALUES {values}) AS t({named}) "  # noqa: S608  # the shop's own
        f"WHERE {condition})"
    )
    try:
        with connection.begin_nested():
            raw = connection.execution_options(no_parameters=True)
            return bool(raw.exec_driver_sql(asked).scalar_one())
    except exc.DBAPIError:
        return True


def _constraints(
    connection: Connection, table: str, kind: str, columns: Iterable[str]
) -> Sequence[Any]:
    values = {"table": name(table), "kind": kind, "columns": list(columns)}
    return connection.exec_driver_sql(statements.READ_CONSTRAINTS, values).all()


def _unique_indexes(connection: Connection, table: str, columns: Iterable[str]) -> Sequence[Any]:
    values = {"table": name(table), "columns": list(columns)}
    return connection.exec_driver_sql(statements.READ_UNIQUE_INDEXES, values).all()


def _units(column: Column) -> list[int]:
    most = min(INTEGERS[column.type], STOCK_QUANTITY_MAX)
    return [units for units in {*_UNITS, most} if 0 <= units <= most]


def _quantities(column: Column) -> list[str]:
    return [f"{units}::bigint" for units in _units(column) if 1 <= units <= QUANTITY_MAX]


def _ids(source: str, column: Column) -> list[str]:
    """Return ids that a column may come to have; null where not every one fits or there is none."""
    room = column.length or CHECKOUT_ID_LENGTH_MAX
    always = source == "checkout_id" and column.type in TEXTS and room >= CHECKOUT_ID_LENGTH_MAX
    none = [] if always else [f"NULL::{column.type}"]
    if column.type in INTEGERS:
        return [*none, f"1::{column.type}"]
    if column.type == "uuid":
        return [*none, "'00000000-0000-4000-8000-000000000001'::uuid"]
    return [*none, "'a'::text", f"{literal('a' * min(room, CHECKOUT_ID_LENGTH_MAX))}::text"]
