"""What is kept of a request: a text that tells it from any other, and says in what they differ.

A digest is 32 characters of all that was asked for, then 4 for each key, in the order of the keys.
The first part alone decides whether two requests are the same. The rest names what differs, where
nothing else of the first request is kept, as of a denial. Two texts of one key that happen to have
the same 4 characters, one in 65,536, are not named.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Final
from zlib import crc32

from pydantic_core import to_json

from holdfast_client.contract.messages import CheckoutRequest, Line, Shipment

REQUEST_KEYS: Final = ("lines", "hold_seconds", "customer_id", "cart_id", "supersedes")
PART_KEYS: Final = ("lines", "rest", "reason", "actor")

_WHOLE_LENGTH: Final = 32
_KEY_LENGTH: Final = 4


def request_digest(request: CheckoutRequest) -> str:
    """Return a text that is equal for two normalized requests exactly when they are the same."""
    return digest_of([getattr(request, key) for key in REQUEST_KEYS])


def shipment_digest(shipment: Shipment) -> str:
    """Return what is kept of a shipment."""
    return parts_digest(
        shipment.lines, rest_released=shipment.rest == "release", reason="", actor=shipment.actor
    )


def parts_digest(
    lines: Sequence[Line] | None, *, rest_released: bool, reason: str, actor: str
) -> str:
    """Return a text that is equal for two shipments or releases exactly when they are the same.

    Lines of one SKU and location are summed first, and their order says nothing.
    """
    wanted: dict[tuple[str, str | None], int] = {}
    for line in lines or ():
        key = (line.sku, line.location)
        wanted[key] = wanted.get(key, 0) + line.quantity
    told = sorted(wanted.items(), key=lambda entry: (entry[0][0], entry[0][1] or ""))
    return digest_of((lines and told, rest_released, reason, actor))


def digest_of(values: Sequence[Any]) -> str:
    """Return the digest of what was asked for, key by key."""
    parts = [to_json(value) for value in values]
    # JSON escapes line breaks, so the parts cannot run into one another.
    whole = hashlib.blake2b(b"\n".join(parts), digest_size=_WHOLE_LENGTH // 2).hexdigest()
    return whole + "".join(f"{crc32(part) & 0xFFFF:04x}" for part in parts)


def keys_that_differ(keys: Sequence[str], first: str, second: str) -> tuple[str, ...]:
    """Return the keys in which two requests differ, as far as their digests tell.

    Args:
        keys: of which the digests were made.
        first: the digest of one request.
        second: that of the other.
    """
    tags = zip(keys, _tags(first), _tags(second), strict=False)
    return tuple(key for key, one, other in tags if one != other)


def _tags(digest: str) -> list[str]:
    told = digest[_WHOLE_LENGTH:]
    return [told[at : at + _KEY_LENGTH] for at in range(0, len(told), _KEY_LENGTH)]
