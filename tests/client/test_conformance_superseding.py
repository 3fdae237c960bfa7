"""What every client of a shop does alike with a checkout that takes over another: fake and real."""

from __future__ import annotations

import pytest

from holdfast_client import Cancelled, CheckoutConflict, Denied, Held, InvalidRequest
from tests.client.shops import Shop
from tests.client.test_conformance import new_sku


async def _old(shop: Shop, checkout_id: str, sku: str, quantity: int = 3) -> Held:
    await shop.stock(sku, 3)
    outcome = await shop.client.reserve(checkout_id, [(sku, quantity)], customer_id="u-1")
    assert isinstance(outcome, Held)
    return outcome


async def test_the_units_of_the_old_one_pass_over(shop: Shop, checkout_id: str) -> None:
    sku, new = new_sku(), f"{checkout_id}-new"
    await _old(shop, checkout_id, sku)
    held = await shop.client.reserve(new, [(sku, 2)], customer_id="u-1", supersedes=checkout_id)
    assert isinstance(held, Held)
    outcome = await shop.client.cancel(checkout_id)
    assert isinstance(outcome, Cancelled)
    assert (outcome.reason, outcome.superseded_by) == (f"superseded by {new}", new)
    assert await shop.available(sku) == (3, 2, 1)
    timeline = await shop.client.timeline(checkout_id)
    assert [(m.kind, m.reserved_delta) for m in timeline.movements] == [
        ("reserve", 3),
        ("supersede", -3),
    ]
    timeline = await shop.client.timeline(new)
    assert [(m.kind, m.reserved_delta) for m in timeline.movements] == [("supersede", 2)]


async def test_a_denied_one_leaves_the_old_one(shop: Shop, checkout_id: str) -> None:
    sku, new = new_sku(), f"{checkout_id}-new"
    held = await _old(shop, checkout_id, sku)
    outcome = await shop.client.reserve(new, [(sku, 4)], customer_id="u-1", supersedes=checkout_id)
    assert isinstance(outcome, Denied)
    assert [(s.requested, s.available, s.next_expiry) for s in outcome.shortages] == [(4, 3, None)]
    assert await shop.client.reserve(checkout_id, [(sku, 3)], customer_id="u-1") == held


async def test_somebody_elses_and_what_is_paid_is_a_conflict(shop: Shop, checkout_id: str) -> None:
    sku = new_sku()
    await _old(shop, checkout_id, sku)
    with pytest.raises(CheckoutConflict) as conflict:
        await shop.client.reserve(
            f"{checkout_id}-1", [(sku, 1)], customer_id="u-2", supersedes=checkout_id
        )
    assert conflict.value.differs == ("supersedes",)
    await shop.client.confirm(checkout_id, "pay_1", settle="commit")
    with pytest.raises(CheckoutConflict):
        await shop.client.reserve(
            f"{checkout_id}-2", [(sku, 1)], customer_id="u-1", supersedes=checkout_id
        )
    assert await shop.available(sku) == (3, 3, 0)


async def test_an_id_that_nobody_knew_can_hold_nothing_any_more(
    shop: Shop, checkout_id: str
) -> None:
    sku, never = new_sku(), f"{checkout_id}-never"
    await shop.stock(sku, 3)
    held = await shop.client.reserve(checkout_id, [(sku, 1)], customer_id="u-1", supersedes=never)
    assert isinstance(held, Held)
    assert (await shop.client.reserve(never, [(sku, 1)])).status == "expired"


async def test_itself_is_named_before_it_is_sent(shop: Shop, checkout_id: str) -> None:
    with pytest.raises(InvalidRequest) as invalid:
        await shop.client.reserve(checkout_id, [("MUG", 1)], supersedes=checkout_id)
    assert invalid.value.field == "supersedes"
