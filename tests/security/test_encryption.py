"""The codec by itself: what it makes of payloads, keys and those who tamper with either."""

from __future__ import annotations

import base64
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.converter import DataConverter
from temporalio.exceptions import ApplicationError

import holdfast_client
from holdfast_client.contract.encrypted import KEYS_VARIABLE, came_encrypted, is_encrypted
from holdfast_client.contract.errors import HoldfastError
from holdfast_client.transport.encryption import (
    KEYS_MAX,
    NOT_ENCRYPTING,
    EncryptionCodec,
    EncryptionKey,
    encrypting,
    keys_from_environment,
    parse_keys,
)
from tests.limits import HANG_SECONDS
from tests.security.keys import NEW, OLD, text_of

PLAIN: Final = Payload(metadata={"encoding": b"json/plain"}, data=b'{"customer_id": "u-17"}')
CLIENT: Final = Path(holdfast_client.__file__).parents[1]


async def encrypted(key: EncryptionKey = OLD, payload: Payload = PLAIN) -> Payload:
    (found,) = await EncryptionCodec([key]).encode([payload])
    return found


async def decrypted(payload: Payload, *keys: EncryptionKey) -> Payload:
    (found,) = await EncryptionCodec(keys).decode([payload])
    return found


async def test_what_is_encrypted_shows_nothing_but_its_key_and_comes_back_whole():
    hidden = await encrypted()
    assert is_encrypted(hidden)
    assert hidden.metadata["encryption-key-id"] == b"2025"
    assert b"u-17" not in hidden.SerializeToString()
    assert b"json/plain" not in hidden.SerializeToString()
    assert await decrypted(hidden, OLD) == PLAIN


async def test_the_same_payload_is_never_encrypted_the_same_way_twice():
    assert len({(await encrypted()).data for _ in range(50)}) == 50


async def test_the_first_key_encrypts_and_all_decrypt_so_that_keys_can_be_changed():
    before = await encrypted(OLD)
    both = EncryptionCodec([NEW, OLD])
    (after,) = await both.encode([PLAIN])
    assert after.metadata["encryption-key-id"] == b"2026"
    assert await both.decode([before, after]) == [PLAIN, PLAIN]


async def test_what_was_never_encrypted_is_read_as_it_is():
    assert await decrypted(PLAIN, NEW) == PLAIN
    strange = Payload(metadata={"encoding": b"binary/encrypted"}, data=b"\x01")
    assert await decrypted(strange, NEW) == strange


async def test_without_a_key_nothing_is_encrypted():
    assert await EncryptionCodec([]).encode([PLAIN]) == [PLAIN]


async def test_the_word_plain_before_the_keys_decrypts_and_encrypts_nothing():
    keys = parse_keys(f"plain,{text_of(OLD)}")
    assert keys == (NOT_ENCRYPTING, OLD)
    assert await EncryptionCodec(keys).encode([PLAIN]) == [PLAIN]
    assert await decrypted(await encrypted(OLD), *keys) == PLAIN
    plain = encrypting(keys=keys)
    assert type(plain.failure_converter) is type(encrypting(keys=()).failure_converter)


@pytest.mark.parametrize("keys", [(), (NEW,)], ids=["no key", "another key"])
async def test_a_missing_key_is_an_error_that_names_it(keys: tuple[EncryptionKey, ...]):
    with pytest.raises(HoldfastError, match=rf"key 2025, .*{KEYS_VARIABLE}"):
        await decrypted(await encrypted(OLD), *keys)


async def test_a_worker_may_be_left_what_cannot_be_decrypted():
    hidden = await encrypted(OLD)
    codec = EncryptionCodec([NEW], leaves_unreadable=True)
    assert await codec.decode([hidden, PLAIN]) == [hidden, PLAIN]


async def test_a_worker_is_told_what_came_encrypted_whether_it_has_the_key_or_not():
    hidden = await encrypted(OLD)
    for keys in ([OLD], [NEW]):
        codec = EncryptionCodec(keys, leaves_unreadable=True, keeps_labels=True)
        found, plain = await codec.decode([hidden, PLAIN])
        assert came_encrypted(found)
        assert not came_encrypted(plain)


def _flipped(data: bytes, place: int) -> bytes:
    changed = bytearray(data)
    changed[place] ^= 1
    return bytes(changed)


