"""Durations as people type them: ``900``, ``15m``, ``1h30m``."""

from __future__ import annotations

import re
from typing import Final

from holdfast_client.contract.errors import InvalidRequest
from holdfast_client.contract.wording import DURATION_UNITS, duration

_NUMBER: Final = r"[0-9]{1,12}(?:\.[0-9]{1,6})?"
_SECONDS: Final = re.compile(_NUMBER)
# Each unit once at most, the largest first.
_PARTS: Final = re.compile("".join(rf"(?:({_NUMBER}){unit})?" for unit in DURATION_UNITS))


def parse_duration(field: str, text: str) -> float:
    """Read a duration in seconds: a number of seconds, or numbers with the units d, h, m and s.

    Raises:
        InvalidRequest: it is none; names ``field``.
    """
    words = text.replace(" ", "").lower()
    if _SECONDS.fullmatch(words):
        return float(words)
    found = _PARTS.fullmatch(words) if words else None
    if found is None:
        raise InvalidRequest(field, f"{text!r} is not a duration; such as 900, 15m or 1h30m")
    parts = zip(found.groups(), DURATION_UNITS.values(), strict=True)
    return sum(float(number) * seconds for number, seconds in parts if number)


def parse_seconds(field: str, text: str) -> int:
    """Read a duration of whole seconds; ``InvalidRequest`` names ``field`` if it is none."""
    seconds = parse_duration(field, text)
    if seconds != int(seconds):
        raise InvalidRequest(field, f"{text!r} is not a whole number of seconds")
    return int(seconds)


def check_duration(field: str, text: str, seconds: float, least: float, most: float | None) -> None:
    """Raise InvalidRequest where a duration is out of its range, whose ends are in it."""
    if seconds < least or (most is not None and seconds > most):
        raise InvalidRequest(field, f"{text!r} is not {duration_range(least, most)}")


def duration_range(least: float, most: float | None) -> str:
    """Return a range of seconds in words, such as ``1s to 1d`` or ``0s or more``."""
    low = f"{least:g}s" if least % 1 else duration(least)
    return f"{low} or more" if most is None else f"{low} to {duration(most)}"
