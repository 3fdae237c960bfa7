"""A stock file is loaded whole or not at all, and whatever is wrong with it names its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from activities.inventory.records import StockRow
from worker.stock_file import PROBLEMS_LISTED_MAX, StockFileInvalid, parse_stock, read_stock_file


def test_sku_and_quantity_are_enough():
    assert parse_stock("sku,quantity\nMUG-01,3\n").rows == (StockRow("MUG-01", "main", 3, ""),)


def test_location_and_name_may_be_given_in_any_order_of_columns():
    sheet = parse_stock('name,location,quantity,sku\n"Mug, blue",shop,3,MUG-01\n')
    assert sheet.rows == (StockRow("MUG-01", "shop", 3, "Mug, blue"),)


def test_an_empty_location_is_main():
    assert parse_stock("sku,quantity,location\nA,1,\n").rows[0].location == "main"


def test_a_quoted_name_over_two_lines_does_not_shift_the_line_numbers():
    with pytest.raises(StockFileInvalid, match=r"^line 4: quantity"):
        parse_stock('sku,quantity,name\nA,1,"x ""y"""\nB,2,"z"\nC,-1,w\n')


def test_blank_lines_are_no_rows():
    assert parse_stock("sku,quantity\n\nA,1\n\n").lines == (3,)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("A,-1", "line 3: quantity"),
        ("A,1.5", "line 3: quantity"),
        ("A,1e3", "line 3: quantity"),
        ("A,", "line 3: quantity"),
        ("A,many", "line 3: quantity"),
        ("A,1000000001", "line 3: quantity"),
        ("A,99999999999999999999999", "line 3: quantity"),
        ("A,٣", "line 3: quantity"),
        (",1", "line 3: sku"),
        (" A,1", "line 3: sku"),
        ("A\x07B,1", "line 3: sku"),
        ("A" * 101 + ",1", "line 3: sku"),
        ("A", "line 3: expected as many cells"),
        ("A,1,main,x,y", "line 3: expected as many cells"),
        ("GOOD,2", "line 3: GOOD at main stands on line 2 too"),
    ],
)
def test_a_bad_row_is_named_by_its_line(row: str, problem: str):
    with pytest.raises(StockFileInvalid) as raised:
        parse_stock(f"sku,quantity\nGOOD,1\n{row}\n")
    assert raised.value.problems[0].startswith(problem)


@pytest.mark.parametrize(
    "headings", ["", "sku", "quantity", "sku,amount", "sku,quantity,colour", "sku,quantity,sku"]
)
def test_wrong_headings_are_shown_beside_the_right_ones(headings: str):
    with pytest.raises(StockFileInvalid, match="line 1: the headings must be sku,quantity"):
        parse_stock(f"{headings}\nA,1\n")


def test_a_file_without_rows_is_refused():
    with pytest.raises(StockFileInvalid, match="no rows"):
        parse_stock("sku,quantity\n")


def test_all_bad_rows_are_named_up_to_a_limit():
    rows = "".join(f"S{number},x\n" for number in range(PROBLEMS_LISTED_MAX + 5))
    with pytest.raises(StockFileInvalid) as raised:
        parse_stock("sku,quantity\n" + rows)
    assert raised.value.problems[-1] == "and 5 more problems"


def test_a_byte_order_mark_is_no_part_of_the_first_heading(tmp_path: Path):
    file = tmp_path / "stock.csv"
    file.write_bytes("\ufeffsku,quantity\nA,1\n".encode())
    assert read_stock_file(file).rows[0].sku == "A"


def test_a_file_that_is_not_there_or_not_text_is_said_so(tmp_path: Path):
    with pytest.raises(StockFileInvalid, match="cannot be read"):
        read_stock_file(tmp_path / "missing.csv")
    binary = tmp_path / "binary.csv"
    binary.write_bytes(b"sku,quantity\n\xff\xfe,1\n")
    with pytest.raises(StockFileInvalid, match="not UTF-8"):
        read_stock_file(binary)
