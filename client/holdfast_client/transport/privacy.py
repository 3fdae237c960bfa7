"""Whether what Temporal shows and indexes beside the payloads may name customers."""

from __future__ import annotations

import os
from typing import Final

from holdfast_client.contract.errors import HoldfastError, InvalidRequest
from holdfast_client.contract.summaries import CheckoutFilter

PRIVATE_VARIABLE: Final = "HOLDFAST_PRIVATE_METADATA"
_TRUE: Final = frozenset({"1", "true", "t", "yes", "y", "on"})
_FALSE: Final = frozenset({"", "0", "false", "f", "no", "n", "off"})


def private_by_environment() -> bool:
    """Return what ``HOLDFAST_PRIVATE_METADATA`` says; False if it is not set.

    Raises:
        HoldfastError: it is neither true nor false.
    """
    text = os.environ.get(PRIVATE_VARIABLE, "").strip().lower()
    if text not in _TRUE | _FALSE:
        raise HoldfastError(f"{PRIVATE_VARIABLE} is neither true nor false")
    return text in _TRUE


def by_status_only(wanted: CheckoutFilter) -> None:
    """Raise InvalidRequest where a filter names what private metadata leaves out of the index."""
    for field in ("customer_id", "cart_id", "sku"):
        if getattr(wanted, field) is not None:
            raise InvalidRequest(
                field, f"checkouts are not indexed by it, because {PRIVATE_VARIABLE} is on"
            )
