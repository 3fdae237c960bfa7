"""From a call's arguments to validated messages: nothing is sent before it has passed here."""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from holdfast_client.contract.errors import InvalidRequest
from holdfast_client.contract.fields import CheckoutId, Location, Message, Sku
from holdfast_client.contract.messages import Line

LineLike = Line | tuple[str, int] | Mapping[str, Any]

_Model = TypeVar("_Model", bound=BaseModel)
_PAIR_LENGTH = 2


class _Id(Message):
    id: CheckoutId


class _StockItem(Message):
    sku: Sku
    location: Location


def validated(model: type[_Model], **fields: Any) -> _Model:
    """Build ``model`` from ``fields``.

    Raises:
        InvalidRequest: a field is wrong; the error names it.
    """
    try:
        return model(**fields)
    except ValidationError as error:
        raise InvalidRequest.from_validation(error) from None


def id_of_call(field: str, id: str) -> str:
    """Return an id that is fit to be sent, or raise InvalidRequest for the argument ``field``."""
    try:
        return validated(_Id, id=id).id
    except InvalidRequest as error:
        raise InvalidRequest(field, error.problem) from None


def id_or_new(field: str, id: str | None) -> str:
    """Return the id of one change, a new one where None is given, or raise InvalidRequest."""
    return uuid.uuid4().hex if id is None else id_of_call(field, id)


def stock_item(sku: str, location: str) -> tuple[str, str]:
    """Return the name of a stock item in its one spelling, or raise InvalidRequest."""
    item = validated(_StockItem, sku=sku, location=location)
    return item.sku, item.location


def answer_timeout(seconds: float) -> float:
    """Return the time to wait for an answer, in seconds, or raise InvalidRequest."""
    is_number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    if not is_number or not math.isfinite(seconds) or seconds <= 0:
        raise InvalidRequest("answer_timeout_seconds", "must be a number of seconds above 0")
    return float(seconds)


def lines_of_call(lines: Sequence[LineLike]) -> list[dict[str, Any]]:
    """Return lines in the one form that messages are built from, or raise InvalidRequest."""
    if isinstance(lines, (str, bytes)) or not isinstance(lines, Sequence):
        raise InvalidRequest("lines", "must be a list of lines")
    return [_line(position, line) for position, line in enumerate(lines)]


def _line(position: int, line: Any) -> dict[str, Any]:
    if isinstance(line, Line):
        # Its fields and not itself, because a copy of a model may have been changed unchecked.
        return dict(line)
    if isinstance(line, tuple) and len(line) == _PAIR_LENGTH:
        return {"sku": line[0], "quantity": line[1]}
    if isinstance(line, Mapping):
        return dict(line)
    raise InvalidRequest(
        f"lines[{position}]",
        "must be a Line, a pair (sku, quantity) or a mapping with sku, quantity and location",
    )
