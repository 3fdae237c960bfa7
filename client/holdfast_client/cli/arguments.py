"""What people type, turned into what the client takes."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

from holdfast_client.contract.errors import InvalidRequest
from holdfast_client.contract.messages import Line
from holdfast_client.terminal.numbers import parse_whole_number


def parse_lines(words: Sequence[str]) -> tuple[Line, ...]:
    """Read lines: ``SKU=QUANTITY``, ``SKU@LOCATION=QUANTITY`` or ``SKU=QUANTITY@LOCATION``.

    The last ``=`` counts, and the last ``@`` before it; so a SKU that holds an ``@`` is written
    with its location, and behind a location after the quantity the rest is the SKU.

    Raises:
        InvalidRequest: a word is no line, or a SKU, location or quantity is out of range.
    """
    return tuple(_parse_line(f"lines[{place}]", word) for place, word in enumerate(words))


def _parse_line(field: str, word: str) -> Line:
    item, equals, quantity = word.rpartition("=")
    if not equals:
        raise InvalidRequest(field, f"{word!r} has no quantity; write it as SKU=QUANTITY")
    quantity, at, location = quantity.partition("@")
    sku = item
    if not at:
        sku, at, location = item.rpartition("@")
    wanted = parse_whole_number(f"{field}.quantity", quantity)
    try:
        if not at:
            return Line(sku=item, quantity=wanted)
        return Line(sku=sku, quantity=wanted, location=location)
    except ValidationError as error:
        found = InvalidRequest.from_validation(error)
        raise InvalidRequest(f"{field}.{found.field}", found.problem) from None
