"""Whole numbers as spreadsheets write them, read by what the whole column shows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast_client.spreadsheets.whole_numbers import style_of


def read(*cells: str) -> list[int | None]:
    style = style_of(cells)
    return [style.read(cell) for cell in cells]


@pytest.mark.parametrize(
    ("cells", "numbers"),
    [
        (["2", "-3", "+4", "\N{MINUS SIGN}5", " 6 "], [2, -3, 4, -5, 6]),
        (["2.0", "6.", "7.0000"], [2, 6, 7]),
        (["2,0000", "12,0000"], [2, 12]),
        (["1,250", "3"], [1250, 3]),
        (["1.250", "3"], [1250, 3]),
        (["1,000,000", "1,000"], [1_000_000, 1000]),
        (["1.234,00", "2,00"], [1234, 2]),
        (["1,234.00", "12.00"], [1234, 12]),
        (["1.234,000", "2,000"], [1234, 2]),
        (["1 000", "1\N{NO-BREAK SPACE}000", "1\N{NARROW NO-BREAK SPACE}000"], [1000] * 3),
        (["1'000", "1\N{RIGHT SINGLE QUOTATION MARK}000'000"], [1000, 1_000_000]),
        (["1,000", "5"], [1000, 5]),
        (["1.000", "5"], [1000, 5]),
        (["2,000", "0,000"], [2, 0]),
        (["0", "007"], [0, 7]),
    ],
)
def test_a_column_of_whole_numbers_is_read_however_it_is_written(
    cells: list[str], numbers: list[int]
) -> None:
    assert read(*cells) == numbers


@pytest.mark.parametrize(
    "cell",
    [
        "",
        "two",
        "2.5",
        "2,5",
        "1_0",
        "٣",
        "1e3",
        "2 pcs",
        "1,00,0",
        "--2",
        "9" * 5000,
        ".",
        ",",
        "12 34",
        "12 3456",
    ],
)
def test_what_is_no_whole_number_is_none(cell: str) -> None:
    assert read(cell, "4") == [None, 4]


@pytest.mark.parametrize("cells", [["1,000"], ["2.000", "3.000"], ["1.000", "1,000"]])
def test_what_may_be_two_or_two_thousand_is_not_guessed(cells: list[str]) -> None:
    assert read(*cells) == [None] * len(cells)


@pytest.mark.parametrize("odd", ["2,5", "2,0000"])
def test_one_odd_cell_makes_no_thousand_a_single_unit(odd: str) -> None:
    assert read("1,000", "5", odd)[:2] == [None, 5]


def test_weights_in_three_decimals_are_no_thousands() -> None:
    assert read("1,250", "0,750") == [None, None]


@given(
    numbers=st.lists(st.integers(-(10**9), 10**9), min_size=1),
    style=st.sampled_from(["", "0", "00", "0000"]),
)
def test_decimals_that_are_zero_change_no_number(numbers: list[int], style: str) -> None:
    for mark in ".,":
        assert read(*(f"{number}{mark if style else ''}{style}" for number in numbers)) == numbers


@given(numbers=st.lists(st.integers(-(10**9), 10**9), min_size=1))
def test_thousands_that_are_parted_change_no_number(numbers: list[int]) -> None:
    plain = [f"{number:,}" for number in numbers]
    for mark in ",.":
        # One number below a thousand shows that the mark is no part of each.
        assert read("7", *(text.replace(",", mark) for text in plain)) == [7, *numbers]


@given(st.lists(st.text(alphabet="0123456789.,- x", max_size=9)))
def test_whatever_a_column_holds_reading_never_fails(cells: list[str]) -> None:
    read(*cells)
