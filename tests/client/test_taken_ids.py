"""A run that came to nothing hides no checkout: what the ledger knows is told by every call."""

from __future__ import annotations

import pytest

from holdfast_client import (
    Cancelled,
    CheckoutConflict,
    Fulfilled,
    Held,
    HoldNotActive,
    InvalidRequest,
    RefundDue,
)
from tests.client.real_shop import RealShop
from tests.client.waiting import closed
from tests.workflows.till import failure_of

LINES = [("MUG", 2)]
OTHER_LINES = [("MUG", 1)]


@pytest.fixture
async def stocked(real_shop: RealShop) -> RealShop:
    await real_shop.stock("MUG", 5)
    return real_shop


async def _terminated(shop: RealShop, checkout_id: str) -> None:
    await shop._stage.till.handle(checkout_id).terminate("by hand")
    await closed(shop._stage.client, checkout_id)


async def _taken_by_another(shop: RealShop, checkout_id: str) -> None:
    """Let somebody ask for something else under the id of a checkout whose workflow is gone."""
    till = shop._stage.till
    await till.start(checkout_id, {"MUG": 1})
    await closed(shop._stage.client, checkout_id)
    failure = await failure_of(till.result(checkout_id))
    assert failure.type == "CheckoutConflict"


async def test_a_request_that_met_a_taken_id_hides_nothing_of_what_is_paid(
    stocked: RealShop, checkout_id: str
) -> None:
    shop, payment = stocked.client, f"pay-{checkout_id}"
    await shop.reserve(checkout_id, LINES)
    paid = await shop.confirm(checkout_id, payment, settle="commit")
    await _terminated(stocked, checkout_id)
    await _taken_by_another(stocked, checkout_id)
    assert (await shop.status(checkout_id)).status == "committed"
    assert await shop.confirm(checkout_id, payment, settle="commit") == paid
    # It has its workflow again, which may be lost again.
    await _terminated(stocked, checkout_id)
    await _taken_by_another(stocked, checkout_id)
    due = await shop.confirm(checkout_id, f"second-{checkout_id}", late="refund")
    assert isinstance(due, RefundDue)
    assert (due.reason, due.standing) == ("duplicate", paid)
    await _terminated(stocked, checkout_id)
    await _taken_by_another(stocked, checkout_id)
    fulfilled = await shop.fulfil(checkout_id, "parcel-1")
    assert isinstance(fulfilled, Fulfilled)
    assert await stocked.available("MUG") == (3, 0, 3)


async def test_a_request_that_met_a_taken_id_hides_no_end(
    stocked: RealShop, checkout_id: str
) -> None:
    shop, payment = stocked.client, f"pay-{checkout_id}"
    await shop.reserve(checkout_id, LINES)
    fulfilled = await shop.confirm(checkout_id, payment)
    await closed(stocked._stage.client, checkout_id)
    await _taken_by_another(stocked, checkout_id)
    assert (await shop.status(checkout_id)).status == "fulfilled"
    assert await shop.confirm(checkout_id, payment) == fulfilled
    assert await shop.cancel(checkout_id) == fulfilled
    with pytest.raises(HoldNotActive, match="fulfilled"):
        await shop.extend(checkout_id, 60)
    with pytest.raises(CheckoutConflict) as refused:
        await shop.reserve(checkout_id, OTHER_LINES)
    assert refused.value.differs == ("lines",)
    assert await shop.reserve(checkout_id, LINES) == fulfilled


async def test_whoever_reserved_first_is_told_where_it_stands_after_another_met_the_id(
    stocked: RealShop, checkout_id: str
) -> None:
    shop = stocked.client
    held = await shop.reserve(checkout_id, LINES)
    await _terminated(stocked, checkout_id)
    await _taken_by_another(stocked, checkout_id)
    assert await shop.reserve(checkout_id, LINES) == held
    with pytest.raises(CheckoutConflict):
        await shop.reserve(checkout_id, OTHER_LINES)
    assert isinstance(await shop.cancel(checkout_id), Cancelled)
    assert await stocked.available("MUG") == (5, 0, 5)


