"""What goes to stderr: a terminal shows the times of its place, anything else those in UTC."""

from __future__ import annotations

import io
import json
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from holdfast_client.terminal.moments import exact_text
from holdfast_client.terminal.screen import Screen, say

MOMENT = datetime(2026, 11, 28, 18, 15, 42, 123456, tzinfo=UTC)
EXACT = "2026-11-28T18:15:42.123456Z"
LOCAL = "2026-11-29T03:15:42.123456+09:00"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def before_a_person(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Put a terminal behind stderr; pytest takes away what a fixture puts there."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    return terminal


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (
            f"taken as counted at {exact_text(MOMENT)}, when s.csv was last written",
            f"taken as counted at {LOCAL}, when s.csv was last written",
        ),
        (
            f"s.csv was last written at {EXACT}; since then",
            f"s.csv was last written at {LOCAL}; since then",
        ),
        (f"go on: stock load s.csv --as-of {EXACT}", f"go on: stock load s.csv --as-of {LOCAL}"),
        (
            "its deadline, 2026-11-28 18:15:42 UTC, has passed",
            "its deadline, 2026-11-29T03:15:42+09:00, has passed",
        ),
        (
            "has gone back already, on 2026-11-28 at 18:15:42 UTC",
            "has gone back already, on 2026-11-29T03:15:42+09:00",
        ),
    ],
)
def test_a_terminal_shows_the_times_of_its_place(
    monkeypatch: pytest.MonkeyPatch, said: str, shown: str
) -> None:
    terminal = before_a_person(monkeypatch)
    say(said, prefix="")
    assert terminal.getvalue() == f"{shown}\n"


@pytest.mark.parametrize(
    "said",
    [
        f"{EXACT!r} is not a day",
        f"cart-{EXACT} is held",
        f"{EXACT}-cart is held",
        "'yesterday' is not a time; such as 2026-01-31T09:00:00Z",
        "until 2026-99-28T18:15:42.123456Z",
    ],
)
def test_what_somebody_typed_and_an_id_stay_as_they_are(
    monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    terminal = before_a_person(monkeypatch)
    say(said, prefix="")
    assert terminal.getvalue() == f"{said}\n"


def test_a_file_or_a_pipe_gets_utc(capsys: pytest.CaptureFixture[str]) -> None:
    say(f"taken as counted at {EXACT}", prefix="")
    assert capsys.readouterr().err == f"taken as counted at {EXACT}\n"


def test_an_error_is_local_for_a_person_and_in_utc_in_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = before_a_person(monkeypatch)
    problem = f"is later than the database's clock, {EXACT}"
    Screen(as_json=True, prefix="").fail("InvalidRequest", problem, field="--at")
    assert terminal.getvalue() == f"is later than the database's clock, {LOCAL}\n"
    assert json.loads(capsys.readouterr().out)["error"]["message"] == problem
