"""What every client refuses before anything is sent, by the name of the field."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from holdfast_client import InvalidRequest, Line
from tests.client.shops import Shop


@pytest.mark.parametrize(
    ("field", "arguments"),
    [
        ("checkout_id", {"checkout_id": ""}),
        ("checkout_id", {"checkout_id": "-x"}),
        ("checkout_id", {"checkout_id": "a b"}),
        ("checkout_id", {"checkout_id": "x" * 201}),
        ("checkout_id", {"checkout_id": 7}),
        ("checkout_id", {"checkout_id": "cart\n"}),
        ("lines", {"lines": []}),
        ("lines", {"lines": "MUG"}),
        ("lines", {"lines": None}),
        ("lines", {"lines": {"sku": "MUG", "quantity": 1}}),
        ("lines", {"lines": [("MUG", 1)] * 1_001}),
        ("lines[0]", {"lines": ["MUG"]}),
        ("lines[1]", {"lines": [("MUG", 1), ("MUG",)]}),
        ("lines[1]", {"lines": [("MUG", 1), ("MUG", 1, "main", 4)]}),
        ("lines[1]", {"lines": [("MUG", 1), None]}),
        ("lines[0].quantity", {"lines": [("MUG", 0)]}),
        ("lines[0].quantity", {"lines": [("MUG", -1)]}),
        ("lines[0].quantity", {"lines": [("MUG", True)]}),
        ("lines[0].quantity", {"lines": [("MUG", 2.0)]}),
        ("lines[0].quantity", {"lines": [("MUG", "2")]}),
        ("lines[0].quantity", {"lines": [("MUG", 1_000_001)]}),
        ("lines[0].quantity", {"lines": [Line.model_construct(sku="MUG", quantity=0)]}),
        ("lines[0].quantity", {"lines": [{"sku": "MUG"}]}),
        ("lines[0].colour", {"lines": [{"sku": "MUG", "quantity": 1, "colour": "red"}]}),
        ("lines[0].sku", {"lines": [("", 1)]}),
        ("lines[0].sku", {"lines": [("M\nUG", 1)]}),
        ("lines[0].sku", {"lines": [(" MUG", 1)]}),
        ("lines[0].sku", {"lines": [("x" * 101, 1)]}),
        ("lines[0].location", {"lines": [{"sku": "MUG", "quantity": 1, "location": ""}]}),
        ("hold_seconds", {"hold_seconds": 0}),
        ("hold_seconds", {"hold_seconds": 604_800}),
        ("hold_seconds", {"hold_seconds": 60.0}),
        ("hold_seconds", {"hold_seconds": True}),
        ("customer_id", {"customer_id": ""}),
        ("customer_id", {"customer_id": 17}),
        ("cart_id", {"cart_id": "x" * 201}),
    ],
)
async def test_a_wrong_reserve_is_refused_by_the_name_of_its_field(
    shop: Shop, checkout_id: str, field: str, arguments: dict[str, Any]
) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        await shop.client.reserve(
            **{"checkout_id": checkout_id, "lines": [("MUG", 1)], **arguments}
        )
    assert refusal.value.field == field


_NAIVE = datetime(2026, 3, 1)  # noqa: DTZ001 the point of it
_ELSEWHERE = datetime(2026, 3, 1, tzinfo=timezone(timedelta(hours=1)))


@pytest.mark.parametrize(
    ("field", "method", "arguments"),
    [
        ("checkout_id", "confirm", {"checkout_id": "", "payment_reference": "p"}),
        ("payment_reference", "confirm", {"payment_reference": ""}),
        ("payment_reference", "confirm", {"payment_reference": "p" * 501}),
        ("actor", "confirm", {"payment_reference": "p", "actor": "a\x00"}),
        ("checkout_id", "extend", {"checkout_id": "?", "seconds": 60}),
        ("seconds", "extend", {"seconds": 0}),
        ("seconds", "extend", {"seconds": True}),
        ("seconds", "extend", {"seconds": 86_401}),
        ("reason", "extend", {"seconds": 60, "reason": "r" * 501}),
        ("checkout_id", "cancel", {"checkout_id": None}),
        ("actor", "cancel", {"actor": 5}),
        ("checkout_id", "status", {"checkout_id": "a b"}),
        ("limit", "list", {"limit": 0}),
        ("limit", "list", {"limit": 1_001}),
        ("limit", "list", {"limit": True}),
        ("status", "list", {"status": "sold"}),
        ("started_after", "list", {"started_after": _NAIVE}),
        ("started_before", "list", {"started_before": _ELSEWHERE}),
        ("customer_id", "list", {"customer_id": 'a "nickname"'}),
        ("cart_id", "list", {"cart_id": "a\\b"}),
        ("sku", "list", {"sku": "MUG'"}),
    ],
)
async def test_a_wrong_call_is_refused_by_the_name_of_its_field(
    shop: Shop, checkout_id: str, field: str, method: str, arguments: dict[str, Any]
) -> None:
    named = {} if method == "list" else {"checkout_id": checkout_id}
    with pytest.raises(InvalidRequest) as refusal:
        await getattr(shop.client, method)(**{**named, **arguments})
    assert refusal.value.field == field


@pytest.mark.parametrize(
    ("field", "arguments"),
    [
        ("adjustment_id", {"adjustment_id": ""}),
        ("sku", {"sku": ""}),
        ("kind", {"kind": "steal"}),
        ("quantity", {"quantity": 1.0}),
        ("quantity", {"quantity": 1_000_000_001}),
        ("location", {"location": ""}),
    ],
)
async def test_a_wrong_adjustment_is_refused_by_the_name_of_its_field(
    shop: Shop, checkout_id: str, field: str, arguments: dict[str, Any]
) -> None:
    right = {"adjustment_id": checkout_id, "sku": "MUG", "kind": "receive", "quantity": 1}
    with pytest.raises(InvalidRequest) as refusal:
        await shop.client.adjust_stock(**{**right, **arguments})
    assert refusal.value.field == field


@pytest.mark.parametrize(("kind", "quantity"), [("receive", 0), ("count", -1), ("adjust", 0)])
async def test_each_kind_of_adjustment_has_quantities_that_make_no_sense(
    shop: Shop, checkout_id: str, kind: Any, quantity: int
) -> None:
    with pytest.raises(InvalidRequest, match="quantity"):
        await shop.client.adjust_stock(checkout_id, "MUG", kind, quantity)