@pytest.mark.parametrize("is_paid", [True, False])
async def test_a_terminated_checkout_is_reserved_again_as_the_ledger_has_it(
    stocked: RealShop, checkout_id: str, is_paid: bool
) -> None:
    shop = stocked.client
    first = await shop.reserve(checkout_id, LINES)
    if is_paid:
        first = await shop.confirm(checkout_id, f"pay-{checkout_id}", settle="commit")
    await _terminated(stocked, checkout_id)
    assert await shop.reserve(checkout_id, LINES) == first
    # Its workflow runs again, and refuses what is another request.
    with pytest.raises(CheckoutConflict):
        await shop.reserve(checkout_id, OTHER_LINES)
    await _terminated(stocked, checkout_id)
    with pytest.raises(CheckoutConflict):
        await shop.reserve(checkout_id, OTHER_LINES)
    ended = await shop.cancel(checkout_id)
    await closed(stocked._stage.client, checkout_id)
    assert await shop.reserve(checkout_id, LINES) == ended
    assert await stocked.available("MUG") == (5, 0, 5)


async def test_a_checkout_that_ended_while_its_workflow_was_gone_is_told_by_its_end(
    stocked: RealShop, checkout_id: str
) -> None:
    shop = stocked.client
    await shop.reserve(checkout_id, LINES)
    await _terminated(stocked, checkout_id)
    ended = await shop.cancel(checkout_id, reason="by the buyer")
    with pytest.raises(HoldNotActive, match="cancelled"):
        await shop.extend(checkout_id, 60)
    assert await shop.reserve(checkout_id, LINES) == ended
    with pytest.raises(CheckoutConflict):
        await shop.reserve(checkout_id, OTHER_LINES)


async def test_a_payment_of_a_cart_that_was_refused_is_on_record_as_due_back(
    stocked: RealShop, checkout_id: str
) -> None:
    shop, payment = stocked.client, f"pay-{checkout_id}"
    for _ in range(2):
        with pytest.raises(InvalidRequest) as refused:
            await shop.reserve_cart(checkout_id, "no-cart")
        assert refused.value.field == "cart_id"
        await closed(stocked._stage.client, checkout_id)
    told = await shop.status(checkout_id)
    assert (told.status, told.events[0].reason) == ("denied", refused.value.problem)
    due = await shop.confirm(checkout_id, payment, late="refund")
    assert isinstance(due, RefundDue)
    assert due.reason == "denied"
    listed = (await shop.refunds()).refunds
    assert [each.payment_reference for each in listed] == [payment]
    assert (await shop.cancel(checkout_id)).status == "denied"
    with pytest.raises(HoldNotActive, match="denied"):
        await shop.extend(checkout_id, 60)


async def test_a_payment_of_what_could_not_supersede_is_on_record_as_due_back(
    stocked: RealShop, checkout_id: str
) -> None:
    shop, other = stocked.client, f"{checkout_id}-2"
    held = await shop.reserve(checkout_id, LINES, customer_id="u-1")
    assert isinstance(held, Held)
    with pytest.raises(CheckoutConflict):
        await shop.reserve(other, LINES, customer_id="u-2", supersedes=checkout_id)
    await closed(stocked._stage.client, other)
    # Where the database knows nothing, why it was refused is all there is to tell.
    for ask in (
        lambda: shop.reserve(other, LINES, customer_id="u-2", supersedes=checkout_id),
        lambda: shop.status(other),
        lambda: shop.extend(other, 60),
    ):
        with pytest.raises(CheckoutConflict) as again:
            await ask()
        assert again.value.differs == ("supersedes",)
    due = await shop.confirm(other, f"pay-{other}", late="refund")
    assert isinstance(due, RefundDue)
    assert due.reason == "unknown_checkout"
    due_back = (await shop.refunds(limit=200)).refunds
    assert f"pay-{other}" in [refund.payment_reference for refund in due_back]
    nothing = await shop.cancel(other)
    assert isinstance(nothing, Cancelled)
    assert not nothing.was_known
    assert (await shop.status(checkout_id)).status == "held"