@pytest.mark.parametrize("place", [0, 11, 12, -17, -16, -1])
async def test_whatever_bit_is_changed_is_noticed(place: int):
    hidden = await encrypted()
    hidden.data = _flipped(hidden.data, place)
    with pytest.raises(HoldfastError, match="cannot be read"):
        await decrypted(hidden, OLD)


@pytest.mark.parametrize("length", [0, 1, 11, 12, 27, 28])
async def test_what_is_too_short_is_refused(length: int):
    hidden = await encrypted()
    hidden.data = hidden.data[:length]
    with pytest.raises(HoldfastError, match="cannot be read"):
        await decrypted(hidden, OLD)


async def test_a_payload_cannot_be_passed_off_as_one_of_another_key_or_cipher():
    twin = EncryptionKey("twin", OLD.secret)
    hidden = await encrypted(OLD)
    hidden.metadata["encryption-key-id"] = b"twin"
    with pytest.raises(HoldfastError, match="key twin"):
        await decrypted(hidden, OLD, twin)
    other = await encrypted(OLD)
    other.metadata["encryption-cipher"] = b"ROT13"
    with pytest.raises(HoldfastError, match="cannot be read"):
        await decrypted(other, OLD)


async def test_a_strange_key_id_is_shown_harmlessly():
    hidden = await encrypted()
    hidden.metadata["encryption-key-id"] = b"\x1b[31m\n" + b"x" * 10_000
    with pytest.raises(HoldfastError) as refused:
        await decrypted(hidden, OLD)
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 500


async def test_failures_hide_their_message_and_come_back_with_it():
    converter = encrypting(keys=[OLD])
    failure = DataConverter.default.failure_converter  # for its type only
    assert type(converter.failure_converter) is not type(failure)
    from temporalio.api.failure.v1 import Failure

    told = Failure()
    await converter.encode_failure(ApplicationError("u-17 is short", "MUG", type="Short"), told)
    assert b"u-17" not in told.SerializeToString()
    assert b"MUG" not in told.SerializeToString()
    back = await converter.decode_failure(told)
    assert isinstance(back, ApplicationError)
    assert (back.message, back.type, list(back.details)) == ("u-17 is short", "Short", ["MUG"])


def test_keys_are_read_in_their_order_and_shown_nowhere():
    keys = parse_keys(f" {text_of(NEW)} , {text_of(OLD)} ")
    assert keys == (NEW, OLD)
    assert "x01" not in repr(keys)
    assert parse_keys("") == parse_keys("  ") == ()


SECRET: Final = base64.b64encode(b"geheim-geheim-geheim-geheim-gehe").decode()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (SECRET, "key 1 is not id:base64"),
        (f":{SECRET}", "key 1 is not id:base64"),
        (f"a b:{SECRET}", "key 1 is not id:base64"),
        (f"{'i' * 65}:{SECRET}", "key 1 is not id:base64"),
        (f"a:{SECRET},", "key 2 is not id:base64"),
        (f"a:{SECRET},plain", "key 2 is not id:base64"),
        (f"a:{SECRET}!", "key 1 is not base64"),
        (f"a:{SECRET[:20]}", "key 1 has 15 bytes; 32 are needed"),
        (f"a:{SECRET},a:{SECRET}", "two keys of one id"),
        (",".join(f"k{n}:{SECRET}" for n in range(KEYS_MAX + 1)), "at most 20"),
    ],
)
def test_a_wrong_key_is_named_by_its_place_and_never_shown(
    text: str, problem: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv(KEYS_VARIABLE, text)
    with pytest.raises(HoldfastError, match=problem) as refused:
        keys_from_environment()
    assert str(refused.value).startswith(KEYS_VARIABLE)
    assert SECRET[:8] not in str(refused.value)


def _python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], cwd=CLIENT, capture_output=True, text=True, check=False,
        timeout=HANG_SECONDS,
    )  # fmt: skip


def test_without_a_key_the_client_neither_needs_nor_loads_cryptography():
    told = _python(
        "import sys; sys.modules['cryptography'] = None; "
        "from holdfast_client import ReservationClient; "
        "from holdfast_client.transport.encryption import encrypting; encrypting()"
    )
    assert (told.returncode, told.stderr) == (0, "")


def test_with_a_key_and_no_cryptography_the_extra_to_install_is_named():
    told = _python(
        "import sys; sys.modules['cryptography'] = None; "
        "from holdfast_client.transport.encryption import encrypting, EncryptionKey; "
        "encrypting(keys=[EncryptionKey('a', bytes(32))])"
    )
    assert "holdfast-client[encryption]" in told.stderr
