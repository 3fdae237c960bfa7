"""What is kept of a request: a text that tells it from any other, and says in what they differ.

A digest is 32 characters of all that was asked for, then 4 for each key, in the order of the keys.
The first part alone decides whether two requests are the same. The rest names what differs, where
nothing else of the first request is kept, as of a denial. Two texts of one key that happen to have
the same 4 characters, one in 65,536, are not named.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final
from zlib import crc32

from pydantic_core import to_json

from activities.inventory.amendment_records import LineChange
from activities.inventory.payment_records import Pause
from activities.inventory.records import Part
from holdfast_client.contract.fields import Message
from holdfast_client.contract.messages import CheckoutRequest, StockAdjustment

REQUEST_KEYS: Final = ("lines", "hold_seconds", "customer_id", "cart_id", "supersedes")
PART_KEYS: Final = ("lines", "rest", "reason", "actor")
AMENDMENT_KEYS: Final = ("lines", "revision", "reason", "actor")
PAUSE_KEYS: Final = ("payment_reference", "seconds", "result", "actor")
ADJUSTMENT_KEYS: Final = ("sku", "location", "kind", "quantity", "reason", "actor", "new")

_WHOLE_LENGTH: Final = 32
_KEY_LENGTH: Final = 4


def request_digest(request: CheckoutRequest) -> str:
    """Return a text that is equal for two normalized requests exactly when they are the same."""
    return _digest(request, REQUEST_KEYS)


def adjustment_digest(adjustment: StockAdjustment) -> str:
    """Return a text that is equal for two adjustments exactly when they are the same."""
    return _digest(adjustment, ADJUSTMENT_KEYS)


def pause_digest(pause: Pause) -> str:
    """Return a text that is equal for two pauses exactly when they are the same."""
    return _digest_of([to_json(getattr(pause, key)) for key in PAUSE_KEYS])


def part_digest(part: Part) -> str:
    """Return a text that is equal for two parts exactly when they are the same.

    Lines of one SKU and place are summed first, and their order says nothing.
    """
    wanted: dict[tuple[str, str | None], int] = {}
    for line in part.lines or ():
        key = (line.sku, line.location)
        wanted[key] = wanted.get(key, 0) + line.quantity
    lines = sorted(wanted.items(), key=lambda entry: (entry[0][0], entry[0][1] or ""))
    told = (part.lines and lines, part.rest_released, part.reason, part.actor)
    return _digest_of([to_json(value) for value in told])


def amendment_digest(change: LineChange) -> str:
    """Return a text that is equal for two changes of lines exactly when they are the same."""
    return _digest(change, AMENDMENT_KEYS)


def differing_keys(keys: Sequence[str], first: str, second: str) -> tuple[str, ...]:
    """Return the keys in which two requests differ, as far as their digests tell.

    Args:
        keys: of which the digests were made.
        first: the digest of one request.
        second: that of the other.
    """
    tags = zip(keys, _tags(first), _tags(second), strict=False)
    return tuple(key for key, one, other in tags if one != other)


def _digest(message: Message | LineChange, keys: Sequence[str]) -> str:
    return _digest_of([to_json(getattr(message, key)) for key in keys])


def _digest_of(parts: Sequence[bytes]) -> str:
    # JSON escapes line breaks, so the parts cannot run into one another.
    whole = hashlib.blake2b(b"\n".join(parts), digest_size=_WHOLE_LENGTH // 2).hexdigest()
    return whole + "".join(f"{crc32(part) & 0xFFFF:04x}" for part in parts)


def _tags(digest: str) -> list[str]:
    told = digest[_WHOLE_LENGTH:]
    return [told[at : at + _KEY_LENGTH] for at in range(0, len(told), _KEY_LENGTH)]
