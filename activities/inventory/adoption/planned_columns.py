"""Which tables and columns a plan's SQL has by their names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from activities.inventory.adoption.catalogue import Catalogue
from activities.inventory.adoption.plan import Carts, Holds, Plan, Stock, template_columns
from activities.inventory.adoption.quoting import name


def own_columns(stock: Stock) -> list[str]:
    """Return what of a row of stock is followed: its key, its words and its figures."""
    words = [each for each in (stock.name, stock.active) if isinstance(each, str)]
    links = [each.via for each in stock.elsewhere]
    figures = stock.figures.values()
    return list(dict.fromkeys([stock.key, *sku_columns(stock), *links, *words, *figures]))


def sku_columns(stock: Stock) -> Sequence[str]:
    """Return what of a row of stock says its SKU, or where that stands."""
    return template_columns(stock.sku) if isinstance(stock.sku, str) else (stock.sku.via,)


def viewed_columns(stock: Stock, catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    """Return the tables and columns that stand in the view of the shop's rows, as pairs."""
    yield from _of(stock.table, *own_columns(stock))
    for each in stock.elsewhere:
        yield from _of(each.table, catalogue[each.table].primary_key, each.column)


def planned_columns(plan: Plan, catalogue: Catalogue) -> list[tuple[str, str]]:
    """Return the tables and columns that stand in functions, which no new name changes.

    Returns:
        Pairs of a table, quoted, and a column of it; those too that foreign keys refer to.
    """
    return list(dict.fromkeys(_all(plan, catalogue)))


def _all(plan: Plan, catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    yield from viewed_columns(plan.stock, catalogue)
    yield from _of(plan.stock.table, plan.stock.updated_at)
    if plan.holds:
        yield from _of_holds(plan.holds, catalogue)
    if plan.carts:
        yield from _of_carts(plan.carts, catalogue)


def _of_holds(holds: Holds, catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    key = catalogue[holds.table].primary_key
    own = (holds.product, holds.quantity, holds.expires_at)
    yield from _of(holds.table, key, *own, *holds.others)
    for column, source in holds.others.items():
        if source != "held_at":
            yield from _referred_to(holds.table, column, catalogue)


def _of_carts(carts: Carts, catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    if carts.table:
        own = (carts.key, carts.customer, carts.status, carts.updated_at)
        yield from _of(carts.table, catalogue[carts.table].primary_key, *own)
        yield from _referred_to(carts.table, carts.key, catalogue)
    if carts.items:
        items = carts.items
        key = catalogue[items.table].primary_key
        yield from _of(items.table, key, items.cart, items.product, items.quantity)


def _of(table: str, *columns: str | None) -> Iterator[tuple[str, str]]:
    yield from ((name(table), column) for column in columns if column)


def _referred_to(table: str, column: str, catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    if referred := catalogue[table].columns[column].refers_to:
        yield referred["table"], referred["column"]
