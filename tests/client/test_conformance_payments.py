"""Payments, the same for the fake and the real client: in flight, late, twice, given back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from holdfast_client import (
    Cancelled,
    CheckoutNotFound,
    Committed,
    Expired,
    Fulfilled,
    GraceRefused,
    Held,
    HoldNotActive,
    Late,
    Outcome,
    PaymentConflict,
    RefundDue,
    RefundNotDue,
    Settle,
)
from tests.client.shops import Shop
from tests.workflows.waiting import until


async def held(shop: Shop, checkout_id: str, hold_seconds: int = 60) -> Held:
    await shop.stock("MUG-01", 3)
    outcome = await shop.client.reserve(checkout_id, [("MUG-01", 2)], hold_seconds=hold_seconds)
    assert isinstance(outcome, Held)
    return outcome


async def held_beside(shop: Shop, checkout_id: str) -> str:
    """Hold a checkout and another one, and return the other's id."""
    await held(shop, checkout_id)
    other = f"{checkout_id}-other"
    await shop.client.reserve(other, [("MUG-01", 1)], hold_seconds=60)
    return other


async def test_a_payment_in_flight_keeps_the_hold_past_its_deadline(shop: Shop, checkout_id: str):
    first = await held(shop, checkout_id)
    waiting = await shop.client.payment_started(checkout_id, "p-1", 600, actor="web")
    assert waiting.expires_at == first.expires_at
    assert waiting.paying_until is not None
    assert waiting.paying_until > first.expires_at + timedelta(seconds=500)
    await shop.pass_time(61)
    report = await shop.client.status(checkout_id)
    assert (report.status, report.paying_until) == ("held", waiting.paying_until)
    timeline = await shop.client.timeline(checkout_id)
    assert (timeline.expires_at, timeline.ends_at) == (first.expires_at, waiting.paying_until)
    assert isinstance(await shop.client.confirm(checkout_id, "p-1"), Fulfilled)


async def test_the_status_of_what_is_over_tells_what_was_paid_since(
    shop: Shop, checkout_id: str
) -> None:
    await held(shop, checkout_id)
    await shop.client.cancel(checkout_id)
    assert (await shop.client.status(checkout_id)).payments == ()
    await shop.client.confirm(checkout_id, "p-1", late="refund")
    report = await shop.client.status(checkout_id)
    assert (report.status, [(p.payment_reference, p.state, p.reason) for p in report.payments]) == (
        "cancelled",
        [("p-1", "refund_due", "cancelled")],
    )
    assert [event.event for event in report.events] == ["held", "cancelled"]
    await shop.client.refund_done("p-1")
    timeline = await shop.client.timeline(checkout_id)
    assert [(p.payment_reference, p.state) for p in timeline.payments] == [("p-1", "refunded")]

    async def is_told() -> bool:
        return (await shop.client.status(checkout_id)).payments == timeline.payments

    # The run that was cancelled may be about to end.
    await until(is_told)


async def test_a_cancellation_of_what_nobody_knows_bars_its_id(
    shop: Shop, checkout_id: str
) -> None:
    await shop.stock("MUG-01", 3)
    told = await shop.client.cancel(checkout_id, reason="a slip", actor="sam")
    assert isinstance(told, Cancelled)
    assert (told.reason, told.actor, told.was_known) == ("a slip", "sam", False)
    assert await shop.client.cancel(checkout_id, reason="again") == told
    barred = await shop.client.reserve(checkout_id, [("MUG-01", 1)])
    assert isinstance(barred, Cancelled)
    assert barred.was_known
    assert await shop.available("MUG-01") == (3, 0, 3)


async def test_a_payment_that_ends_past_the_deadline_ends_the_hold(shop: Shop, checkout_id: str):
    await held(shop, checkout_id)
    await shop.client.payment_started(checkout_id, "p-1", 600)
    before = await shop.client.payment_ended(checkout_id, "nobody knows", "cancelled")
    assert before.status == "held"
    await shop.pass_time(61)
    assert isinstance(await shop.client.payment_ended(checkout_id, "p-1"), Expired)
    assert await shop.available("MUG-01") == (3, 0, 3)
    timeline = await shop.client.timeline(checkout_id)
    assert [event.event for event in timeline.events] == [
        "held",
        "payment_started",
        "payment_ended",
        "payment_ended",
        "expired",
    ]
    assert [(p.payment_reference, p.state, p.reason) for p in timeline.payments] == [
        ("p-1", "failed", "failed")
    ]


async def test_a_payment_that_has_ended_keeps_nothing_any_more(shop: Shop, checkout_id: str):
    first = await held(shop, checkout_id)
    await shop.client.payment_started(checkout_id, "p-1", 600)
    await shop.client.payment_ended(checkout_id, "p-1")
    timeline = await shop.client.timeline(checkout_id)
    assert timeline.ends_at == timeline.expires_at == first.expires_at
    assert timeline.report().paying_until is None


