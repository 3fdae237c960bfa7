"""How long a program that leaves waits for the SDK, by a clock that stands still."""

from __future__ import annotations

import time

import pytest

from holdfast_client.transport import shutdown


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What was waited for, in seconds."""
    waited: list[float] = []
    monkeypatch.setattr(shutdown, "_settled_at", float("-inf"))
    monkeypatch.setattr(time, "monotonic", lambda: 1_000.0)
    monkeypatch.setattr(time, "sleep", waited.append)
    return waited


def test_without_a_call_nobody_waits(waits: list[float]):
    shutdown.settle()
    assert waits == []


def test_an_answered_call_is_waited_for_a_moment(waits: list[float]):
    shutdown.note_end_of_call()
    shutdown.settle()
    assert waits == [pytest.approx(0.1)]


def test_an_abandoned_call_is_waited_for_longer_whatever_ends_after_it(waits: list[float]):
    shutdown.note_end_of_call(abandoned=True)
    shutdown.note_end_of_call()
    shutdown.settle()
    assert waits == [pytest.approx(0.5)]
