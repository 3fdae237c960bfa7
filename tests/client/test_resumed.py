"""A checkout that went on in another workflow is still the one that was asked for first."""

from __future__ import annotations

import pytest

from holdfast_client import CheckoutConflict, Committed, Fulfilled, Held
from tests.client.real_shop import RealShop

LINES = [("MUG", 2), ("CUP", 1)]


async def test_asked_for_again_it_tells_where_it_stands_and_refuses_other_lines(
    real_shop: RealShop, checkout_id: str
) -> None:
    shop = real_shop.client
    for sku in ("MUG", "CUP"):
        await real_shop.stock(sku, 5)
    held = await shop.reserve(checkout_id, LINES, customer_id="u-17")
    assert isinstance(held, Held)
    await real_shop._stage.till.handle(checkout_id).terminate("by hand")
    paid = await shop.confirm(checkout_id, f"pay-{checkout_id}", settle="commit")
    assert isinstance(paid, Committed)

    async def is_asked_for_again(kind: type[Committed | Fulfilled]) -> None:
        again = await shop.reserve(checkout_id, [*reversed(LINES)], customer_id="u-17")
        assert isinstance(again, kind)
        with pytest.raises(CheckoutConflict) as refused:
            await shop.reserve(checkout_id, [("MUG", 3), ("CUP", 1)], customer_id="u-17")
        assert refused.value.differs == ("lines",)

    # While the workflow that goes on with it runs, and when that is over.
    await is_asked_for_again(Committed)
    assert isinstance(await shop.fulfil(checkout_id, "parcel-1"), Fulfilled)
    await is_asked_for_again(Fulfilled)


async def test_a_terminated_hold_is_told_as_it_stands_until_it_is_free(
    real_shop: RealShop, checkout_id: str
) -> None:
    shop = real_shop.client
    await real_shop.stock("MUG", 5)
    held = await shop.reserve(checkout_id, [("MUG", 2)], hold_seconds=60)
    assert isinstance(held, Held)
    waiting = await shop.payment_started(checkout_id, f"pay-{checkout_id}", 600)
    await real_shop._stage.till.handle(checkout_id).terminate("by hand")
    report = await shop.status(checkout_id)
    assert (report.status, report.expires_at) == ("held", held.expires_at)
    assert report.paying_until == waiting.paying_until
    await shop.payment_ended(checkout_id, f"pay-{checkout_id}")
    assert (await shop.status(checkout_id)).paying_until is None
    await shop.cancel(checkout_id)
    assert (await shop.status(checkout_id)).status == "cancelled"
    assert (await shop.timeline(checkout_id)).status == "cancelled"
    assert await real_shop.available("MUG") == (5, 0, 5)
