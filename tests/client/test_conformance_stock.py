"""What every client of a shop does alike with stock: the fake in memory and the real one."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast_client import AdjustmentApplied, AdjustmentConflict, AdjustmentRefused
from tests.client.shops import Shop
from tests.client.test_conformance import hold, new_sku


@pytest.mark.parametrize(
    ("kind", "quantity", "expected"),
    [
        ("receive", 3, (13, 4, 9)),
        ("adjust", 3, (13, 4, 9)),
        ("adjust", -6, (4, 4, 0)),
        ("adjust", -7, "below_reserved"),
        ("adjust", -10, "below_reserved"),
        ("adjust", -11, "negative_total"),
        ("count", 4, (4, 4, 0)),
        ("count", 3, "below_reserved"),
        ("count", 0, "below_reserved"),
    ],
)
async def test_an_adjustment_never_takes_what_is_reserved(
    shop: Shop, checkout_id: str, kind: Any, quantity: int, expected: Any
) -> None:
    sku = new_sku()
    await shop.stock(sku, 10)
    await hold(shop, checkout_id, sku, 4)
    outcome = await shop.client.adjust_stock(checkout_id, sku, kind, quantity, actor="ann")
    if isinstance(expected, str):
        assert isinstance(outcome, AdjustmentRefused)
        assert outcome.reason == expected
        assert await shop.available(sku) == (10, 4, 6)
    else:
        assert isinstance(outcome, AdjustmentApplied)
        assert (outcome.total, outcome.reserved, outcome.available) == expected
        assert await shop.available(sku) == expected


async def test_goods_received_make_a_new_sku(shop: Shop, checkout_id: str) -> None:
    sku = new_sku()
    outcome = await shop.client.adjust_stock(checkout_id, sku, "receive", 7, location="attic")
    assert outcome == AdjustmentApplied(
        sku=sku, location="attic", total=7, reserved=0, available=7, created=True
    )


@pytest.mark.parametrize("kind", ["adjust", "count"])
async def test_an_unknown_sku_is_neither_corrected_nor_counted(
    shop: Shop, checkout_id: str, kind: Any
) -> None:
    sku = new_sku()
    outcome = await shop.client.adjust_stock(checkout_id, sku, kind, 7)
    assert outcome == AdjustmentRefused(reason="unknown_sku", sku=sku, location="main")


async def test_one_adjustment_id_is_applied_once_and_means_one_change(
    shop: Shop, checkout_id: str
) -> None:
    sku = new_sku()
    first = await shop.client.adjust_stock(checkout_id, sku, "receive", 7)
    assert await shop.client.adjust_stock(checkout_id, sku, "receive", 7) == first
    assert await shop.available(sku) == (7, 0, 7)
    with pytest.raises(AdjustmentConflict):
        await shop.client.adjust_stock(checkout_id, sku, "receive", 8)
