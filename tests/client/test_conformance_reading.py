"""What every client of a shop tells alike of checkouts: the fake in memory and the real one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from holdfast_client import Cancelled, CheckoutNotFound
from tests.client.shops import Shop
from tests.client.test_conformance import hold, new_sku
from tests.client.waiting import eventually


async def test_a_cancellation_frees_the_stock_and_keeps_who_and_why(
    shop: Shop, checkout_id: str
) -> None:
    sku = new_sku()
    await shop.stock(sku, 5)
    await hold(shop, checkout_id, sku, 5)
    outcome = await shop.client.cancel(checkout_id, reason="changed their mind", actor="ann")
    assert isinstance(outcome, Cancelled)
    assert (outcome.reason, outcome.actor) == ("changed their mind", "ann")
    assert await shop.available(sku) == (5, 0, 5)


async def test_the_status_tells_the_lines_the_deadline_and_the_events(
    shop: Shop, checkout_id: str
) -> None:
    sku = new_sku()
    await shop.stock(sku, 5)
    held = await hold(shop, checkout_id, sku, 2)
    report = await shop.client.status(checkout_id)
    assert (report.checkout_id, report.status) == (checkout_id, "held")
    assert report.expires_at == held.expires_at
    assert report.lines == held.lines
    assert report.events


async def test_an_unknown_checkout_is_not_found(shop: Shop, checkout_id: str) -> None:
    asked: list[Callable[[], Awaitable[object]]] = [
        lambda: shop.client.confirm(checkout_id, f"pay-{checkout_id}"),
        lambda: shop.client.extend(checkout_id, 60),
        lambda: shop.client.status(checkout_id),
    ]
    for ask in asked:
        with pytest.raises(CheckoutNotFound, match=checkout_id):
            await ask()


async def test_a_cancellation_leaves_a_mark_of_what_stays_unknown(
    shop: Shop, checkout_id: str
) -> None:
    told = await shop.client.cancel(checkout_id, reason="a slip", actor="sam")
    assert isinstance(told, Cancelled)
    # Nobody knew it then, and nobody knows it now.
    with pytest.raises(CheckoutNotFound, match=checkout_id):
        await shop.client.status(checkout_id)
    # The database tells what it has, and no more where a checkout is sent later.
    for _ in range(2):
        timeline = await shop.client.timeline(checkout_id)
        assert (timeline.status, timeline.customer_id) == ("cancelled", None)
        assert timeline.created_at == timeline.closed_at == told.at
        (ending,) = timeline.events
        assert (ending.event, ending.at) == ("cancelled", told.at)
        assert (ending.reason, ending.actor) == ("a slip", "sam")
        await shop.client.reserve(checkout_id, [("MUG-01", 1)], customer_id="u-1")
    assert (await shop.client.status(checkout_id)).status == "cancelled"


async def test_a_payment_of_what_nobody_knows_is_found_by_its_timeline(
    shop: Shop, checkout_id: str
) -> None:
    await shop.client.confirm(checkout_id, "p-1", late="refund")
    with pytest.raises(CheckoutNotFound, match=checkout_id):
        await shop.client.status(checkout_id)
    timeline = await shop.client.timeline(checkout_id)
    (due,) = timeline.payments
    assert (due.payment_reference, due.state, due.reason) == (
        "p-1",
        "refund_due",
        "unknown_checkout",
    )
    (ending,) = timeline.events
    assert (timeline.status, ending.event, ending.reason) == ("expired", "expired", "")


async def test_checkouts_are_listed_by_whose_they_are_where_they_stand_and_what_they_hold(
    shop: Shop, checkout_id: str
) -> None:
    sku, customer, cart = new_sku("O'Brien"), f"u-{checkout_id}", f"c-{checkout_id}"
    await shop.stock(sku, 5)
    before = datetime.now(UTC) - timedelta(days=1)
    await hold(shop, f"{checkout_id}/1", sku, customer_id=customer, cart_id=cart)
    await hold(shop, f"{checkout_id}/2", sku, customer_id=customer)
    await shop.client.cancel(f"{checkout_id}/2")
    wanted: list[tuple[dict[str, Any], list[str]]] = [
        ({"customer_id": customer}, ["1", "2"]),
        ({"customer_id": customer, "status": "held"}, ["1"]),
        ({"customer_id": customer, "status": "cancelled"}, ["2"]),
        ({"customer_id": customer, "limit": 1}, ["1"]),
        ({"customer_id": customer, "started_after": before}, ["1", "2"]),
        ({"customer_id": customer, "started_before": before}, []),
        ({"cart_id": cart}, ["1"]),
        ({"sku": sku}, ["1", "2"]),
        ({"sku": sku.upper()}, []),
    ]
    for conditions, expected in wanted:
        assert await _listed(shop, conditions, expected) == expected


async def _listed(shop: Shop, conditions: dict[str, Any], expected: list[str]) -> list[str]:
    async def look() -> list[str]:
        rows = await shop.client.list(**conditions)
        return [row.checkout_id.rpartition("/")[2] for row in rows]

    return await eventually(look, lambda found: found == expected)
