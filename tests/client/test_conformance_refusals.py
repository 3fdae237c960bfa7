"""What every client of a shop says alike when it says no: the fake and the real one."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast_client import (
    AdjustmentApplied,
    AdjustmentConflict,
    AdjustmentOutcome,
    AdjustmentRefused,
    CheckoutConflict,
    Denied,
    ExtensionRefused,
    Fulfilled,
    HoldNotActive,
)
from holdfast_client.contract.outcomes import Holder
from tests.client.shops import Shop
from tests.client.test_conformance import hold, new_sku

FIRST: dict[str, Any] = {"lines": [("MUG", 1)], "customer_id": "u-1", "cart_id": "c-1"}
OTHERS: list[dict[str, Any]] = [
    {"lines": [("MUG", 2)]},
    {"hold_seconds": 901},
    {"customer_id": "u-2", "cart_id": None},
]


@pytest.mark.parametrize("change", OTHERS, ids=" ".join)
async def test_a_conflict_names_what_differs_while_it_runs_and_when_it_is_over(
    shop: Shop, checkout_id: str, change: dict[str, Any]
) -> None:
    sku = new_sku()
    first = {**FIRST, "lines": [(sku, 1)]}
    change = {**change, "lines": [(sku, 2)]} if "lines" in change else change
    await shop.stock(sku, 5)
    await shop.client.reserve(checkout_id, **first)
    for _ in range(2):
        with pytest.raises(CheckoutConflict, match=" and ".join(change)) as raised:
            await shop.client.reserve(checkout_id, **{**first, **change})
        assert raised.value.differs == tuple(change)
        assert raised.value.details == {"differs": list(change)}
        await shop.client.cancel(checkout_id)


async def test_a_refused_extension_names_the_cap_and_the_most_that_could_be_asked(
    shop: Shop, checkout_id: str
) -> None:
    sku = new_sku()
    await shop.stock(sku, 1)
    held = await hold(shop, checkout_id, sku, hold_seconds=900)
    with pytest.raises(ExtensionRefused, match="at most 3h45m") as raised:
        await shop.client.extend(checkout_id, 13_501)
    refused = raised.value
    assert (refused.cap_seconds, refused.seconds_max) == (14_400, 13_500)
    extended = await shop.client.extend(checkout_id, refused.seconds_max or 0)
    assert (extended.expires_at - held.expires_at).total_seconds() == 13_500
    with pytest.raises(ExtensionRefused, match="cannot be extended any more") as raised:
        await shop.client.extend(checkout_id, 1)
    assert raised.value.seconds_max == 0


async def test_what_cannot_be_extended_any_more_tells_where_it_stands(
    shop: Shop, checkout_id: str
) -> None:
    sku = new_sku()
    await shop.stock(sku, 1)
    await hold(shop, checkout_id, sku)
    paid = await shop.client.confirm(checkout_id, f"pay-{checkout_id}")
    with pytest.raises(HoldNotActive, match="fulfilled") as raised:
        await shop.client.extend(checkout_id, 60)
    assert isinstance(paid, Fulfilled)
    assert raised.value.standing == paid


async def test_stock_that_is_held_names_who_holds_it(shop: Shop, checkout_id: str) -> None:
    sku = new_sku()
    await shop.stock(sku, 10)
    later = await hold(shop, f"{checkout_id}/later", sku, 3, hold_seconds=900)
    await hold(shop, f"{checkout_id}/sooner", sku, 1, hold_seconds=300)
    # Past the other's deadline: what is told is when each really ends.
    waiting = await shop.client.payment_started(f"{checkout_id}/sooner", f"p-{checkout_id}", 1_200)
    outcome = await shop.client.adjust_stock(checkout_id, sku, "count", 2)
    assert outcome == AdjustmentRefused(
        reason="below_reserved",
        sku=sku,
        location="main",
        total=10,
        reserved=4,
        available=6,
        holders=(
            Holder(checkout_id=f"{checkout_id}/later", quantity=3, expires_at=later.expires_at),
            Holder(
                checkout_id=f"{checkout_id}/sooner", quantity=1, expires_at=waiting.paying_until
            ),
        ),
    )


async def test_a_conflict_of_adjustments_names_what_differs(shop: Shop, checkout_id: str) -> None:
    sku = new_sku()
    await shop.client.adjust_stock(checkout_id, sku, "receive", 7)
    with pytest.raises(AdjustmentConflict, match="quantity and reason") as raised:
        await shop.client.adjust_stock(checkout_id, sku, "receive", 8, reason="another")
    assert raised.value.differs == ("quantity", "reason")


# What is received, and what is for sale


async def test_a_receipt_says_whether_it_made_the_stock_item_and_may_be_kept_from_it(
    shop: Shop, checkout_id: str
) -> None:
    sku = new_sku()

    async def receive(number: int, *, new: bool) -> AdjustmentOutcome:
        return await shop.client.adjust_stock(f"{checkout_id}/{number}", sku, "receive", 2, new=new)

    assert await receive(1, new=False) == AdjustmentRefused(
        reason="unknown_sku", sku=sku, location="main"
    )
    made, added = await receive(2, new=True), await receive(3, new=False)
    assert isinstance(made, AdjustmentApplied)
    assert isinstance(added, AdjustmentApplied)
    assert (made.created, added.created, added.total) == (True, False, 4)


async def test_what_is_taken_out_of_sale_is_denied_until_it_is_put_back(
    shop: Shop, checkout_id: str
) -> None:
    sku = new_sku()
    await shop.stock(sku, 5)
    await hold(shop, f"{checkout_id}/before", sku, 2)
    out = await shop.client.adjust_stock(
        f"{checkout_id}/out", sku, "deactivate", 0, reason="recall"
    )
    assert out == AdjustmentApplied(
        sku=sku, location="main", total=5, reserved=2, available=3, active=False
    )
    denied = await shop.client.reserve(f"{checkout_id}/meanwhile", [(sku, 1)])
    assert isinstance(denied, Denied)
    assert [(n.reason, n.next_expiry) for n in denied.shortages] == [("inactive", None)]
    assert isinstance(
        await shop.client.confirm(f"{checkout_id}/before", f"pay-{checkout_id}/before"), Fulfilled
    )
    await shop.client.adjust_stock(f"{checkout_id}/in", sku, "activate", 0)
    await hold(shop, f"{checkout_id}/after", sku, 3)
