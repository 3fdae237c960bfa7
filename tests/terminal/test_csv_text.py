"""CSV that a spreadsheet opens without running any of it, and that is read back as it was."""

from __future__ import annotations

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast_client.spreadsheets.csv_text import csv_text, read_cell

RUN_BY_SPREADSHEETS = ("=", "+", "-", "@", "\t", "\r", "\n", "\N{FULLWIDTH EQUALS SIGN}")


def cells_of(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


@pytest.mark.parametrize("sign", RUN_BY_SPREADSHEETS)
def test_a_cell_that_a_spreadsheet_would_run_is_text(sign: str) -> None:
    ((cell, beside),) = cells_of(csv_text([(f'{sign}cmd|"/c calc"!A1', "MUG")]))
    assert cell.startswith("'")
    assert beside == "MUG"


@pytest.mark.parametrize("number", ["-3", "+4", "-2.5", "-2,5", "12"])
def test_a_number_stays_a_number(number: str) -> None:
    assert cells_of(csv_text([("x", number)])) == [["x", number]]


def test_a_row_begins_with_no_signed_number_that_what_comes_after_could_go_on() -> None:
    """Where commas are decimal marks, this is -3.5 and what follows."""
    assert csv_text([("-3", "5+cmd|x")]) == "'-3,5+cmd|x\n"


@pytest.mark.parametrize("disguised", ["-1+cmd|'/c calc'!A1", "--1", "+1-1", "-1 ", "-"])
def test_what_only_begins_as_a_number_is_text(disguised: str) -> None:
    assert cells_of(csv_text([("x", disguised)])) == [["x", "'" + disguised]]


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("x;=1+1;", "x;'=1+1;"),
        ("x\t=1+1", "x\t'=1+1"),
        ("x\n@SUM(A1)", "x\n'@SUM(A1)"),
        ('x;"=1+1', "x;'\"=1+1"),
        ("x;'=1+1", "x;''=1+1"),
        ("a-b; c = d", "a-b; c = d"),
    ],
)
def test_a_formula_inside_a_cell_is_text_to_whom_semicolons_part_cells(
    cell: str, written: str
) -> None:
    assert cells_of(csv_text([("2026-01-31", cell)])) == [["2026-01-31", written]]
    assert read_cell(written) == cell


CELLS = st.lists(st.text("'=+-@\t\r\n,;\"1a \uff1d"), min_size=1)
NUMBER = re.compile(r"[+-]?[0-9]+([.,][0-9]+)?")


@given(CELLS)
def test_what_was_written_is_read_back(row: list[str]) -> None:
    (written,) = cells_of(csv_text([row]))
    assert [read_cell(cell) for cell in written] == row


@given(st.lists(CELLS, min_size=1))
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_no_cell_is_a_formula_whatever_a_spreadsheet_parts_them_at(
    delimiter: str, rows: list[list[str]]
) -> None:
    text = csv_text(rows)
    # As a spreadsheet reads it: at the delimiter and the ends of lines, whatever is quoted oddly.
    for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
        for cell in row:
            begins = cell.lstrip("\t\r\n")[:1]
            is_number = delimiter == "," and NUMBER.fullmatch(cell)
            assert is_number or begins not in {"=", "+", "-", "@", "\uff1d"}, (text, cell)
