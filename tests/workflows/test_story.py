"""The words in the Web UI: short enough, cut where long, and never markup of a stranger's."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.inventory.records import Closing
from holdfast_client.messages import CheckoutRequest, Line, StockAdjustment
from holdfast_client.outcomes import Cancelled, Denied, Held, HeldLine, Shortage
from workflows import story
from workflows.lifecycle import Checkout
from workflows.policies import LINES_SHOWN_MAX

# What Temporal takes as a summary, in bytes of JSON.
SUMMARY_BYTES_MAX = 400
NOW = datetime(2031, 3, 14, 9, 26, 53, tzinfo=UTC)
FACE = "\N{GRINNING FACE}"


def held(*lines: tuple[str, int]) -> Held:
    return Held(
        expires_at=NOW,
        lines=tuple(HeldLine(sku=sku, location="main", quantity=n) for sku, n in lines),
    )


def checkout(line_count: int) -> Checkout:
    lines = tuple(Line(sku=f"SKU-{number:04d}", quantity=1) for number in range(line_count))
    return Checkout(CheckoutRequest(checkout_id="cart-42", lines=lines))


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([("A", 1)], "1 unit of 1 SKU"),
        ([("A", 2)], "2 units of 1 SKU"),
        ([("A", 2), ("B", 1)], "3 units of 2 SKUs"),
        ([("A", 1_000_000), ("B", 1_000_000)], "2,000,000 units of 2 SKUs"),
    ],
)
def test_units_are_counted_as_people_say_it(lines: list[tuple[str, int]], words: str):
    assert story.units(held(*lines).lines) == words


def test_the_timer_says_what_who_and_when():
    assert story.timer_summary(held(("A", 3)), "u-17") == (
        "Hold of 3 units of 1 SKU for u-17 ends 2031-03-14 09:26:53 UTC unless paid"
    )
    assert "for" not in story.timer_summary(held(("A", 3)), None)


def test_a_closing_says_which_and_why():
    assert story.closing_summary(Closing("a", "fulfilled", payment_reference="pay_1")) == (
        "Fulfil: paid (pay_1)"
    )
    assert story.closing_summary(Closing("a", "cancelled", reason="no")) == (
        "Cancel: give the stock back (no)"
    )
    assert story.closing_summary(Closing("a", "expired")) == "Expire: give the stock back"


@pytest.mark.parametrize("character", ["x", '"', "\\", "\u00fc", "\u4e2d", FACE])
@pytest.mark.parametrize("length", [1, 30, 200, 500])
def test_every_summary_fits_whatever_it_is_made_of(character: str, length: int):
    text = character * length
    summaries = [
        story.timer_summary(held(("A", 3)), text[:200]),
        story.closing_summary(Closing("a", "cancelled", reason=text)),
        story.closing_summary(Closing("a", "fulfilled", payment_reference=text)),
        story.extend_summary(60, text),
        story.adjustment_summary(
            StockAdjustment(
                adjustment_id="a", sku=text[:100], kind="receive", quantity=1, reason=text
            )
        ),
    ]
    assert max(len(json.dumps(summary)) for summary in summaries) <= SUMMARY_BYTES_MAX


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_summary_fits_and_is_the_text_or_its_beginning(text: str):
    summary = story.summary(text)
    assert len(json.dumps(summary)) <= SUMMARY_BYTES_MAX
    assert summary == text or text.startswith(summary.removesuffix("..."))


def test_a_text_that_is_cut_fills_the_room_there_is():
    assert len(story.summary("x" * 1_000)) > 350
    assert len(json.dumps(story.summary(FACE * 500))) > 350


def test_a_long_table_is_cut_and_says_how_much_is_missing():
    details = story.details(checkout(LINES_SHOWN_MAX + 3))
    assert details.count("| SKU-") == LINES_SHOWN_MAX
    assert "... and 3 more lines" in details


def test_a_table_that_just_fits_is_not_cut():
    assert "more lines" not in story.details(checkout(LINES_SHOWN_MAX))


def test_of_a_long_story_the_latest_entries_are_shown():
    subject = checkout(1)
    for number in range(LINES_SHOWN_MAX + 5):
        subject.note(NOW, f"event-{number:03d}")
    details = story.details(subject)
    assert f"event-{LINES_SHOWN_MAX + 4:03d}" in details
    assert "event-004" not in details
    assert "... after 5 earlier entries" in details


def test_the_details_of_a_denial_say_what_is_short():
    subject = checkout(1)
    short = {"location": "main", "requested": 5}
    shortages = [
        Shortage.model_validate({"sku": sku, "available": left, "reason": reason, **short})
        for sku, left, reason in (
            ("A", 2, "insufficient"),
            ("B", 0, "unknown_sku"),
            ("C", 0, "inactive"),
        )
    ]
    subject.settle(Denied(shortages=tuple(shortages)), None, NOW)
    details = story.details(subject)
    assert "**denied**: A: 5 asked, 2 free; B: unknown SKU; C: not for sale" in details
    assert "| A | main | 5 | 2 |" in details


@pytest.mark.parametrize(
    "markup",
    ["**bold**", "[click](https://evil)", "<b>x</b>", "`code`", "a | b", "# title", "_x_", "\\"],
)
def test_what_strangers_wrote_is_never_markup(markup: str):
    subject = checkout(1)
    subject.note(NOW, "cancelled", actor=markup, reason=markup)
    subject.settle(Cancelled(reason=markup, actor=markup, at=NOW), None, NOW)
    details = story.details(subject)
    escaped = "".join(f"\\{c}" if c in "\\`*_[]<>|#" else c for c in markup)
    own_markup = details.replace(escaped, "")
    assert escaped in details
    assert markup not in own_markup


def test_every_row_of_a_table_has_as_many_cells_as_its_heading():
    subject = checkout(2)
    subject.note(NOW + timedelta(seconds=1), "held | x", actor="a|b", reason="c|d")
    for row in story.details(subject).splitlines():
        if row.startswith("| 2031"):
            assert row.replace("\\|", "").count("|") == 5
