"""From a call's arguments to validated messages: nothing is sent before it has passed here."""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from holdfast_client.contract.errors import InvalidRequest
from holdfast_client.contract.fields import CheckoutId, Location, Message, Sku
from holdfast_client.contract.messages import (
    Cancellation,
    CheckoutRequest,
    Confirmation,
    Extension,
    Line,
    PartialRelease,
    Shipment,
    StockAdjustment,
)

LineLike = Line | tuple[str, int] | Mapping[str, Any]

_Model = TypeVar("_Model", bound=BaseModel)
_PAIR_LENGTH = 2


class _Named(Message):
    checkout_id: CheckoutId


class _NamedExtension(Message):
    extension_id: CheckoutId


class _NamedRelease(Message):
    release_id: CheckoutId


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


def checkout_id_of_call(checkout_id: str) -> str:
    """Return a checkout id that is fit to be sent, or raise InvalidRequest."""
    return validated(_Named, checkout_id=checkout_id).checkout_id


def extension_id_of_call(extension_id: str | None) -> str:
    """Return the id of an extension, a new one where None is given, or raise InvalidRequest."""
    if extension_id is None:
        return uuid.uuid4().hex
    return validated(_NamedExtension, extension_id=extension_id).extension_id


def stock_item(sku: str, location: str) -> tuple[str, str]:
    """Return the name of a stock item in its one spelling, or raise InvalidRequest."""
    item = validated(_StockItem, sku=sku, location=location)
    return item.sku, item.location


def checkout_request(
    checkout_id: str,
    lines: Sequence[LineLike],
    hold_seconds: int,
    customer_id: str | None,
    cart_id: str | None,
) -> CheckoutRequest:
    """Return the request for a hold, or raise InvalidRequest."""
    return validated(
        CheckoutRequest,
        checkout_id=checkout_id,
        lines=_lines(lines),
        hold_seconds=hold_seconds,
        customer_id=customer_id,
        cart_id=cart_id,
    )


def confirmation(payment_reference: str, settle: str, actor: str) -> Confirmation:
    """Return the message that a checkout was paid, or raise InvalidRequest."""
    return validated(Confirmation, payment_reference=payment_reference, settle=settle, actor=actor)


def shipment(shipment_id: str, lines: Sequence[LineLike] | None, rest: str, actor: str) -> Shipment:
    """Return the message that goods have left, or raise InvalidRequest."""
    return validated(
        Shipment,
        shipment_id=shipment_id,
        lines=None if lines is None else _lines(lines),
        rest=rest,
        actor=actor,
    )


def partial_release(lines: Sequence[LineLike], reason: str, actor: str) -> PartialRelease:
    """Return the message that gives a part back, or raise InvalidRequest."""
    return validated(PartialRelease, lines=_lines(lines), reason=reason, actor=actor)


def release_id_of_call(release_id: str | None) -> str:
    """Return the id of a release, a new one where None is given, or raise InvalidRequest."""
    if release_id is None:
        return uuid.uuid4().hex
    return validated(_NamedRelease, release_id=release_id).release_id


def extension(seconds: int, reason: str, actor: str) -> Extension:
    """Return the message that moves a deadline, or raise InvalidRequest."""
    return validated(Extension, seconds=seconds, reason=reason, actor=actor)


def cancellation(reason: str, actor: str) -> Cancellation:
    """Return the message that gives a hold back, or raise InvalidRequest."""
    return validated(Cancellation, reason=reason, actor=actor)


def stock_adjustment(  # noqa: PLR0917 the parameters are the contract's keys, in its order
    adjustment_id: str,
    sku: str,
    kind: str,
    quantity: int,
    location: str,
    reason: str,
    actor: str,
    *,
    new: bool,
) -> StockAdjustment:
    """Return the change of a stock item, or raise InvalidRequest."""
    return validated(
        StockAdjustment,
        adjustment_id=adjustment_id,
        sku=sku,
        kind=kind,
        quantity=quantity,
        location=location,
        reason=reason,
        actor=actor,
        new=new,
    )


def answer_timeout(seconds: float) -> float:
    """Return the time to wait for an answer, in seconds, or raise InvalidRequest."""
    is_number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    if not is_number or not math.isfinite(seconds) or seconds <= 0:
        raise InvalidRequest("answer_timeout_seconds", "must be a number of seconds above 0")
    return float(seconds)


def _lines(lines: Any) -> list[dict[str, Any]]:
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
