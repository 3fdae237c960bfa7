"""A shop's own table of products, as it would be adopted, and a shop that goes on writing to it."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import psycopg

from activities.inventory.adoption.plan import Plan
from benchmarks.ledger.crowd import repeating

PLAN: Final = Plan.model_validate(
    {
        "stock": {
            "table": "products",
            "sku": "sku",
            "name": "name",
            "total": "stock_quantity",
            "reserved": "reserved_quantity",
            "updated_at": "updated_at",
        },
        "writes": {"total": "shared", "reserved": "shared"},
    }
)
_TABLE: Final = """
CREATE TABLE public.products (
    id bigserial PRIMARY KEY, name varchar NOT NULL, sku varchar NOT NULL UNIQUE,
    stock_quantity integer NOT NULL DEFAULT 0, reserved_quantity integer NOT NULL DEFAULT 0,
    updated_at timestamp NOT NULL DEFAULT now())
"""
_NUMBERED: Final = """
INSERT INTO public.products (name, sku, stock_quantity, reserved_quantity)
SELECT 'Product ' || n, 'SKU-' || n, 10 + mod(n, 90), mod(n, 5) FROM generate_series(1, %s) AS n
"""
_NAMED: Final = """
INSERT INTO public.products (name, sku, stock_quantity)
SELECT sku, sku, %s FROM unnest(%s::text[]) AS sku
"""
_WRITE: Final = """
UPDATE public.products SET stock_quantity = stock_quantity + 1, updated_at = now() WHERE id = %s
"""
# Between two writes of the shop's.
_PAUSE_SECONDS: Final = 0.005


def make_products(url: str, count: int) -> None:
    """Make the table with so many products, some of them reserved."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_TABLE)
        connection.execute(_NUMBERED, [count])
        connection.execute("ANALYZE public.products")


def make_named_products(url: str, skus: Sequence[str], total: int) -> None:
    """Make the table with these SKUs, so many units of each."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_TABLE)
        connection.execute(_NAMED, [total, list(skus)])


@contextmanager
def writing(url: str, count: int) -> Iterator[list[float]]:
    """Let the shop change products, one after the other, and lend how long each took, in seconds.

    Args:
        url: of its database.
        count: how many products there are.
    """
    chance = random.Random(1)  # noqa: S311  # which product, no secret
    with psycopg.connect(url, autocommit=True) as connection:

        def write() -> None:
            connection.execute(_WRITE, [chance.randint(1, count)])

        with repeating(write, _PAUSE_SECONDS) as waits:
            yield waits
