"""How a case is run and what is made of its readings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.__main__ import _measured
from benchmarks.case import ONLY_SETTING, AuditFailed, Bar, Contender, Reading, Scale, View
from benchmarks.layout import bars_table, number, view_table
from benchmarks.page import filled
from benchmarks.results import BarResult, CaseResult
from benchmarks.rounds import run_case
from benchmarks.stack.contenders import split
from benchmarks.stack.jobs import Job


class Runner:
    """Notes when it ran, and reads the number of its round."""

    def __init__(self, name: str, diary: list[str], *, keeps_count: bool = True) -> None:
        self.name = name
        self._diary = diary
        self._keeps_count = keeps_count

    def prepare(self) -> None:
        self._diary.append(f"prepare {self.name}")

    def run(self, setting: str, round: int) -> Sequence[Reading]:
        self._diary.append(f"{setting}{round} {self.name}")
        return [Reading("rate", float(round), "/s")]

    def audit(self) -> Sequence[Reading]:
        if not self._keeps_count:
            raise AuditFailed(f"{self.name} oversold")
        return [Reading("oversold", 0, "units")]


class Race:
    """Two runners, three rounds, two settings."""

    name = "race"
    title = "A race"
    about = "Two run."
    views: Sequence[View] = (View("Who won", ("rate",)),)
    page_figures: Sequence[str] = ("rate",)

    def __init__(self, *, keeps_count: bool = True) -> None:
        self.diary: list[str] = []
        self._keeps_count = keeps_count

    def settings(self, scale: Scale) -> Sequence[str]:
        return ("a", "b")

    def rounds(self, scale: Scale) -> int:
        return 3

    @contextmanager
    def open(
        self, directory: Path, scale: Scale, announce: Callable[[str], None]
    ) -> Iterator[Sequence[Contender]]:
        yield [
            Runner("hare", self.diary),
            Runner("tortoise", self.diary, keeps_count=self._keeps_count),
        ]

    def bars(self, result: CaseResult) -> Sequence[Bar]:
        return [Bar("Rounds", result.median("hare", "a", "rate"), at_least=1, at_most=2)]


def run(race: Race) -> CaseResult:
    return run_case(race, Scale("smoke"), lambda _: None)


def test_contenders_take_turns_and_each_leads_in_its_turn():
    race = Race()
    run(race)
    assert race.diary[2:6] == ["a0 hare", "a0 tortoise", "a1 tortoise", "a1 hare"]
    assert race.diary[6:8] == ["a2 hare", "a2 tortoise"]


def test_a_figure_is_the_median_of_its_rounds_with_its_spread():
    series = run(Race()).find("hare", "a", "rate")
    assert series is not None
    assert (series.least, series.median, series.most) == (0, 1, 2)


def test_what_an_audit_reads_is_reported():
    assert run(Race()).median("tortoise", ONLY_SETTING, "oversold") == 0


def test_a_contender_that_lost_count_leaves_no_figures():
    with pytest.raises(AuditFailed):
        run(Race(keeps_count=False))


def test_a_case_that_fails_is_told_and_the_others_still_run(capsys: pytest.CaptureFixture[str]):
    failures: list[str] = []
    cases = [Race(keeps_count=False), Race()]
    result = _measured(cases, Scale("smoke"), failures, lambda _: None)
    assert [case.name for case in result.cases] == ["race"]
    assert failures == ["race failed, so it has no figures: tortoise oversold"]
    assert failures[0] in capsys.readouterr().err


def test_a_run_that_is_broken_off_has_kept_the_cases_before():
    kept: list[list[str]] = []
    with pytest.raises(KeyboardInterrupt):
        _measured(
            [Race(), BrokenOff()],
            Scale("smoke"),
            [],
            lambda result: kept.append([case.name for case in result.cases]),
        )
    assert kept == [["race"]]


class BrokenOff(Race):
    """A race at which somebody presses Ctrl-C."""

    def rounds(self, scale: Scale) -> int:
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("value", "is_met"), [(None, False), (0.9, False), (1, True), (2, True), (2.1, False)]
)
def test_a_bar_is_met_only_by_a_measured_value_within_it(value: float | None, is_met: bool):
    assert Bar("a bar", value, at_least=1, at_most=2).is_met is is_met


def test_a_missed_bar_is_shown_as_missed():
    missed = BarResult(text="rate", unit="/s", value=3, at_least=5, at_most=None, is_met=False)
    assert bars_table([missed]).rows == (("rate", "at least 5 /s", "3 /s", "missed"),)


def test_a_table_shows_medians_and_spreads_setting_by_setting():
    race = Race()
    table = view_table(race.views[0], run(race))
    assert table is not None
    assert table.columns == ("at", "", "rate, /s")
    assert table.rows[0] == ("a", "hare", "1 (0 to 2)")


def test_a_page_is_filled_between_its_marks_alone():
    page = "Before.\n<!-- figures: bars -->\nold\n<!-- end of figures -->\nAfter.\n"
    race = Race()
    from benchmarks.record import run_result

    text = filled(page, run_result([run(race)], Scale("smoke")), [race])
    assert text.startswith("Before.\n<!-- figures: bars -->\n|bar|wanted|measured|")
    assert text.endswith("|met|\n<!-- end of figures -->\nAfter.\n")
    assert "old" not in text


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0"), (0.5731, "0.573"), (41.25, "41.2"), (1234.5, "1,234")]
)
def test_numbers_are_written_with_the_digits_that_tell(value: float, text: str):
    assert number(value) == text


def test_a_job_is_shared_among_processes_without_losing_a_checkout():
    parts = split(Job(name="j", checkouts=10, at_once=7), 3)
    assert [part.checkouts for part in parts] == [4, 3, 3]
    assert [part.at_once for part in parts] == [3, 2, 2]
    assert len({part.name for part in parts}) == 3
