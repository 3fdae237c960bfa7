"""The benchmark of an order file takes one of any size."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from activities.inventory.database.engine import open_engine
from activities.inventory.ledger import LOAD_ROWS_MAX, Ledger
from benchmarks.stack.orders import OrdersContender
from tests.inventory.databases import fresh_database


def test_more_skus_are_stocked_than_one_load_takes(
    postgres_url: str, template: str, tmp_path: Path
):
    path = tmp_path / "orders.csv"
    rows = [f"{n // 500},SKU-{n},10\n" for n in range(LOAD_ROWS_MAX + 1)]
    path.write_text("".join(["order,sku,quantity\n", *rows]))
    with fresh_database(postgres_url, template) as url:
        site: Any = SimpleNamespace(stack=SimpleNamespace(postgres=SimpleNamespace(url=url)))
        OrdersContender(site, path).prepare()
        engine = open_engine(url, connections_max=1)
        (last,) = Ledger(engine).availability([f"SKU-{LOAD_ROWS_MAX}"])
        engine.dispose()
    assert last.total == 9
