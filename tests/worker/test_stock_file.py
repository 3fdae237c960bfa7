"""A stock file is read as spreadsheets and shops write it; what is wrong with it names its line."""

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


@pytest.mark.parametrize("headings", ["sku,Qty", "Product Code,Units", "StockCode,quantity"])
def test_columns_are_known_by_the_names_that_order_files_have_for_them(headings: str):
    assert parse_stock(f"{headings}\nMUG-01,3\n").rows == (StockRow("MUG-01", "main", 3, ""),)


def test_a_column_of_the_very_name_comes_before_one_that_means_the_same():
    sheet = parse_stock("item,qty,sku,quantity\nblue mug,9,MUG-01,3\n")
    assert sheet.rows == (StockRow("MUG-01", "main", 3, ""),)


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
        ("A\x07B,1", "line 3: sku"),
        ("A" * 101 + ",1", "line 3: sku"),
        ("A", "line 3: quantity: is missing"),
        ("A,1,main", "line 3: has more cells than there are headings"),
        ("A,2.5", "line 3: quantity: '2.5' is not a whole number for certain"),
        ("GOOD,2", "line 3: GOOD at main stands on line 2 too"),
    ],
)
def test_a_bad_row_is_named_by_its_line(row: str, problem: str):
    with pytest.raises(StockFileInvalid) as raised:
        parse_stock(f"sku,quantity\nGOOD,1\n{row}\n")
    assert raised.value.problems[0].startswith(problem)


@pytest.mark.parametrize(
    "headings", ["sku", "quantity", "sku,amount", "sku,quantity,SKU", "sku,name,quantity,Name"]
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
    assert raised.value.problems[-1] == "and 5 more"


def test_a_byte_order_mark_is_no_part_of_the_first_heading(tmp_path: Path):
    file = tmp_path / "stock.csv"
    file.write_bytes("\ufeffsku,quantity\nA,1\n".encode())
    assert read_stock_file(file).rows[0].sku == "A"


def test_a_file_that_is_not_there_or_no_text_is_said_so(tmp_path: Path):
    with pytest.raises(StockFileInvalid, match="cannot be read"):
        read_stock_file(tmp_path / "missing.csv")
    workbook = tmp_path / "stock.xlsx"
    workbook.write_bytes(b"PK\x03\x04 and more")
    with pytest.raises(StockFileInvalid, match=r"Excel workbook.*save the table in it as CSV"):
        read_stock_file(workbook)


@pytest.mark.parametrize(
    "text",
    [
        "SKU,Quantity\nA,1\nB,1200\n",
        "Sku;QUANTITY\nA;1\nB;1200\n",
        "sep=;\nsku;quantity\nA;1\nB;1200\n",
        "sku\tquantity\nA\t1\nB\t1200\n",
        'sku,colour,quantity,price\nA,blue,1,"1,50"\nB,,1200,\n',
        "sku,quantity,\nA,1,\n,,\n\nB,1200,\n,,\n,,\n",
        "sku;quantity\nA;1,0000\nB;1200,0000\n",
        'sku,quantity\n="A",1\n" B ","1,200"\n',
        "sku,quantity\r\nA,1\r\nB,1 200\r\n",
    ],
    ids=["case", "semicolon", "sep", "tab", "extra", "empty", "decimals", "excel", "spaces"],
)
def test_what_spreadsheets_write_differently_is_read_as_it_is_meant(text: str):
    assert parse_stock(text).rows == (StockRow("A", "main", 1), StockRow("B", "main", 1200))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_names_are_read_in_the_encodings_that_files_come_in(tmp_path: Path, encoding: str):
    file = tmp_path / "stock.csv"
    file.write_bytes(
        "sku;quantity;name\nA;1;T\N{LATIN SMALL LETTER E WITH ACUTE}\n".encode(encoding)
    )
    assert read_stock_file(file).rows[0].name == "T\N{LATIN SMALL LETTER E WITH ACUTE}"


def test_more_rows_than_a_file_may_have_are_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("worker.stock_file.ROWS_MAX", 2)
    assert len(parse_stock("sku,quantity\nA,1\nB,1\n").rows) == 2
    with pytest.raises(StockFileInvalid, match="more than 2 rows; split it"):
        parse_stock("sku,quantity\nA,1\nB,1\nC,1\n")


def test_a_file_larger_than_a_file_may_be_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("worker.stock_file.FILE_BYTES_MAX", 10)
    file = tmp_path / "stock.csv"
    file.write_text("sku,quantity\nA,1\n")
    with pytest.raises(StockFileInvalid, match="split it"):
        read_stock_file(file)
