"""What an encrypted payload looks like, for those who only need to know that it is one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Protocol

KEYS_VARIABLE: Final = "HOLDFAST_ENCRYPTION_KEYS"
ENCRYPTED: Final = b"binary/encrypted"
KEY_ID_LABEL: Final = "encryption-key-id"
KEY_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")

_KEY_ID_SHOWN_MAX: Final = 64


class Labelled(Protocol):
    """A payload, as far as its labels go."""

    @property
    def metadata(self) -> Mapping[str, bytes]: ...


def is_encrypted(payload: Labelled) -> bool:
    """Say whether a payload is one that the client's codec, or one like it, has encrypted."""
    return payload.metadata.get("encoding") == ENCRYPTED and KEY_ID_LABEL in payload.metadata


def came_encrypted(payload: Labelled) -> bool:
    """Say whether a payload is encrypted, or was before the worker's codec decrypted it.

    Workers with the key and without it say the same: its label outlives the decryption there.
    """
    return KEY_ID_LABEL in payload.metadata


def unreadable_because(payload: Labelled) -> str:
    """Return why an encrypted payload cannot be read, as the end of a sentence."""
    key_id = payload.metadata[KEY_ID_LABEL].decode(errors="replace")
    shown = key_id if KEY_ID.fullmatch(key_id) else ascii(key_id[:_KEY_ID_SHOWN_MAX])
    return (
        f"encrypted with the key {shown}, and cannot be read with the keys that {KEYS_VARIABLE} "
        "has here"
    )
