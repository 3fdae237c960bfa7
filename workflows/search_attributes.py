"""What a checkout's workflow is found by, where whoever started it has left it out."""

from __future__ import annotations

from typing import Any, Final

from temporalio.common import SearchAttributeKey, SearchAttributeUpdate, TypedSearchAttributes

from holdfast_client.contract import names
from holdfast_client.contract.indexing import indexed_by
from holdfast_client.contract.messages import CheckoutRequest

STATUS_KEY: Final = SearchAttributeKey.for_keyword(names.CHECKOUT_STATUS_ATTRIBUTE)
_KEYS: Final[dict[str, SearchAttributeKey[Any]]] = {
    names.SKUS_ATTRIBUTE: SearchAttributeKey.for_keyword_list(names.SKUS_ATTRIBUTE),
    names.CUSTOMER_ID_ATTRIBUTE: SearchAttributeKey.for_keyword(names.CUSTOMER_ID_ATTRIBUTE),
    names.CART_ID_ATTRIBUTE: SearchAttributeKey.for_keyword(names.CART_ID_ATTRIBUTE),
}


def left_out(
    request: CheckoutRequest, known: TypedSearchAttributes
) -> list[SearchAttributeUpdate[Any]]:
    """Return what is to be added: who starts by hand, or in another language, may have less."""
    return [
        _KEYS[name].value_set(value)
        for name, value in indexed_by(request).items()
        if known.get(_KEYS[name]) is None
    ]