async def test_a_failed_payment_goes_to_another_checkout_unless_it_is_in_flight_again(
    shop: Shop, checkout_id: str
):
    other = await held_beside(shop, checkout_id)
    await shop.client.payment_started(checkout_id, "p-1", 600)
    await shop.client.payment_ended(checkout_id, "p-1")
    await shop.client.payment_started(checkout_id, "p-1", 600)
    with pytest.raises(PaymentConflict):
        await shop.client.payment_started(other, "p-1", 600)
    await shop.client.payment_ended(checkout_id, "p-1")
    assert (await shop.client.payment_started(other, "p-1", 600)).paying_until is not None


async def test_the_last_word_on_a_failed_payment_counts_where_it_is(
    shop: Shop, checkout_id: str
) -> None:
    other = await held_beside(shop, checkout_id)
    await shop.client.payment_started(checkout_id, "p-1", 60)
    await shop.client.payment_ended(checkout_id, "p-1", "failed")
    # Who says of it that it has ended does not take it over.
    await shop.client.payment_ended(other, "p-1", "cancelled")
    assert (await shop.client.timeline(other)).payments == ()
    (failed,) = (await shop.client.timeline(checkout_id)).payments
    assert (failed.state, failed.reason) == ("failed", "failed")
    await shop.client.payment_ended(checkout_id, "p-1", "cancelled")
    (again,) = (await shop.client.timeline(checkout_id)).payments
    assert (again.state, again.reason) == ("failed", "cancelled")
    # Who pays with it does.
    assert isinstance(await shop.client.confirm(other, "p-1"), Fulfilled)
    assert (await shop.client.timeline(checkout_id)).payments == ()
    (settled,) = (await shop.client.timeline(other)).payments
    assert (settled.payment_reference, settled.state) == ("p-1", "settled")


async def test_a_payment_that_fails_after_the_end_may_pay_for_another_checkout(
    shop: Shop, checkout_id: str
):
    other = await held_beside(shop, checkout_id)
    await shop.client.payment_started(checkout_id, "p-1", 600)
    await shop.client.cancel(checkout_id)
    with pytest.raises(PaymentConflict):
        await shop.client.confirm(other, "p-1")
    assert isinstance(await shop.client.payment_ended(checkout_id, "p-1"), Cancelled)
    assert isinstance(await shop.client.confirm(other, "p-1"), Fulfilled)


async def test_a_grace_has_an_end_and_never_revives_a_hold(shop: Shop, checkout_id: str):
    first = await held(shop, checkout_id)
    waiting = await shop.client.payment_started(checkout_id, "p-1", 3_600)
    assert waiting.paying_until == first.expires_at + timedelta(seconds=1_800)
    with pytest.raises(GraceRefused) as refused:
        await shop.client.payment_started(checkout_id, "p-1", 3_600)
    assert refused.value.cap_seconds == 1_800
    assert refused.value.details == {
        "cap_seconds": 1_800,
        "paying_until": waiting.model_dump(mode="json")["paying_until"],
    }
    await shop.client.cancel(checkout_id)
    with pytest.raises(HoldNotActive):
        await shop.client.payment_started(checkout_id, "p-1", 60)


async def test_a_payment_belongs_to_one_checkout(shop: Shop, checkout_id: str):
    await held(shop, checkout_id)
    other = f"{checkout_id}-2"
    await shop.client.reserve(other, [("MUG-01", 1)])
    await shop.client.confirm(checkout_id, "p-1")
    for ask in (
        lambda: shop.client.confirm(other, "p-1"),
        lambda: shop.client.payment_started(other, "p-1", 60),
        lambda: shop.client.payment_ended(other, "p-1"),
    ):
        with pytest.raises(PaymentConflict) as conflict:
            await ask()
        assert conflict.value.checkout_id == checkout_id
    assert (await shop.client.status(other)).status == "held"


async def test_a_second_payment_goes_back_and_its_goods_stay(shop: Shop, checkout_id: str):
    await held(shop, checkout_id)
    await shop.client.confirm(checkout_id, "p-1", settle="commit")
    second = await shop.client.confirm(checkout_id, "p-2", late="reinstate")
    assert isinstance(second, Committed)
    assert second.duplicate_payment
    (due,) = (await shop.client.refunds()).refunds
    assert (due.payment_reference, due.checkout_id, due.reason) == ("p-2", checkout_id, "duplicate")
    refunded = await shop.client.refund_done("p-2", actor="sam")
    assert (refunded.payment_reference, refunded.checkout_id) == ("p-2", checkout_id)
    assert (await shop.client.refunds()).refunds == ()
    for payment, state in (("p-2", "refunded"), ("p-1", "settled"), ("p-9", None)):
        with pytest.raises(RefundNotDue) as refused:
            await shop.client.refund_done(payment)
        assert refused.value.state == state
        # Told again, it says in words that it is done, and since when.
        assert refused.value.at == (refunded.at if state == "refunded" else None)
        assert ("has gone back already, on 20" in str(refused.value)) == (state == "refunded")


