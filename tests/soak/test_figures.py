"""How long nobody was served is counted from the answers, and only where one fault struck alone."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from holdfast_client.contract.outcomes import Expired, Held, Outcome
from soak import testimony
from soak.figures import FaultFigures, Figures, fault_figures
from soak.storm import LOCK_FAULT, Strike
from soak.testimony import RESERVE, Told

NOW = datetime(2031, 3, 14, 9, 0, tzinfo=UTC)
HELD = Held(expires_at=NOW, lines=())
CRASH = "Postgres crashed"
KILL = "a worker killed"


def _served(*spans: tuple[float, float], outcome: Outcome = HELD) -> testimony.Testimony:
    told = [Told("c1", RESERVE, began, ended, outcome) for began, ended in spans]
    return testimony.Testimony(told=told)


def test_a_stall_lasts_until_a_reserve_that_was_asked_for_after_the_fault_is_answered() -> None:
    answers = _served((0, 1), (9, 11), (12, 17), (18, 18.5))
    (crash,) = fault_figures([Strike(CRASH, 10, 14)], answers)
    assert crash == FaultFigures(CRASH, 1, 1, until_served_seconds=7, silence_seconds=10)


def test_an_answer_that_is_no_decision_on_a_reserve_ends_no_stall() -> None:
    (crash,) = fault_figures(
        [Strike(CRASH, 10, 14)], _served((0, 1), (11, 12), outcome=Expired(at=NOW))
    )
    assert crash.until_served_seconds is None


def test_the_worst_of_several_strikes_counts() -> None:
    answers = _served((0, 1), (11, 12), (31, 36))
    (crash,) = fault_figures([Strike(CRASH, 10, 11), Strike(CRASH, 30, 31)], answers)
    assert (crash.strikes, crash.until_served_seconds) == (2, 6)


def test_faults_that_meet_are_counted_but_not_measured() -> None:
    found = fault_figures([Strike(CRASH, 10, 14), Strike(KILL, 13, 15)], _served((0, 1), (20, 21)))
    assert [(fault.strikes, fault.measured) for fault in found] == [(1, 0), (1, 0)]


def test_a_fault_that_strikes_before_anybody_is_served_again_is_not_measured() -> None:
    found = fault_figures([Strike(CRASH, 10, 14), Strike(KILL, 16, 17)], _served((0, 1), (20, 21)))
    assert [(fault.kind, fault.measured) for fault in found] == [(CRASH, 1), (KILL, 0)]


def test_a_fault_of_a_single_checkout_or_stock_item_is_not_measured() -> None:
    (lock,) = fault_figures([Strike(LOCK_FAULT, 10, 14)], _served((0, 1), (20, 21)))
    assert (lock.strikes, lock.measured) == (1, 0)


def test_the_figures_say_the_same_as_text_and_as_json() -> None:
    fault = FaultFigures(CRASH, 2, 1, 3.5, None)
    figures = Figures(7, 60.0, 1_234, {"told held": 5}, (fault,), 0, ("held for ever: c1: still",))
    document = json.loads(json.dumps(figures.document()))
    assert document["faults"][0]["until_served_seconds"] == fault.until_served_seconds
    lines = figures.lines()
    assert "checkouts 1,234" in lines
    assert lines[-2:] == ["violations 1", "  held for ever: c1: still"]
