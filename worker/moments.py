"""Days and moments as operators type them, always in UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from holdfast_client.cli.arguments import parse_time
from holdfast_client.errors import InvalidRequest


def parse_moment(field: str, text: str | None) -> datetime | None:
    """Read an RFC 3339 time in UTC, or a day, which means its first moment; nothing for nothing.

    Raises:
        InvalidRequest: it is neither.
    """
    day = _day(text)
    return first_moment(day) if day else parse_time(field, text)


def parse_day(field: str, text: str | None) -> date | None:
    """Read a day as 2026-01-31, or nothing.

    Raises:
        InvalidRequest: it is no such day.
    """
    day = _day(text)
    if text is not None and day is None:
        raise InvalidRequest(field, f"{text!r} is not a day; such as 2026-01-31")
    return day


def first_moment(day: date) -> datetime:
    """Return when a day begins."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def days_before(day: date, count: int) -> date:
    """Return the day so many days earlier, or the calendar's first."""
    return date.fromordinal(max(day.toordinal() - count, 1))


def end_of(field: str, day: date) -> datetime:
    """Return the first moment after a day.

    Raises:
        InvalidRequest: it is the last day of the calendar.
    """
    if day == date.max:
        raise InvalidRequest(field, "is too late")
    return first_moment(day + timedelta(days=1))


def _day(text: str | None) -> date | None:
    try:
        return datetime.strptime(text or "", "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        return None
