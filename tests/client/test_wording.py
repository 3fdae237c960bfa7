"""How goods, people and times are said: short, whole words first, and never too long."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast_client.contract.outcomes import HeldLine
from holdfast_client.contract.wording import (
    GOODS_LENGTH_MAX,
    GOODS_LINES_MAX,
    buyer,
    duration,
    goods,
    grace_at_cap,
    over_cap,
    summary,
    units,
)

# What Temporal takes as a summary, in bytes of JSON.
SUMMARY_BYTES_MAX = 400
FACE = "\N{GRINNING FACE}"


def lines(*wanted: tuple[str, int], location: str = "main") -> tuple[HeldLine, ...]:
    return tuple(HeldLine(sku=sku, location=location, quantity=n) for sku, n in wanted)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ([("A", 1)], "1 unit of 1 SKU"),
        ([("A", 2)], "2 units of 1 SKU"),
        ([("A", 2), ("B", 1)], "3 units of 2 SKUs"),
        ([("A", 1_000_000), ("B", 1_000_000)], "2,000,000 units of 2 SKUs"),
    ],
)
def test_units_are_counted_as_people_say_it(wanted: list[tuple[str, int]], words: str) -> None:
    assert units(lines(*wanted)) == words


def test_goods_are_named_and_a_special_place_with_them() -> None:
    assert goods(lines(("MUG-01", 2), ("TEAPOT-01", 1_000))) == "2 MUG-01, 1,000 TEAPOT-01"
    assert goods(lines(("MUG-01", 2), location="north")) == "2 MUG-01 at north"


def test_of_many_goods_the_first_are_named_and_the_rest_is_counted() -> None:
    many = lines(*((f"SKU-{n}", 1) for n in range(GOODS_LINES_MAX + 1)))
    assert goods(many) == "1 SKU-0, 1 SKU-1, 1 SKU-2 and 1 more line"
    long = lines(*((f"{n}{'x' * 30}", 1) for n in range(3)))
    assert goods(long) == f"1 0{'x' * 30} and 2 more lines"
    assert len(goods(long)) < GOODS_LENGTH_MAX


def test_skus_that_look_alike_are_told_apart_however_long_they_are() -> None:
    blue, red = (f"ENAMEL-MUG-{'X' * 60}-{colour}" for colour in ("BLUE", "REDX"))
    assert goods(lines((blue, 1), (red, 2))) == f"1 {blue} and 1 more line"
    assert goods(lines((red, 2), location="north")) == f"2 {red} at north"
    assert summary(f"Held until tomorrow unless paid: 1 {blue}").endswith(blue)


def test_a_refused_extension_says_durations_as_they_are_typed() -> None:
    assert over_cap(14_400, 13_500) == (
        "the hold would last longer than the 4h allowed in all; at most 3h45m can be added"
    )
    assert over_cap(14_400, 0).endswith("the 4h allowed in all; it cannot be extended any more")
    assert grace_at_cap(1_800).endswith("as long as is allowed already: 30m after its deadline")


def test_a_buyer_with_a_long_name_is_cut() -> None:
    assert buyer("u-17") == " for u-17"
    assert buyer(None) == ""
    assert len(buyer("x" * 200)) < 30


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0s"),
        (90, "1m30s"),
        (600, "10m"),
        (5_400, "1h30m"),
        (90_061, "1d1h1m1s"),
        (86_400_000, "1000d"),
        (-120, "-2m"),
        (59.6, "1m"),
    ],
)
def test_a_duration_is_written_as_it_is_typed(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_summary_fits_and_is_the_text_or_its_beginning(text: str) -> None:
    cut = summary(text)
    assert len(json.dumps(cut)) <= SUMMARY_BYTES_MAX
    assert cut == text or text.startswith(cut.removesuffix("..."))


def test_a_text_that_is_cut_fills_the_room_there_is() -> None:
    assert len(summary("x" * 1_000)) > 350
    assert len(json.dumps(summary(FACE * 500))) > 350


@given(st.integers(0, 60), st.integers(300, 400))
def test_a_text_is_cut_between_words(length: int, before: int) -> None:
    sku = "ENAMEL-MUG-" + "X" * length
    text = f"{'word ' * (before // 5)}{sku} (sam: bank is slow)"
    *whole, end = summary(text).split(" ")
    assert end in {"...", "slow)"}
    assert whole == text.split(" ")[: len(whole)]


def test_after_a_whole_word_stands_a_space() -> None:
    text = "A" * 375 + " " + "B" * 9
    assert summary(text) == "A" * 375 + " ..."
