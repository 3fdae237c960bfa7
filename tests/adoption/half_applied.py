"""Shops of which an apply was broken off when the first of their rows was in."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final

import psycopg
import pytest

from activities.inventory.adoption import steps
from tests.adoption.adopted import Adopted
from tests.adoption.conftest import OpenAdopted
from tests.adoption.test_adopting_again import Interrupted, interrupt
from tests.inventory.functions import rewrite_function

OpenSold = Callable[[str], Adopted]

_MAKE: Final = {
    "a": '%w[MUG CUP PEN].each { |sku| Product.create!(sku: sku, name: "P", stock_quantity: 10) }',
    "c": "for sku in ('MUG', 'CUP', 'PEN'):\n"
    "    product = Product.objects.create(sku=sku, name=sku, price=1)\n"
    "    Stock.objects.create(product=product, quantity=10)",
}


def half_applied(
    open_adopted: OpenAdopted, monkeypatch: pytest.MonkeyPatch, letter: str
) -> Adopted:
    """Open a shop with a mug, a cup and a pen. Since `leave` three cups and one pen were sold.

    It is adopted again, and that was broken off when the mug was in.
    """
    shop = open_adopted(letter)
    shop.code(_MAKE[letter])
    shop.adopt()
    steps.leave(shop.engine, shop.plan)
    shop.reserve("c1", CUP=3, PEN=1)
    shop.close("c1")
    monkeypatch.setattr(steps, "PAGE_ROWS_MAX", 1)
    with pytest.raises(Interrupted):
        steps.apply(shop.engine, shop.plan, interrupt)
    return shop


@contextmanager
def apply_held_before(shop: Adopted, function: str, statement: str) -> Iterator[None]:
    """Let an apply stand still before a statement of a function, and go on afterwards."""
    gated = f"PERFORM pg_advisory_xact_lock_shared(1); {statement}"
    rewrite_function(shop.engine, function, statement, gated)
    with psycopg.connect(shop.superuser_url) as gate, ThreadPoolExecutor() as threads:
        gate.execute("SELECT pg_advisory_xact_lock(1)")
        apply = threads.submit(shop.adopt)
        while not shop.owner("SELECT FROM pg_stat_activity WHERE wait_event = 'advisory'"):
            time.sleep(0.005)
        yield
        gate.rollback()
        apply.result()


def figures(shop: Adopted) -> dict[str, int]:
    """Return what there is of each SKU in the ledger."""
    return dict(shop.owner("SELECT sku, total_quantity FROM holdfast.stock_items"))
