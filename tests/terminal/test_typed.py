"""What people type: durations, times, numbers; read in one way by both command lines."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from holdfast_client.contract.errors import InvalidRequest
from holdfast_client.contract.wording import duration
from holdfast_client.terminal.durations import parse_duration, parse_seconds
from holdfast_client.terminal.moments import local_text, moment_text, parse_moment
from holdfast_client.terminal.numbers import parse_decimal, parse_whole_number


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("900", 900),
        ("0", 0),
        ("0.5", 0.5),
        ("10m", 600),
        ("1h30m", 5_400),
        ("1h 30m", 5_400),
        ("1H30M", 5_400),
        ("1.5h", 5_400),
        ("2d", 172_800),
        ("1d1h1m1s", 90_061),
        ("90s", 90),
    ],
)
def test_a_duration_is_read(text: str, seconds: float) -> None:
    assert parse_duration("hold", text) == seconds


@pytest.mark.parametrize(
    "text", ["", " ", "m", "10x", "30m1h", "1m1m", "-5m", "1,5h", "1e3", "nan", "inf", "٣", "1h30"]
)
def test_what_is_no_duration_is_named(text: str) -> None:
    with pytest.raises(InvalidRequest, match=r"hold: .*is not a duration; such as 900, 15m"):
        parse_duration("hold", text)


def test_whole_seconds_are_asked_for_where_there_are_no_others() -> None:
    assert parse_seconds("hold", "1.5m") == 90
    with pytest.raises(InvalidRequest, match="is not a whole number of seconds"):
        parse_seconds("hold", "0.5")


@pytest.mark.parametrize("seconds", [0, 1, 59, 60, 90, 3_600, 5_400, 86_400, 90_061, 10_000_000])
def test_a_duration_that_is_shown_can_be_typed_again(seconds: int) -> None:
    assert parse_duration("hold", duration(seconds)) == seconds


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-01-31T09:00:00Z", "2026-01-31T09:00:00Z"),
        ("2026-01-31T10:00:00+01:00", "2026-01-31T09:00:00Z"),
        ("2026-01-31 10:00+01:00", "2026-01-31T09:00:00Z"),
        ("2026-01-31T03:30:00-05:30", "2026-01-31T09:00:00Z"),
        ("2026-01-31", "2026-01-31T00:00:00Z"),
    ],
)
def test_a_time_is_read_with_its_offset(text: str, utc: str) -> None:
    assert moment_text(parse_moment("at", text)) == utc


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("yesterday", "is not a time"),
        ("", "is not a time"),
        ("2026-02-30", "is not a time"),
        ("2026-01-31T09:00:00", "does not say where it is so late"),
        ("0001-01-01T00:00:00+14:00", "is beyond the calendar"),
    ],
)
def test_what_is_no_time_is_named(text: str, problem: str) -> None:
    with pytest.raises(InvalidRequest, match=f"at: .*{problem}"):
        parse_moment("at", text)


@pytest.fixture
def kolkata(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("kolkata")
def test_a_time_is_shown_as_the_clocks_of_the_place_and_can_be_typed_again() -> None:
    moment = datetime(2026, 1, 31, 9, 0, 0, tzinfo=UTC)
    shown = local_text(moment)
    assert shown == "2026-01-31T14:30:00+05:30"
    assert parse_moment("at", shown) == moment


@pytest.mark.usefixtures("kolkata")
def test_the_ends_of_the_calendar_are_shown_in_utc() -> None:
    assert local_text(datetime.max.replace(tzinfo=UTC)) == "9999-12-31T23:59:59Z"


def test_numbers_say_what_their_range_is() -> None:
    assert parse_whole_number("limit", "12", 1, 1_000) == 12
    assert parse_decimal("cover", "0.25", 0, 1) == 0.25
    with pytest.raises(InvalidRequest, match=r"limit: '1001' is not 1 to 1,000"):
        parse_whole_number("limit", "1001", 1, 1_000)
    with pytest.raises(InvalidRequest, match="limit: '-1' is not 0 or more"):
        parse_whole_number("limit", "-1", 0)
    with pytest.raises(InvalidRequest, match="cover: 'nan' is not a number"):
        parse_decimal("cover", "nan", 0, 1)
