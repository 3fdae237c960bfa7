"""The page about performance says what the summary says, and both are short."""

from __future__ import annotations

from benchmarks.catalogue import all_cases
from benchmarks.page import block_names, filled
from benchmarks.record import PAGE, SUMMARY, read_summary
from benchmarks.results import CaseResult, Series

PAGE_WORDS_MAX = 1_800
SUMMARY_LINES_MAX = 450


def test_every_figure_of_the_page_is_on_record():
    summary = read_summary()
    assert summary is not None
    assert filled(PAGE.read_text(), summary, all_cases()) == PAGE.read_text()


def test_every_case_has_its_place_on_the_page():
    names = {case.name for case in all_cases()}
    assert set(block_names(PAGE.read_text())) == names | {"machine", "bars"}


def test_the_page_is_short_and_what_it_is_made_from_too():
    assert len(PAGE.read_text().split()) < PAGE_WORDS_MAX
    assert len(SUMMARY.read_text().splitlines()) < SUMMARY_LINES_MAX


def test_a_summary_keeps_what_the_page_shows_with_its_spread():
    rate = Series(setting="", contender="hare", figure="rate", unit="/s", values=(3, 1, 2, 5))
    other = rate.model_copy(update={"figure": "memory"})
    case = CaseResult(name="race", date="2031-03-14", scale="full", seconds=1, series=(rate, other))
    (kept,) = case.summary(["rate"]).series
    assert kept.values == (1, 2.5, 5)
