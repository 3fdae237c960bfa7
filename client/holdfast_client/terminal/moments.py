"""Days and moments as people type and read them.

What is typed says itself how far it is from UTC. A terminal shows the time of its place, in a form
that can be typed again; pipes and JSON get UTC.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Final

from holdfast_client.contract.errors import InvalidRequest

# As workflows write a moment into the words of an event.
_TIME_IN_WORDS: Final = re.compile(
    r"\b([0-9]{4}-[0-9]{2}-[0-9]{2}) (?:at )?([0-9]{2}:[0-9]{2}:[0-9]{2}) UTC\b"
)
# As ``exact_text`` writes one, standing alone: within an id or quotes it is somebody's own word.
_EXACT_TIME: Final = re.compile(
    r"(?<!\S)([0-9]{4}-[0-9]{2}-[0-9]{2})T([0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6})Z(?=[\s,;]|$)"
)
_SUCH_AS = "such as 2026-01-31T09:00:00Z or 2026-01-31T10:00:00+01:00"


def parse_moment(field: str, text: str | None) -> datetime | None:
    """Read a time with its offset from UTC, or a day, which means its first moment in UTC.

    Raises:
        InvalidRequest: it is neither; names ``field``.
    """
    if text is None:
        return None
    day = _day(text)
    if day is not None:
        return first_moment(day)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidRequest(field, f"{text!r} is not a time; {_SUCH_AS}") from None
    if moment.tzinfo is None:
        raise InvalidRequest(field, f"{text!r} does not say where it is so late; {_SUCH_AS}")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise InvalidRequest(field, f"{text!r} is beyond the calendar") from None


def parse_day(field: str, text: str | None) -> date | None:
    """Read a day as 2026-01-31, or nothing.

    Raises:
        InvalidRequest: it is no such day; names ``field``.
    """
    day = _day(text)
    if text is not None and day is None:
        raise InvalidRequest(field, f"{text!r} is not a day; such as 2026-01-31")
    return day


def first_moment(day: date) -> datetime:
    """Return when a day begins, in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def days_before(day: date, count: int) -> date:
    """Return the day so many days earlier, or the calendar's first."""
    return date.fromordinal(max(day.toordinal() - count, 1))


def end_of(field: str, day: date) -> datetime:
    """Return the first moment after a day, in UTC.

    Raises:
        InvalidRequest: it is the last day of the calendar; names ``field``.
    """
    if day == date.max:
        raise InvalidRequest(field, "is too late")
    return first_moment(day + timedelta(days=1))


def moment_text(moment: datetime | None) -> str:
    """Write a time in UTC to the second, or nothing."""
    return "" if moment is None else _written(moment.astimezone(UTC))


def exact_text(moment: datetime) -> str:
    """Write a time in UTC to the microsecond, as JSON has it."""
    return _written(moment.astimezone(UTC), "microseconds")


def local_text(moment: datetime | None) -> str:
    """Write a time to the second as the clocks of this place show it, or nothing."""
    if moment is None:
        return ""
    return _written(_here(moment))


def local_words(text: str) -> str:
    """Return a text in which the times that a workflow wrote in UTC are those of this place."""
    return _TIME_IN_WORDS.sub(_local_word, text)


def local_remark(line: str) -> str:
    """Return a remark in which the times in UTC are those of this place, as exact as they were."""
    return _EXACT_TIME.sub(_local_word, local_words(line))


def _local_word(found: re.Match[str]) -> str:
    try:
        moment = datetime.fromisoformat(f"{found[1]}T{found[2]}+00:00")
    except ValueError:  # a stranger's words, and no time
        return found[0]
    return _written(_here(moment), "microseconds" if "." in found[2] else "seconds")


def _here(moment: datetime) -> datetime:
    try:
        return moment.astimezone()
    except OverflowError:  # the calendar's first or last day, which is another one here
        return moment.astimezone(UTC)


def _written(moment: datetime, timespec: str = "seconds") -> str:
    return moment.isoformat(timespec=timespec).replace("+00:00", "Z")


def _day(text: str | None) -> date | None:
    try:
        return datetime.strptime(text or "", "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        return None
