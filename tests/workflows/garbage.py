"""Messages that no checkout should ever be sent, and must survive all the same."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from hypothesis import strategies as st
from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue

Arguments = list[Any]

JSON: Final = "json/plain"


def raw(data: bytes, encoding: str | None = JSON, **metadata: str) -> RawValue:
    """Return a payload exactly as given, whatever it claims to be."""
    labels = dict(metadata) if encoding is None else {"encoding": encoding, **metadata}
    return RawValue(
        Payload(metadata={key: text.encode() for key, text in labels.items()}, data=data)
    )


def text(value: Any) -> RawValue:
    return raw(json.dumps(value).encode())


_NESTED: Final = b"[" * 100_000 + b"]" * 100_000

# What is no message of any kind, by name.
NO_MESSAGE: Final[Mapping[str, Arguments]] = {
    "no payload": [],
    "two payloads": [{"reason": ""}, {"reason": ""}],
    "a dozen payloads": [{}] * 12,
    "null": [None],
    "a number": [7],
    "a text": ["cancel it"],
    "a list": [[{"reason": ""}]],
    "true": [True],
    "nothing at all": [raw(b"")],
    "no encoding": [raw(b'{"reason": ""}', None)],
    "an empty encoding": [raw(b'{"reason": ""}', "")],
    "binary": [raw(b"\x00\xff\x80", "binary/plain")],
    "binary null": [raw(b"", "binary/null")],
    "protobuf": [raw(b"\n\x03abc", "binary/protobuf", messageType="temporal.api.common.v1.Memo")],
    "json protobuf": [raw(b"{}", "json/protobuf", messageType="temporal.api.common.v1.Memo")],
    "an unknown protobuf": [raw(b"{}", "json/protobuf", messageType="no.such.Message")],
    "encrypted": [raw(b"\x01\x02", "binary/encrypted")],
    "zipped": [raw(b"\x78\x9c", "binary/zlib")],
    "broken JSON": [raw(b'{"reason": ')],
    "two JSON objects": [raw(b"{}{}")],
    "JSON that is no UTF-8": [raw(b'{"reason": "\xff\xfe"}')],
    "a byte order mark": [raw(b'\xef\xbb\xbf{"reason": ""}')],
    "not a number": [raw(b'{"seconds": NaN, "payment_reference": NaN, "reason": NaN}')],
    "deeply nested": [raw(_NESTED)],
    "a deeply nested field": [raw(b'{"reason": ' + _NESTED + b"}")],
    "a lone surrogate": [raw(rb'{"reason": "\ud800", "payment_reference": "\ud800"}')],
    "a lone surrogate as a key": [raw(rb'{"\udfff": 1}')],
    "a megabyte of text": [{"reason": "x" * 1_000_001}],
    "too long a text": [{"reason": "x" * 501}],
    "a control character": [{"reason": "a\x00b"}],
    "an unknown key": [{"colour": "red"}],
    "a thousand unknown keys": [{f"key{number}": number for number in range(1_000)}],
    "an unknown key with line breaks": [{"a\n| b | c |": "red"}],
    "a number for a text": [{"reason": 1, "payment_reference": 1}],
    "null for a text": [{"reason": None, "payment_reference": None}],
    "an object for a text": [{"reason": {}, "payment_reference": {}}],
}

_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
)
_values = st.recursive(
    _scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)
_FIELDS: Final = (
    "reason", "actor", "seconds", "payment_reference", "checkout_id", "lines", "hold_seconds",
    "customer_id", "cart_id", "adjustment_id", "sku", "kind", "quantity", "grace_seconds",
)  # fmt: skip
_objects = st.dictionaries(st.sampled_from(_FIELDS), _values, max_size=5)
_payloads = st.one_of(
    st.one_of(_values, _objects).map(text),
    st.binary(max_size=64).map(raw),
    st.builds(
        raw,
        st.binary(max_size=64),
        st.sampled_from(["binary/plain", "binary/null", "json/protobuf", "binary/protobuf", "x"]),
    ),
)

GARBAGE: Final = st.lists(_payloads, max_size=3)
