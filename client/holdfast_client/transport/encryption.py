"""Optional encryption of what lies in Temporal's storage: AES-256-GCM, with key ids for rotation.

A payload becomes one with these labels, and nonce and ciphertext as its data. What is encrypted
is the whole payload as Temporal's protobuf writes it, labels included::

    encoding            binary/encrypted
    encryption-cipher   AES256GCM
    encryption-key-id   which key
    data                12 bytes of nonce, then the ciphertext with its 16 bytes of tag
    bound to it (AAD)   the three labels' values in this order, a zero byte between each two

So a program in any other language can do the same. Failure messages and stack traces are moved
into a payload first. Payloads that are not encrypted are read as they are.

The package ``cryptography`` is needed, and imported, only where there is a key: the extra
``[encryption]``.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from google.protobuf.message import DecodeError
from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    DataConverter,
    DefaultFailureConverterWithEncodedAttributes,
    PayloadCodec,
)

from holdfast_client.contract.encrypted import (
    ENCRYPTED,
    KEY_ID,
    KEY_ID_LABEL,
    KEYS_VARIABLE,
    is_encrypted,
    unreadable_because,
)
from holdfast_client.contract.errors import HoldfastError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEYS_MAX: Final = 20
KEY_BYTES: Final = 32

_CIPHER: Final = b"AES256GCM"
_CIPHER_LABEL: Final = "encryption-cipher"
# A random nonce of this length is safe for about four billion payloads under one key.
_NONCE_BYTES: Final = 12


@dataclass(frozen=True, slots=True)
class EncryptionKey:
    """One key: its id, which is no secret, and its ``KEY_BYTES`` bytes, which are."""

    id: str
    secret: bytes = field(repr=False)


# In the place of the first key: encrypt nothing yet, or no longer, and decrypt with the others.
NOT_ENCRYPTING: Final = EncryptionKey("plain", b"")


class EncryptionCodec(PayloadCodec):
    """Encrypts with the first key, decrypts with the one that a payload names.

    Args:
        keys: at most ``KEYS_MAX``; with none, or ``NOT_ENCRYPTING`` first, it encrypts nothing.
        leaves_unreadable: pass on what cannot be decrypted, for who judges by himself; otherwise it
            is an error.
        keeps_labels: leave the key's label on what was decrypted, for a worker that has to tell
            what came encrypted.

    Raises:
        HoldfastError: the package ``cryptography`` is not installed; from ``decode``: a payload is
            encrypted with a key that is not here, or was changed.
    """

    def __init__(
        self,
        keys: Sequence[EncryptionKey],
        *,
        leaves_unreadable: bool = False,
        keeps_labels: bool = False,
    ) -> None:
        self._ciphers = {key.id.encode(): _cipher(key) for key in keys if key != NOT_ENCRYPTING}
        self._first_id = keys[0].id.encode() if encrypts(keys) else None
        self._leaves_unreadable = leaves_unreadable
        self._keeps_labels = keeps_labels

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Return the payloads encrypted."""
        return [self._encrypted(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Return the payloads decrypted; those that are not encrypted as they are."""
        return [self._decrypted(payload) if is_encrypted(payload) else payload
                for payload in payloads]  # fmt: skip

    def _encrypted(self, payload: Payload) -> Payload:
        if self._first_id is None:
            return payload
        nonce = os.urandom(_NONCE_BYTES)
        ciphertext = self._ciphers[self._first_id].encrypt(
            nonce, payload.SerializeToString(), _bound(self._first_id)
        )
        return Payload(
            metadata={
                "encoding": ENCRYPTED,
                _CIPHER_LABEL: _CIPHER,
                KEY_ID_LABEL: self._first_id,
            },
            data=nonce + ciphertext,
        )

    def _decrypted(self, payload: Payload) -> Payload:
        plain = self._opened(payload)
        if plain is not None:
            if self._keeps_labels:
                plain.metadata[KEY_ID_LABEL] = payload.metadata[KEY_ID_LABEL]
            return plain
        if self._leaves_unreadable:
            return payload
        raise HoldfastError(
            f"Temporal's answer is {unreadable_because(payload)}; what was asked for may well be "
            "done: ask again with the key"
        )

    def _opened(self, payload: Payload) -> Payload | None:
        """Return what was encrypted; None without its key, or where somebody has changed it."""
        key_id = payload.metadata[KEY_ID_LABEL]
        cipher = self._ciphers.get(key_id)
        if cipher is None or payload.metadata.get(_CIPHER_LABEL) != _CIPHER:
            return None
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415  # only where there are keys

        nonce, ciphertext = payload.data[:_NONCE_BYTES], payload.data[_NONCE_BYTES:]
        try:
            return Payload.FromString(cipher.decrypt(nonce, ciphertext, _bound(key_id)))
        except (InvalidTag, ValueError, DecodeError):
            return None


class EncodedFailures(DefaultFailureConverterWithEncodedAttributes):
    """Puts messages and stack traces of failures where they are encrypted like everything else."""


def encrypts(keys: Sequence[EncryptionKey]) -> bool:
    """Say whether with these keys anything is encrypted, and not only decrypted."""
    return bool(keys) and keys[0] != NOT_ENCRYPTING


def parse_keys(text: str) -> tuple[EncryptionKey, ...]:
    """Read keys as ``id:base64,id:base64``; the first encrypts, all decrypt. None in an empty text.

    The word ``plain`` in the first place encrypts nothing.

    Raises:
        ValueError: says which key is wrong and how, and never what it is.
    """
    if not text.strip():
        return ()
    parts = [part.strip() for part in text.split(",")]
    if len(parts) > KEYS_MAX:
        raise ValueError(f"has {len(parts)} keys; at most {KEYS_MAX} are possible")
    keys = tuple(_key(number, part) for number, part in enumerate(parts, start=1))
    if len({key.id for key in keys}) < len(keys):
        raise ValueError("has two keys of one id")
    return keys


def keys_from_environment() -> tuple[EncryptionKey, ...]:
    """Return the keys that ``HOLDFAST_ENCRYPTION_KEYS`` names; none if it is not set.

    Raises:
        HoldfastError: they cannot be read; the message does not show them.
    """
    try:
        return parse_keys(os.environ.get(KEYS_VARIABLE, ""))
    except ValueError as error:
        raise HoldfastError(f"{KEYS_VARIABLE}: {error}") from None


def encrypting(
    converter: DataConverter = DataConverter.default, keys: Sequence[EncryptionKey] | None = None
) -> DataConverter:
    """Return a data converter that encrypts, for a Temporal client of your own.

    Args:
        converter: what it does besides; its own codec, if it has one, is replaced.
        keys: None takes those of the environment. Without any, nothing is encrypted, and an
            encrypted answer is a clear error.

    Raises:
        HoldfastError: the keys cannot be read, or ``cryptography`` is not installed.
    """
    chosen = keys_from_environment() if keys is None else keys
    changed = replace(converter, payload_codec=EncryptionCodec(chosen))
    if not encrypts(chosen):
        return changed
    return replace(changed, failure_converter_class=EncodedFailures)


def _key(number: int, text: str) -> EncryptionKey:
    if number == 1 and text == NOT_ENCRYPTING.id:
        return NOT_ENCRYPTING
    id, colon, encoded = text.partition(":")
    if not colon or not KEY_ID.fullmatch(id):
        raise ValueError(
            f"key {number} is not id:base64, with an id of 1 to 64 letters, digits and . _ -"
        )
    try:
        secret = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"key {number} is not base64 after its id") from None
    if len(secret) != KEY_BYTES:
        raise ValueError(f"key {number} has {len(secret)} bytes; {KEY_BYTES} are needed")
    return EncryptionKey(id, secret)


def _cipher(key: EncryptionKey) -> AESGCM:
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415  # an extra
    except ImportError:
        raise HoldfastError(
            f"{KEYS_VARIABLE} is set, and encryption needs the package cryptography: "
            "install holdfast-client[encryption]"
        ) from None
    return AESGCM(key.secret)


def _bound(key_id: bytes) -> bytes:
    """Return what is not secret and must not be changed either."""
    return b"\0".join((ENCRYPTED, _CIPHER, key_id))
