"""Whatever becomes of a checkout has a colour, and a new word turns this red."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import get_args

import pytest

from activities.inventory.records import ClosingStatus
from holdfast_client.cli.replay.report import Step
from holdfast_client.contract.outcomes import KNOWN_STATUSES, CheckoutStatus
from holdfast_client.contract.summaries import SummaryStatus
from holdfast_client.contract.timeline import RecordedStatus, TimelineEventName
from holdfast_client.terminal.colours import style_of
from tests.docs.pages import ROOT
from workflows import web_ui


def _words(literal: object) -> Iterator[str]:
    for part in get_args(literal):
        yield from (part,) if isinstance(part, str) else _words(part)


def _told_by_workflows() -> Iterator[str]:
    """Read which events a checkout's workflow notes of itself: no list of them is kept."""
    for file in (ROOT / "workflows").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "tell":
                event = node.args[0]
                if isinstance(event, ast.Constant) and isinstance(event.value, str):
                    yield event.value


STATUSES = {*KNOWN_STATUSES, *_words(CheckoutStatus), *_words(SummaryStatus), "unknown"}
EVENTS = {*_words(RecordedStatus), *_words(TimelineEventName)}
NOTED = {
    *_told_by_workflows(),
    *web_ui.PARTS.values(),
    *web_ui.PARTS_REFUSED.values(),
    *web_ui.PAUSES.values(),
    *(f"too late to be {status}" for status in get_args(ClosingStatus)),
}
STEPS = {step.value for step in Step}


def test_what_is_looked_for_is_found() -> None:
    assert {"held", "refund_due", "interrupted"} <= STATUSES
    assert {"shipped", "payment_started", "denied"} <= EVENTS
    assert {"resumed", "amendment refused", "payment started"} <= NOTED


@pytest.mark.parametrize("word", sorted(STATUSES | EVENTS | NOTED | STEPS))
def test_every_status_and_event_has_a_colour(word: str) -> None:
    assert style_of(word)


def test_a_payment_that_settles_nothing_has_one_too() -> None:
    assert style_of("paid twice") == style_of("paid too late") == style_of("refund_due") == "red"


def test_a_word_of_a_later_version_is_plain() -> None:
    assert style_of("repacked") == ""
