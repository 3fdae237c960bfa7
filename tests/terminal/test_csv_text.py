"""CSV that a spreadsheet opens without running any of it, and that is read back as it was."""

from __future__ import annotations

import csv
import io

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
    assert cells_of(csv_text([(number,)])) == [[number]]


@pytest.mark.parametrize("disguised", ["-1+cmd|'/c calc'!A1", "--1", "+1-1", "-1 ", "-"])
def test_what_only_begins_as_a_number_is_text(disguised: str) -> None:
    assert cells_of(csv_text([(disguised,)])) == [["'" + disguised]]


@given(st.lists(st.text("'=+-@\t\r\n,;\"1a \uff1d"), min_size=1))
def test_what_was_written_is_read_back(row: list[str]) -> None:
    (written,) = cells_of(csv_text([["x", *row]]))
    assert [read_cell(cell) for cell in written[1:]] == row
