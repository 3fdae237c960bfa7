"""What is told of requests that were refused, the same for the fake and the real client."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from holdfast_client import (
    Cancelled,
    CheckoutConflict,
    CheckoutNotFound,
    Denied,
    HoldNotActive,
    InvalidRequest,
    Outcome,
    RefundDue,
)
from tests.client.shops import Shop
from tests.client.waiting import eventually


async def test_a_cart_that_was_refused_stays_denied(shop: Shop, checkout_id: str) -> None:
    customer = f"u-{checkout_id}"
    for _ in range(2):
        with pytest.raises(InvalidRequest) as refused:
            await shop.client.reserve_cart(checkout_id, "no-cart", customer_id=customer)
        assert refused.value.field == "cart_id"
    with pytest.raises(CheckoutConflict):
        await shop.client.reserve_cart(checkout_id, "another", customer_id=customer)
    assert await listed(shop, customer) == {"interrupted"}
    report = await shop.client.status(checkout_id)
    assert (report.status, report.lines) == ("denied", ())
    assert [(e.event, e.reason) for e in report.events] == [("denied", refused.value.problem)]
    timeline = await shop.client.timeline(checkout_id)
    assert (timeline.status, timeline.customer_id, timeline.cart_id) == (
        "denied",
        customer,
        "no-cart",
    )
    assert (timeline.shortages, timeline.movements, timeline.expires_at) == ((), (), None)
    due = await shop.client.confirm(checkout_id, "p-1", late="refund")
    assert isinstance(due, RefundDue)
    assert (due.reason, due.standing) == ("denied", Denied(shortages=()))
    assert [p.payment_reference for p in (await shop.client.status(checkout_id)).payments] == [
        "p-1"
    ]
    assert isinstance(await shop.client.confirm(checkout_id, "p-2"), Denied)
    assert isinstance(await shop.client.cancel(checkout_id), Denied)
    with pytest.raises(HoldNotActive, match="denied"):
        await shop.client.extend(checkout_id, 60)


async def test_a_cart_that_was_refused_bars_the_unknown_id_that_it_was_to_supersede(
    shop: Shop, checkout_id: str
) -> None:
    await shop.stock("MUG-01", 3)
    never = f"{checkout_id}-never"
    with pytest.raises(InvalidRequest):
        await shop.client.reserve_cart(
            checkout_id, "no-cart", customer_id=f"u-{checkout_id}", supersedes=never
        )
    assert (await shop.client.reserve(never, [("MUG-01", 1)])).status == "expired"


async def listed(shop: Shop, customer_id: str) -> set[str]:
    async def look() -> set[str]:
        # The real one has a row for each run.
        return {row.status for row in await shop.client.list(customer_id=customer_id)}

    # Temporal's list comes a moment late.
    return await eventually(look, lambda found: bool(found) and "pending" not in found)


async def refused_to_supersede(shop: Shop, checkout_id: str) -> str:
    """Return the id of a checkout that was refused, because it would supersede another's."""
    await shop.stock("MUG-01", 3)
    await shop.client.reserve(checkout_id, [("MUG-01", 1)], customer_id=f"u-1-{checkout_id}")
    other = f"{checkout_id}-2"
    await again_refused(lambda: supersede(shop, other, checkout_id))
    return other


async def supersede(shop: Shop, checkout_id: str, old: str) -> Outcome:
    lines = [("MUG-01", 1)]
    return await shop.client.reserve(checkout_id, lines, customer_id=f"u-2-{old}", supersedes=old)


async def again_refused(ask: Callable[[], Awaitable[object]]) -> None:
    with pytest.raises(CheckoutConflict) as conflict:
        await ask()
    assert conflict.value.differs == ("supersedes",)


async def test_what_could_not_supersede_is_told_why_and_unknown_to_the_database(
    shop: Shop, checkout_id: str
) -> None:
    other = await refused_to_supersede(shop, checkout_id)
    lines = [("MUG-01", 1)]
    # That the other one is over changes nothing of it.
    await shop.client.cancel(checkout_id)
    await again_refused(lambda: supersede(shop, other, checkout_id))
    await again_refused(lambda: shop.client.reserve(other, lines, customer_id=f"u-2-{checkout_id}"))
    await again_refused(lambda: shop.client.status(other))
    await again_refused(lambda: shop.client.fulfil(other, "s-1"))
    await again_refused(lambda: shop.client.extend(other, 60))
    assert await listed(shop, f"u-2-{checkout_id}") == {"interrupted"}
    with pytest.raises(CheckoutNotFound):
        await shop.client.timeline(other)
    assert await shop.available("MUG-01") == (3, 0, 3)


async def test_a_payment_of_what_could_not_supersede_is_due_back(
    shop: Shop, checkout_id: str
) -> None:
    other = await refused_to_supersede(shop, checkout_id)
    due = await shop.client.confirm(other, "p-1", late="refund")
    assert isinstance(due, RefundDue)
    assert (due.reason, due.standing) == ("unknown_checkout", None)
    with pytest.raises(CheckoutNotFound, match="the payment is due back"):
        await shop.client.confirm(other, "p-2")
    await again_refused(lambda: shop.client.status(other))
    assert len((await shop.client.timeline(other)).payments) == 2
    assert (await shop.client.status(checkout_id)).status == "held"


async def test_a_cancellation_of_what_could_not_supersede_bars_its_id(
    shop: Shop, checkout_id: str
) -> None:
    other = await refused_to_supersede(shop, checkout_id)
    told = await shop.client.cancel(other)
    assert isinstance(told, Cancelled)
    assert not told.was_known
    await again_refused(lambda: shop.client.status(other))
    assert (await shop.client.timeline(other)).status == "cancelled"
    await shop.client.cancel(checkout_id)
    await again_refused(lambda: supersede(shop, other, checkout_id))
    assert await shop.available("MUG-01") == (3, 0, 3)
