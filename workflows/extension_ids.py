"""Under which id an extension is made once, so that it is the same after a reset."""

from __future__ import annotations

import hashlib
import re
from typing import Final

from holdfast_client.contract.fields import CHECKOUT_ID_LENGTH_MAX
from holdfast_client.contract.messages import Extension

# Any program may choose an update's id. What Postgres could not store or index is told by a digest.
_STORABLE: Final = re.compile(rf"[\x21-\x7e]{{1,{CHECKOUT_ID_LENGTH_MAX}}}")
_DIGEST_BYTES: Final = 8
_UPDATE_DIGEST_BYTES: Final = 16


def of_update(update_id: str) -> str:
    """Return the id of an extension that came by update: the update's own, which a reset keeps."""
    if _STORABLE.fullmatch(update_id):
        return update_id
    digest = hashlib.blake2b(update_id.encode(errors="replace"), digest_size=_UPDATE_DIGEST_BYTES)
    return f"update-{digest.hexdigest()}"


def of_signal(first_run_id: str, ordinal: int, wish: Extension) -> str:
    """Return the id of an extension that came by signal.

    Args:
        first_run_id: of the chain of runs, which a reset keeps. A run that goes on after one was
            terminated counts anew.
        ordinal: which of the checkout's extend signals it is, counted from 1. After a reset they
            come again in their order.
        wish: what it asked for, so that another one in its place is another one.
    """
    told = f"{first_run_id} {wish.model_dump_json()}"
    digest = hashlib.blake2b(told.encode(), digest_size=_DIGEST_BYTES)
    return f"signal-{ordinal}-{digest.hexdigest()}"
