"""What stands in the way of a plan's carts and holds."""

from __future__ import annotations

from collections.abc import Iterator

from activities.inventory.adoption.catalogue import Catalogue, Table
from activities.inventory.adoption.linked_script import INTEGERS, TEXTS, can_take
from activities.inventory.adoption.plan import Carts, Holds, Plan
from activities.inventory.adoption.table_obstacles import (
    Right,
    missing,
    of_type,
    reference_obstacles,
    table_obstacles,
)
from holdfast_client.contract.fields import CHECKOUT_ID_LENGTH_MAX


def linked_obstacles(plan: Plan, catalogue: Catalogue) -> Iterator[str]:
    """Return what stands in the way of the plan's carts and holds."""
    if plan.holds:
        yield from _holds(plan.holds, catalogue, is_switched=bool(plan.stock.reserved))
    if plan.carts:
        yield from _carts(plan.carts, catalogue)


def _holds(holds: Holds, catalogue: Catalogue, *, is_switched: bool) -> Iterator[str]:
    rights: tuple[Right, ...] = ("select", "insert", "update", "delete")
    yield from table_obstacles(holds.table, catalogue, rights, is_switched=is_switched)
    table = catalogue.get(holds.table)
    if table is None:
        return
    yield from missing(table, "holds.product", holds.product)
    yield from _whole_number(table, "holds.quantity", holds.quantity)
    yield from of_type(table, "holds.expires_at", holds.expires_at, "timestamp")
    for column, source in holds.others.items():
        yield from _other(table, column, source)
    key = table.columns.get(table.primary_key or "")
    if key is None or not key.has_default:
        yield f"{holds.table} has no primary key of one column that fills itself"
    elif not key.may_count:
        yield f"this role may not use the sequence of {holds.table}: GRANT USAGE ON SEQUENCE"
    if table.row.other_unique:
        yield (
            f"the index {table.row.other_unique} lets {holds.table} have a row only once; two "
            "checkouts of one buyer would be two"
        )
    filled = {holds.product, holds.quantity, holds.expires_at, *holds.others}
    for name, each in table.columns.items():
        if each.is_required and not each.has_default and name not in filled:
            yield f"holds: {holds.table}.{name} must be filled: say where it comes from"


def _other(table: Table, name: str, source: str) -> Iterator[str]:
    yield from missing(table, "holds", name)
    column = table.columns.get(name)
    if column is None:
        return
    if source == "held_at":
        yield from of_type(table, "holds", name, "timestamp")
        return
    if not can_take(column):
        yield f"holds: {table.name}.{name} is {column.type}, which no id fits"
    yield from reference_obstacles(table, "holds", name)
    always_fits = source == "checkout_id" and (
        column.type in TEXTS and (column.length or CHECKOUT_ID_LENGTH_MAX) >= CHECKOUT_ID_LENGTH_MAX
    )
    if column.is_required and not always_fits:
        yield f"holds: {table.name}.{name} must not be null, and not every {source} fits it"


def _carts(carts: Carts, catalogue: Catalogue) -> Iterator[str]:
    if carts.table:
        rights: tuple[Right, ...] = (
            ("select", "update") if carts.status or carts.updated_at else ("select",)
        )
        yield from table_obstacles(carts.table, catalogue, rights)
    table = catalogue.get(carts.table or "")
    if table:
        yield from _cart_columns(table, carts)
    if not carts.items:
        return
    yield from table_obstacles(carts.items.table, catalogue, ("select", "update", "delete"))
    if items := catalogue.get(carts.items.table):
        yield from missing(items, "carts.items.cart", carts.items.cart)
        yield from missing(items, "carts.items.product", carts.items.product)
        yield from _whole_number(items, "carts.items.quantity", carts.items.quantity)


def _cart_columns(table: Table, carts: Carts) -> Iterator[str]:
    if not table.primary_key:
        yield f"{table.name} has no primary key of one column"
    yield from missing(table, "carts.key", carts.key)
    key = table.columns.get(carts.key)
    if key and not can_take(key):
        yield f"carts.key: {table.name}.{carts.key} is {key.type}, which no cart_id fits"
    yield from reference_obstacles(table, "carts.key", carts.key)
    if carts.customer:
        yield from missing(table, "carts.customer", carts.customer)
    if carts.updated_at:
        yield from of_type(table, "carts.updated_at", carts.updated_at, "timestamp")
    if carts.status:
        yield from missing(table, "carts.status", carts.status)
        # The ledger sets words without a look: it is `check` that asks whether they are there.
        yield from reference_obstacles(table, "carts.status", carts.status)
        status = table.columns.get(carts.status)
        if status and status.type not in TEXTS:
            yield f"carts.status: {table.name}.{carts.status} is {status.type}, and must be text"


def _whole_number(table: Table, field: str, name: str) -> Iterator[str]:
    yield from missing(table, field, name)
    column = table.columns.get(name)
    if column and column.type not in INTEGERS:
        yield f"{field}: {table.name}.{name} is {column.type}, and must be a whole number"
