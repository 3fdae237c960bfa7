"""Loading a whole stock file: totals are set, all or none, and a second run changes nothing."""

from __future__ import annotations

import pytest

from activities.inventory.errors import StockLoadRefused
from activities.inventory.records import StockLoad, StockRow
from tests.inventory.shop import Figures, Shop


def test_a_load_creates_what_is_new_and_sets_what_is_there(shop: Shop) -> None:
    shop.stock(MUG=10, CUP=3)
    assert shop.stock(MUG=8, CUP=3, PEN=7, HAT=0) == StockLoad(created=2, changed=1, unchanged=1)
    totals = [shop.figures(sku).total for sku in ("MUG", "CUP", "PEN", "HAT")]
    assert totals == [8, 3, 7, 0]
    assert shop.ledger.audit() == ()


def test_a_second_run_of_the_same_load_changes_nothing(shop: Shop) -> None:
    shop.stock(MUG=10, CUP=3)
    movements = shop.count("stock_movements")
    assert shop.stock(MUG=10, CUP=3) == StockLoad(created=0, changed=0, unchanged=2)
    assert shop.count("stock_movements") == movements


def test_a_load_leaves_what_is_reserved(shop: Shop) -> None:
    shop.stock(MUG=10)
    shop.hold("c1", MUG=4)
    shop.stock(MUG=4)
    assert shop.figures("MUG") == Figures(total=4, reserved=4, available=0)


def test_a_load_below_what_is_reserved_names_the_rows_and_loads_none(shop: Shop) -> None:
    shop.stock(MUG=10, CUP=10, PEN=10)
    shop.hold("c1", MUG=4, PEN=2)
    with pytest.raises(StockLoadRefused) as refused:
        shop.stock(HAT=5, MUG=3, CUP=1, PEN=1)
    assert refused.value.rows == ((1, 3, 4), (3, 1, 2))
    assert [shop.figures(sku).total for sku in ("MUG", "CUP", "PEN")] == [10, 10, 10]
    assert shop.ledger.availability(["HAT"]) == ()


def test_the_same_sku_at_two_locations_is_two_rows(shop: Shop) -> None:
    rows = [StockRow("MUG", "main", 1), StockRow("MUG", "attic", 2)]
    assert shop.ledger.load_stock(rows) == StockLoad(created=2, changed=0, unchanged=0)
    assert (shop.figures("MUG").total, shop.figures("MUG", "attic").total) == (1, 2)


def test_a_stock_item_given_twice_is_refused_and_nothing_is_loaded(shop: Shop) -> None:
    rows = [StockRow("MUG", "main", 1), StockRow("CUP", "main", 1), StockRow("MUG", "main", 2)]
    with pytest.raises(ValueError, match="MUG at main is given twice"):
        shop.ledger.load_stock(rows)
    assert shop.count("stock_items") == 0


def test_a_load_names_stock_items_and_an_empty_name_leaves_the_one_they_have(shop: Shop) -> None:
    shop.ledger.load_stock([StockRow("MUG", "main", 1, "A mug"), StockRow("CUP", "main", 1)])
    shop.ledger.load_stock([StockRow("MUG", "main", 2), StockRow("CUP", "main", 1, "A cup")])
    found = shop.ledger.availability(["MUG", "CUP"])
    assert {item.sku: item.name for item in found} == {"MUG": "A mug", "CUP": "A cup"}


def test_a_negative_quantity_is_refused(shop: Shop) -> None:
    with pytest.raises(StockLoadRefused):
        shop.stock(MUG=-1)
    assert shop.count("stock_items") == 0


def test_a_load_of_nothing_changes_nothing(shop: Shop) -> None:
    assert shop.ledger.load_stock([]) == StockLoad(created=0, changed=0, unchanged=0)


def test_a_large_file_is_one_load(shop: Shop) -> None:
    rows = [StockRow(f"SKU-{number}", "main", number) for number in range(5_000)]
    assert shop.ledger.load_stock(rows) == StockLoad(created=5_000, changed=0, unchanged=0)
    assert shop.ledger.audit() == ()
