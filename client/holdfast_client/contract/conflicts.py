"""Ids that name one request for ever: whether a second one is the same, and in what it differs."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import ValidationError

from holdfast_client.contract.digests import REQUEST_KEYS, keys_that_differ, request_digest
from holdfast_client.contract.errors import AdjustmentConflict, CheckoutConflict
from holdfast_client.contract.fields import Message
from holdfast_client.contract.messages import CheckoutRequest, Resumed, StockAdjustment
from holdfast_client.contract.wording import difference

MessageT = TypeVar("MessageT", bound=Message)


def differing_keys(first: MessageT, second: MessageT) -> tuple[str, ...]:
    """Return the keys in which two messages of one kind differ; requests should be normalized."""
    return tuple(
        key for key in type(first).model_fields if getattr(first, key) != getattr(second, key)
    )


def checkout_conflict(request: CheckoutRequest, first_input: Any) -> CheckoutConflict | None:
    """Return the error for a checkout that was started with another request; None for the same.

    Args:
        request: what is asked for.
        first_input: what it was started with, as a request or as the JSON of a history; or which
            attempt it went on with, where its first workflow was gone.
    """
    try:
        differs = _changed(request.normalized(), first_input)
    except ValidationError:
        differs = ()
    if differs is None:
        return None
    return CheckoutConflict(
        f"checkout {request.checkout_id!r} was started with a different request"
        f"{difference(differs)}; use a new checkout id for a new attempt",
        {"differs": list(differs)},
    )


def _changed(request: CheckoutRequest, first_input: Any) -> tuple[str, ...] | None:
    """Return the keys in which a request differs from the first, as far as known; None for none."""
    if isinstance(first_input, dict) and "resume" in first_input:
        first, digest = Resumed.model_validate(first_input).resume.digest, request_digest(request)
        return None if first == digest else keys_that_differ(REQUEST_KEYS, first, digest)
    return differing_keys(CheckoutRequest.model_validate(first_input).normalized(), request) or None


def adjustment_conflict(change: StockAdjustment, first_input: Any) -> AdjustmentConflict | None:
    """Return the error for an adjustment id that names another change; None for the same.

    Args:
        change: what is asked for.
        first_input: what it was made with, as a change or as the JSON of a history.
    """
    try:
        differs = differing_keys(StockAdjustment.model_validate(first_input), change)
    except ValidationError:
        differs = ()
    else:
        if not differs:
            return None
    return AdjustmentConflict(
        f"stock adjustment {change.adjustment_id!r} already names a different change"
        f"{difference(differs)}; use a new adjustment id for a new change",
        {"differs": list(differs)},
    )
