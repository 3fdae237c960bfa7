"""What people type, turned into what the client takes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from pydantic import TypeAdapter, ValidationError

from holdfast_client.errors import InvalidRequest
from holdfast_client.fields import UtcTime
from holdfast_client.messages import Line

# More digits than any legal quantity has; the client says what the limit is.
_WHOLE_NUMBER: Final = re.compile(r"-?[0-9]{1,15}")
_TIME: Final[TypeAdapter[datetime]] = TypeAdapter(UtcTime)


def parse_lines(words: Sequence[str]) -> tuple[Line, ...]:
    """Read lines written as ``SKU=QUANTITY`` or ``SKU@LOCATION=QUANTITY``.

    The last ``=`` and the last ``@`` count, so a SKU that holds an ``@`` is written with its
    location.

    Raises:
        InvalidRequest: a word is no line, or a SKU, location or quantity is out of range.
    """
    return tuple(_parse_line(f"lines[{place}]", word) for place, word in enumerate(words))


def parse_whole_number(field: str, text: str) -> int:
    """Read a whole number in ASCII digits; ``InvalidRequest`` names ``field`` if it is none."""
    if not _WHOLE_NUMBER.fullmatch(text):
        raise InvalidRequest(field, f"{text!r} is not a whole number")
    return int(text)


def parse_time(field: str, text: str | None) -> datetime | None:
    """Read an RFC 3339 time in UTC, or nothing.

    Raises:
        InvalidRequest: it is no such time.
    """
    if text is None:
        return None
    try:
        return _TIME.validate_python(text, strict=True)
    except ValidationError as error:
        found = InvalidRequest.from_validation(error)
        problem = f"{text!r} {found.problem}; such as 2026-01-31T09:00:00Z"
        raise InvalidRequest(field, problem) from None


def _parse_line(field: str, word: str) -> Line:
    item, equals, quantity = word.rpartition("=")
    if not equals:
        raise InvalidRequest(field, f"{word!r} has no quantity; write it as SKU=QUANTITY")
    sku, at, location = item.rpartition("@")
    wanted = parse_whole_number(f"{field}.quantity", quantity)
    try:
        if not at:
            return Line(sku=item, quantity=wanted)
        return Line(sku=sku, quantity=wanted, location=location)
    except ValidationError as error:
        found = InvalidRequest.from_validation(error)
        raise InvalidRequest(f"{field}.{found.field}", found.problem) from None
