"""What a checkout's workflow is found by, where whoever started it has left it out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from temporalio.common import SearchAttributeKey, SearchAttributeUpdate, TypedSearchAttributes

from holdfast_client.contract import names
from holdfast_client.contract.indexing import indexed_by, skus_indexed
from holdfast_client.contract.messages import CheckoutRequest
from holdfast_client.contract.outcomes import CheckoutStatus, Denied
from workflows.lifecycle import Checkout

_STATUS_KEY: Final = SearchAttributeKey.for_keyword(names.CHECKOUT_STATUS_ATTRIBUTE)
_USUAL: Final = frozenset({"held", "fulfilled"})
_KEYS: Final[dict[str, SearchAttributeKey[Any]]] = {
    names.SKUS_ATTRIBUTE: SearchAttributeKey.for_keyword_list(names.SKUS_ATTRIBUTE),
    names.CUSTOMER_ID_ATTRIBUTE: SearchAttributeKey.for_keyword(names.CUSTOMER_ID_ATTRIBUTE),
    names.CART_ID_ATTRIBUTE: SearchAttributeKey.for_keyword(names.CART_ID_ATTRIBUTE),
}


# Changes nothing where no status is shown.
NO_STATUS: Final = _STATUS_KEY.value_unset()


def status_shown(
    status: CheckoutStatus, known: TypedSearchAttributes
) -> list[SearchAttributeUpdate[Any]]:
    """Return what changes of the status that a checkout is found by.

    It is set only where a checkout is not as usual, because each change costs an action and a write
    of Temporal's index. Running without it is held, completed without it is paid. What was
    committed may say so when it is paid and shipped.
    """
    shown = known.get(_STATUS_KEY)
    if status == "fulfilled" and shown == "committed":
        return []
    wanted = None if status in _USUAL else status
    if wanted == shown:
        return []
    return [NO_STATUS if wanted is None else _STATUS_KEY.value_set(wanted)]


def left_out(
    request: CheckoutRequest, known: TypedSearchAttributes
) -> list[SearchAttributeUpdate[Any]]:
    """Return what is to be added: who starts by hand, or in another language, may have less."""
    return _unknown(indexed_by(request), known)


def learned(checkout: Checkout, known: TypedSearchAttributes) -> list[SearchAttributeUpdate[Any]]:
    """Return what is to be added of what only the ledger knew: a cart, or what is gone on with."""
    if checkout.resume:
        return left_out(checkout.request, known)
    if not checkout.request.from_cart:
        return []
    outcome = checkout.outcome
    lines = outcome.shortages if isinstance(outcome, Denied) else checkout.lines
    skus = {line.sku for line in lines}
    return _unknown(skus_indexed(skus), known) if skus else []


def _unknown(
    values: Mapping[str, Any], known: TypedSearchAttributes
) -> list[SearchAttributeUpdate[Any]]:
    return [
        _KEYS[name].value_set(value)
        for name, value in values.items()
        if known.get(_KEYS[name]) is None
    ]
