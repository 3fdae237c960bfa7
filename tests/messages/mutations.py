"""Bad messages by the thousand: legal ones, spoiled in a way that chance picks from a seed.

Hypothesis finds the strange case; this makes so many that sending them is what takes the time,
and each differs from a message by little enough to come past the first check.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from temporalio.common import RawValue

from holdfast_client.contract.messages import (
    Amendment,
    Cancellation,
    CheckoutRequest,
    Confirmation,
    Extension,
    PartialRelease,
    PaymentEnded,
    PaymentStarted,
    Settlement,
    Shipment,
    StockAdjustment,
)
from tests.workflows.garbage import raw
from workflows.reconcile import ReconcileOptions

Message = dict[str, Any]

MODELS: Final[Mapping[str, type[BaseModel]]] = {
    "confirm": Confirmation,
    "extend_hold": Extension,
    "cancel_hold": Cancellation,
    "fulfil": Shipment,
    "release": PartialRelease,
    "amend": Amendment,
    "payment_started": PaymentStarted,
    "payment_ended": PaymentEnded,
    "reserved": CheckoutRequest,
    "extend": Extension,
    "cancel": Cancellation,
    "no_such_signal": Cancellation,
    "CheckoutWorkflow": CheckoutRequest,
    "AdjustStockWorkflow": StockAdjustment,
    "SettlementWorkflow": Settlement,
    "ReconcileWorkflow": ReconcileOptions,
}
UPDATES: Final = (
    "confirm", "extend_hold", "cancel_hold", "fulfil", "release", "amend", "payment_started",
    "payment_ended", "reserved",
)  # fmt: skip
SIGNALS: Final = ("extend", "cancel", "no_such_signal")
STARTS: Final = (
    "CheckoutWorkflow", "AdjustStockWorkflow", "SettlementWorkflow", "ReconcileWorkflow",
)  # fmt: skip

_REQUEST: Final[Message] = {
    "checkout_id": "cart-42",
    "lines": [
        {"sku": "MUG-01", "quantity": 2, "location": None},
        {"sku": "CUP-02", "quantity": 1, "location": "main"},
    ],
    "hold_seconds": 900,
    "customer_id": "u-17",
    "cart_id": "42",
}
_LEGAL: Final[Mapping[type[BaseModel], Message]] = {
    Confirmation: {
        "payment_reference": "pay_1",
        "settle": "commit",
        "late": "refund",
        "actor": "web",
    },
    PaymentStarted: {"payment_reference": "pay_1", "seconds": 300, "actor": "web"},
    PaymentEnded: {"payment_reference": "pay_1", "result": "failed", "actor": "web"},
    Settlement: {
        "checkout_id": "cart-42",
        "operation": "confirm",
        "payment_reference": "pay_1",
        "settle": "fulfil",
        "late": "reinstate",
        "reason": "",
        "actor": "web",
    },
    Extension: {"seconds": 600, "reason": "on the phone", "actor": "support"},
    Cancellation: {"reason": "changed my mind", "actor": "shopper"},
    Shipment: {
        "shipment_id": "s-1",
        "lines": [{"sku": "MUG-01", "quantity": 1, "location": "main"}],
        "rest": "keep",
        "actor": "sam",
    },
    PartialRelease: {
        "lines": [{"sku": "MUG-01", "quantity": 1, "location": "main"}],
        "reason": "one less",
        "actor": "sam",
    },
    Amendment: {
        "lines": [{"sku": "MUG-01", "quantity": 1, "location": "main"}],
        "revision": 1,
        "reason": "one more",
        "actor": "sam",
    },
    CheckoutRequest: _REQUEST,
    StockAdjustment: {
        "adjustment_id": "delivery-881",
        "sku": "MUG-01",
        "location": "main",
        "kind": "receive",
        "quantity": 12,
        "reason": "",
        "actor": "",
    },
    ReconcileOptions: {"grace_seconds": 60, "batch_size": 200, "batches_max": 100},
}
_LONG_TEXT: Final = "x" * 1_000_000
_WRONG_VALUES: Final[tuple[Any, ...]] = (
    None, True, False, 0, -1, 1.5, 2.0, 1e308, 10**18, 10**400, -(2**63), "", "2", "true",
    " a", "a ", "a\x00b", "a\nb", "\x1b[31m", "\u2028", "\u202e", "\U0001f9e8" * 300, "x" * 501,
    [], {}, [[]], [{}],
    {"status": "held"}, "null", "2031-03-14T09:00:00Z", ["a", 1, None], {"": ""}, "a" * 5_000,
)  # fmt: skip
_WRONG_KEYS: Final = (
    "", "colour", "Reason", "reason ", "seconds\x00", "__class__", "__proto__", "status",
    "k" * 5_000, "a\n| b |", "\U0001f9e8", "model_config", "checkout_id", "quantity", "actor.name",
)  # fmt: skip
_WRONG_TEXTS: Final = (
    b"", b"null", b"true", b"7", b'"cancel it"', b"[]", b"[{}]", b"{", b"}", b"{}{}", b"\xff\xfe{}",
    b"\xef\xbb\xbf{}", b"\x00", b"NaN", b"Infinity", b'{"a":}', b'{"a" 1}', b"{'a': 1}",
    b'{"reason": NaN}', b'{"seconds": 1e5}', b'{"seconds": 0x10}', b'{"reason": "\\ud800"}',
    b'{"\\udfff": 1}', b"// {}",
)  # fmt: skip
_ENCODINGS: Final = (
    None, "", "binary/plain", "binary/null", "binary/protobuf", "json/protobuf", "binary/encrypted",
    "JSON/PLAIN", "json/plain ", "text/html",
)  # fmt: skip
_DEPTHS: Final = (50, 200, 1_000, 20_000)


def bad_arguments(chance: random.Random, name: str) -> list[RawValue]:
    """Return the arguments of a message, update or start that is refused whatever else holds."""
    model = MODELS[name]
    while True:
        arguments = chance.choice(_SPOILINGS)(chance, _LEGAL[model])
        if not is_legal(model, arguments) and (arguments or name != "ReconcileWorkflow"):
            return arguments


def bad_messages(seed: int, names: tuple[str, ...], count: int) -> Iterator[tuple[str, list[Any]]]:
    """Yield so many names with bad arguments; the same seed gives the same ones."""
    chance = random.Random(seed)
    for number in range(count):
        name = names[number % len(names)]
        yield name, bad_arguments(chance, name)


def legal(name: str) -> list[RawValue]:
    """Return the arguments of a message as it should be."""
    return [as_json(_LEGAL[MODELS[name]])]


def longest(name: str) -> list[RawValue]:
    """Return a legal message but for a megabyte of text in one field."""
    message = dict(_LEGAL[MODELS[name]])
    return [as_json(message | {next(iter(message)): _LONG_TEXT})]


def is_legal(model: type[BaseModel], arguments: list[RawValue]) -> bool:
    """Say whether what was spoiled is a message all the same."""
    if len(arguments) != 1 or arguments[0].payload.metadata.get("encoding") != b"json/plain":
        return False
    try:
        model.model_validate_json(arguments[0].payload.data)
    except ValidationError:
        return False
    return True


def as_json(message: Any) -> RawValue:
    return raw(json.dumps(message).encode())


# --- the ways to spoil a message -----------------------------------------------------------------


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every field, however deep."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        yield (*path, key)
        if isinstance(inner, (dict, list)):
            yield from _places(inner, (*path, key))


def _changed(
    message: Message, path: tuple[Any, ...], change: Callable[[Any, Any], None]
) -> Message:
    copy: Message = json.loads(json.dumps(message))
    inner: Any = copy
    for key in path[:-1]:
        inner = inner[key]
    change(inner, path[-1])
    return copy


def _wrong_value(chance: random.Random, message: Message) -> list[RawValue]:
    path = chance.choice(list(_places(message)))
    value = chance.choice(_WRONG_VALUES)
    return [as_json(_changed(message, path, lambda inner, key: inner.__setitem__(key, value)))]


def _missing_field(chance: random.Random, message: Message) -> list[RawValue]:
    path = chance.choice(list(_places(message)))
    return [as_json(_changed(message, path, lambda inner, key: inner.__delitem__(key)))]


def _extra_field(chance: random.Random, message: Message) -> list[RawValue]:
    key, value = chance.choice(_WRONG_KEYS), chance.choice(_WRONG_VALUES)
    path = chance.choice([(), *_places(message)])
    if isinstance(_at(message, path), dict):
        return [
            as_json(_changed(message, (*path, key), lambda inner, k: inner.__setitem__(k, value)))
        ]
    return [as_json({**message, key: value})]


def _at(message: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        message = message[key]
    return message


def _deep_field(chance: random.Random, message: Message) -> list[RawValue]:
    depth = chance.choice(_DEPTHS)
    opening, closing = chance.choice([(b"[", b"]"), (b'{"a":', b"}")])
    nested = opening * depth + b"1" + closing * depth
    path = chance.choice(list(_places(message)))
    marked = _changed(message, path, lambda inner, key: inner.__setitem__(key, "HERE"))
    return [raw(json.dumps(marked).encode().replace(b'"HERE"', nested))]


def _damaged_text(chance: random.Random, message: Message) -> list[RawValue]:
    data = bytearray(json.dumps(message).encode())
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(data))
        chance.choice([_flip, _cut, _double])(chance, data, place)
        if not data:
            break
    return [raw(bytes(data))]


def _flip(chance: random.Random, data: bytearray, place: int) -> None:
    data[place] ^= 1 << chance.randrange(8)


def _cut(chance: random.Random, data: bytearray, place: int) -> None:
    del data[place : place + chance.choice([1, 8, len(data)])]


def _double(chance: random.Random, data: bytearray, place: int) -> None:
    data[place:place] = data[place : place + chance.randint(1, 20)]


def _no_object(chance: random.Random, _message: Message) -> list[RawValue]:
    return [raw(chance.choice(_WRONG_TEXTS))]


def _noise(chance: random.Random, _message: Message) -> list[RawValue]:
    return [raw(chance.randbytes(chance.randint(0, 200)))]


def _wrong_encoding(chance: random.Random, message: Message) -> list[RawValue]:
    return [raw(json.dumps(message).encode(), chance.choice(_ENCODINGS), messageType="a.b.C")]


def _wrong_number(chance: random.Random, message: Message) -> list[RawValue]:
    return [as_json(message)] * chance.choice([0, 2, 3, 20])


_SPOILINGS: Final = (
    _wrong_value, _wrong_value, _wrong_value, _missing_field, _extra_field, _extra_field,
    _deep_field, _damaged_text, _damaged_text, _no_object, _noise, _wrong_encoding, _wrong_number,
)  # fmt: skip
