"""What a checkout is found by in Temporal's search, as far as there is room for it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import islice
from typing import Final

from holdfast_client.contract import names
from holdfast_client.contract.messages import CheckoutRequest

INDEXED_SKUS_MAX: Final = 100
# Temporal refuses the whole start where one search attribute is larger than 2,048 bytes.
INDEXED_BYTES_MAX: Final = 2_000


def indexed_by(request: CheckoutRequest) -> dict[str, str | list[str]]:
    """Return the search attributes of a checkout by name, its status not among them.

    An id too large to be indexed is left out, and of the SKUs the first (in order) are indexed:
    at most ``INDEXED_SKUS_MAX`` and ``INDEXED_BYTES_MAX`` bytes. The request itself holds all.
    """
    skus = {line.sku for line in request.lines}
    parties = {
        names.CUSTOMER_ID_ATTRIBUTE: request.customer_id,
        names.CART_ID_ATTRIBUTE: request.cart_id,
    }
    return {
        # What is in a cart is known when it is read.
        **(skus_indexed(skus) if skus else {}),
        **{
            name: party
            for name, party in parties.items()
            if party is not None and _json_bytes(party) <= INDEXED_BYTES_MAX
        },
    }


def skus_indexed(skus: Iterable[str]) -> dict[str, str | list[str]]:
    """Return the search attribute that names these SKUs, as many as fit."""
    return {names.SKUS_ATTRIBUTE: fitting(sorted(skus), INDEXED_SKUS_MAX, INDEXED_BYTES_MAX)}


def fitting(texts: Iterable[str], count_max: int, bytes_max: int) -> list[str]:
    """Return the first texts that fit both bounds once they are JSON."""
    fits: list[str] = []
    room = bytes_max
    for text in islice(texts, count_max):
        room -= _json_bytes(text) + 1
        if room < 0:
            break
        fits.append(text)
    return fits


def _json_bytes(text: str) -> int:
    return len(json.dumps(text))
