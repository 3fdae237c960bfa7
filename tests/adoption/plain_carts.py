"""A shop of carts alone: products and carts in plain tables, adopted for a while."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import psycopg

from activities.inventory.adoption import steps
from activities.inventory.adoption.plan import Plan
from activities.inventory.database.engine import open_engine

_TABLES: Final = """
CREATE TABLE public.products (id bigserial PRIMARY KEY, sku text NOT NULL UNIQUE);
CREATE TABLE public.carts (id bigint PRIMARY KEY);
CREATE TABLE public.cart_items (cart_id bigint, product_id bigint, quantity integer NOT NULL);
"""
_PLAN: Final[dict[str, Any]] = {
    "stock": {"table": "products", "sku": "sku"},
    "carts": {
        "table": "carts",
        "items": {
            "table": "cart_items",
            "cart": "cart_id",
            "product": "product_id",
            "quantity": "quantity",
        },
    },
}


@contextmanager
def adopted_carts(url: str, carts: Mapping[str, Mapping[str, int]]) -> Iterator[None]:
    """Let a shop have these carts, units by SKU, and be adopted until the block ends.

    Args:
        url: of the role that owns the ledger.
        carts: by id, which is a number.
    """
    plan = Plan.model_validate(_PLAN)
    engine = open_engine(url, connections_max=2, statement_timeout_ms=0)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_TABLES)
        for cart_id, lines in carts.items():
            connection.execute("INSERT INTO public.carts VALUES (%s)", [cart_id])
            for sku, quantity in lines.items():
                connection.execute(
                    "WITH made AS (INSERT INTO public.products (sku) VALUES (%s) RETURNING id) "
                    "INSERT INTO public.cart_items SELECT %s, id, %s FROM made",
                    [sku, cart_id, quantity],
                )
    try:
        steps.apply(engine, plan)
        yield
        steps.leave(engine, plan)
    finally:
        engine.dispose()