async def test_what_is_committed_is_listed_to_be_packed(shop: Shop, checkout_id: str):
    await held(shop, checkout_id)
    await shop.client.confirm(checkout_id, "p-1", settle="commit")
    found = await shop.client.holds(committed=True)
    (packed,) = [hold for hold in found.holds if hold.checkout_id == checkout_id]
    assert (packed.payment_reference, packed.expires_at, packed.units) == ("p-1", None, 2)
    assert (await shop.client.holds(committed=True, older_than_seconds=86_400)).holds == ()
    await shop.client.cancel(checkout_id)
    (due,) = (await shop.client.refunds()).refunds
    assert (due.payment_reference, due.reason) == ("p-1", "cancelled")


@pytest.mark.parametrize("settle", ["fulfil", "commit"])
async def test_a_late_payment_is_reinstated_where_all_can_be_had(
    shop: Shop, checkout_id: str, settle: Settle
):
    await held(shop, checkout_id)
    await shop.pass_time(61)
    paid = await shop.client.confirm(checkout_id, "p-1", settle=settle, late="reinstate")
    assert isinstance(paid, Fulfilled | Committed)
    assert paid.reinstated
    assert [line.quantity for line in paid.lines] == [2]
    again = await shop.client.confirm(checkout_id, "p-1", late="reinstate")
    assert again == paid
    # What became of the first attempt is told as well.
    told = await shop.client.timeline(checkout_id)
    assert [event.event for event in told.events][:3] == ["held", "expired", "reinstated"]
    kinds = [movement.kind for movement in told.movements]
    assert kinds[:3] == ["reserve", "expire", "reserve"]
    if settle == "commit":
        assert (await shop.client.status(checkout_id)).status == "committed"
        assert isinstance(await shop.client.fulfil(checkout_id, "s-1"), Fulfilled)
    assert await shop.available("MUG-01") == (1, 0, 1)


async def test_a_late_payment_goes_back_where_something_falls_short(shop: Shop, checkout_id: str):
    await held(shop, checkout_id)
    await shop.pass_time(61)
    await shop.client.reserve(f"{checkout_id}-2", [("MUG-01", 2)])
    due = await shop.client.confirm(checkout_id, "p-1", late="reinstate")
    assert isinstance(due, RefundDue)
    assert (due.payment_reference, due.reason) == ("p-1", "expired")
    assert [(s.sku, s.requested, s.available) for s in due.shortages] == [("MUG-01", 2, 1)]
    assert isinstance(due.standing, Expired)
    # Told again it stays so, whatever it is asked with, and without `late` where it stands is told.
    lates: tuple[Late, ...] = ("reinstate", "refund")
    for late in lates:
        again = await shop.client.confirm(checkout_id, "p-1", late=late)
        assert isinstance(again, RefundDue)
        assert (again.reason, again.shortages) == ("expired", due.shortages)
    assert isinstance(await shop.client.confirm(checkout_id, "p-1"), Expired)


@pytest.mark.parametrize("ending", ["cancelled", "denied"])
async def test_what_did_not_expire_is_never_reinstated(shop: Shop, checkout_id: str, ending: str):
    await shop.stock("MUG-01", 3)
    quantity = 9 if ending == "denied" else 1
    await shop.client.reserve(checkout_id, [("MUG-01", quantity)])
    if ending == "cancelled":
        await shop.client.cancel(checkout_id)
    due = await shop.client.confirm(checkout_id, "p-1", late="reinstate")
    assert isinstance(due, RefundDue)
    assert (due.reason, due.standing and due.standing.status) == (ending, ending)
    states = [(p.state, p.reason) for p in (await shop.client.timeline(checkout_id)).payments]
    assert states == [("refund_due", ending)]


async def test_a_payment_of_a_checkout_that_nobody_knows_is_due_back(shop: Shop, checkout_id: str):
    due = await shop.client.confirm(checkout_id, "p-1", late="refund")
    assert isinstance(due, RefundDue)
    assert (due.reason, due.standing) == ("unknown_checkout", None)
    with pytest.raises(CheckoutNotFound, match="the payment is due back"):
        await shop.client.confirm(checkout_id, "p-2")
    assert len((await shop.client.refunds()).refunds) == 2


@pytest.mark.parametrize(
    "ask",
    [
        lambda client, key: client.fulfil(key, "s-1"),
        lambda client, key: client.release(key, [("MUG-01", 1)]),
        lambda client, key: client.amend(key, [("MUG-01", 1)]),
        lambda client, key: client.extend(key, 60),
        lambda client, key: client.payment_started(key, "p-1", 60),
        lambda client, key: client.payment_ended(key, "p-1"),
    ],
    ids=["fulfil", "release", "amend", "extend", "payment_started", "payment_ended"],
)
async def test_what_else_is_asked_of_a_checkout_that_nobody_knows_bars_nothing(
    shop: Shop, checkout_id: str, ask: Callable[[Any, str], Awaitable[Outcome]]
):
    with pytest.raises(CheckoutNotFound, match=checkout_id):
        await ask(shop.client, checkout_id)
    assert (await shop.client.refunds()).refunds == ()
    await held(shop, checkout_id)
