"""What a replay tells while it goes on."""

from __future__ import annotations

import io
import sys

import pytest

from holdfast_client.cli.orders.reading import Order
from holdfast_client.cli.replay.plan import Intent
from holdfast_client.cli.replay.progress import shown_progress
from holdfast_client.cli.replay.report import ENDS, CheckoutStep, Step


def step(order_id: str, what: Step) -> CheckoutStep:
    return CheckoutStep(Order(order_id, (("MUG-01", 1),)), order_id, Intent.PAY, what)


def test_progress_is_a_line_at_every_tenth_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with shown_progress(100, wanted=True) as listener:
        for number in range(100):
            listener(step(str(number), Step.HELD))
            listener(step(str(number), Step.FULFILLED))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 10
    assert captured.err.endswith("100 of 100 orders: 100 held, 0 denied, 100 fulfilled\n")


def test_progress_is_silent_when_it_is_not_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    with shown_progress(1, wanted=False) as listener:
        listener(step("1", Step.FULFILLED))
    assert capsys.readouterr().err == ""


def test_progress_is_a_bar_in_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Screenful(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Screenful()
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", screen)
    with shown_progress(2, wanted=True) as listener:
        for number in range(2):
            listener(step(str(number), Step.HELD))
            listener(step(str(number), Step.FULFILLED))
    assert "2/2" in screen.getvalue()
    assert "2 fulfilled" in screen.getvalue()


def test_every_end_has_the_name_of_its_outcome() -> None:
    assert {str(end) for end in ENDS} == {
        "denied",
        "fulfilled",
        "cancelled",
        "expired",
        "unavailable",
    }
