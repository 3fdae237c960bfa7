"""The stock file covers the wanted share of the orders' demand, and is never written over."""

from __future__ import annotations

import csv
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast_client.cli.orders.reading import Order
from holdfast_client.cli.replay.stock_file import cover_demand, stock_text, write_new
from holdfast_client.contract.errors import InvalidRequest


def orders(**demand: int) -> list[Order]:
    return [Order(sku, ((sku, quantity),)) for sku, quantity in demand.items()]


def test_demand_is_summed_over_lines_and_orders() -> None:
    taken = [Order("1", (("MUG", 2), ("MUG", 3))), Order("2", (("MUG", 5),))]
    cover = cover_demand(taken, 1)
    assert cover.quantities == {"MUG": 10}
    assert cover.demand_units == 10


def test_a_share_of_many_single_units_is_not_rounded_away() -> None:
    cover = cover_demand(orders(**{f"SKU{n:02}": 1 for n in range(10)}), 0.9)
    assert cover.units == 9
    assert sorted(cover.quantities.values()) == [0] + [1] * 9


@given(
    demand=st.dictionaries(st.text("ABCDEF", min_size=1), st.integers(1, 5_000), max_size=30),
    hundredths=st.integers(0, 250),
)
def test_the_total_is_the_share_and_each_sku_is_within_one_unit_of_its_own(
    demand: dict[str, int], hundredths: int
) -> None:
    share = Fraction(hundredths, 100)
    cover = cover_demand(orders(**demand), hundredths / 100)
    assert cover.units == round(sum(demand.values()) * share)
    assert set(cover.quantities) == set(demand)
    for sku, quantity in cover.quantities.items():
        assert quantity >= 0
        assert abs(quantity - demand[sku] * share) < 1


def test_more_stock_than_one_item_may_have_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="cover"):
        cover_demand(orders(MUG=2_000_000), 1000)


def test_the_file_has_the_columns_that_the_stock_load_reads(tmp_path: Path) -> None:
    path = tmp_path / "stock.csv"
    cover = cover_demand(orders(MUG=10, CUP=3), 1)
    write_new(path, stock_text(cover, {"MUG": 'Mug, 12"'}), force=False)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows == [
        {"sku": "CUP", "quantity": "3", "location": "main", "name": ""},
        {"sku": "MUG", "quantity": "10", "location": "main", "name": 'Mug, 12"'},
    ]


def test_a_file_that_exists_is_written_over_only_by_force(tmp_path: Path) -> None:
    path = tmp_path / "stock.csv"
    path.write_text("precious")
    with pytest.raises(InvalidRequest, match="--force"):
        write_new(path, "new", force=False)
    assert path.read_text() == "precious"
    write_new(path, "new", force=True)
    assert path.read_text() == "new"


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="cannot be written"):
        write_new(tmp_path / "missing" / "stock.csv", "new", force=False)
