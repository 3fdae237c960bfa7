"""What every client of a shop does alike: the fake in memory and the real one with its ledger."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from holdfast_client import (
    Cancelled,
    CheckoutConflict,
    CheckoutNotFound,
    Denied,
    Expired,
    ExtensionRefused,
    Fulfilled,
    Held,
    HeldLine,
    HoldfastError,
    HoldNotActive,
    Line,
    Outcome,
)
from tests.client.shops import Shop


def new_sku(name: str = "MUG") -> str:
    return f"{name}-{uuid.uuid4().hex[:12]}"


async def hold(shop: Shop, checkout_id: str, sku: str, quantity: int = 1, **more: Any) -> Held:
    outcome = await shop.client.reserve(checkout_id, [(sku, quantity)], **more)
    assert isinstance(outcome, Held)
    return outcome


# Reserving


async def test_a_hold_lowers_what_is_available_and_leaves_the_total(
    shop: Shop, checkout_id: str
) -> None:
    sku = new_sku()
    await shop.stock(sku, 5)
    held = await hold(shop, checkout_id, sku, 2)
    assert await shop.available(sku) == (5, 2, 3)
    assert held.lines == (HeldLine(sku=sku, location="main", quantity=2),)


async def test_all_lines_are_held_or_none(shop: Shop, checkout_id: str) -> None:
    plenty, scarce = new_sku("A"), new_sku("B")
    await shop.stock(plenty, 10)
    await shop.stock(scarce, 1)
    outcome = await shop.client.reserve(checkout_id, [(plenty, 4), (scarce, 2)])
    assert isinstance(outcome, Denied)
    assert await shop.available(plenty) == (10, 0, 10)


async def test_a_denial_names_every_short_item_in_order_and_why(
    shop: Shop, checkout_id: str
) -> None:
    base = uuid.uuid4().hex[:12]
    scarce, plenty, retired, unknown = (f"{base}-{n}" for n in "1234")
    await shop.stock(scarce, 1)
    await shop.stock(scarce, 2, location="attic")
    await shop.stock(plenty, 9)
    await shop.stock(retired, 9, active=False)
    lines = [
        Line(sku=unknown, quantity=1),
        Line(sku=retired, quantity=1),
        Line(sku=plenty, quantity=1),
        Line(sku=scarce, quantity=3),
        Line(sku=scarce, quantity=4, location="attic"),
    ]
    outcome = await shop.client.reserve(checkout_id, lines)
    assert isinstance(outcome, Denied)
    shown = [(s.sku, s.location, s.requested, s.available, s.reason) for s in outcome.shortages]
    assert shown == [
        (scarce, "attic", 4, 2, "insufficient"),
        (scarce, "main", 3, 1, "insufficient"),
        (retired, "main", 1, 0, "inactive"),
        (unknown, "main", 1, 0, "unknown_sku"),
    ]


async def test_equal_skus_on_several_lines_are_judged_by_their_sum(
    shop: Shop, checkout_id: str
) -> None:
    sku = new_sku()
    await shop.stock(sku, 5)
    outcome = await shop.client.reserve(checkout_id, [(sku, 3), (sku, 3)])
    assert isinstance(outcome, Denied)
    assert [(s.requested, s.available) for s in outcome.shortages] == [(6, 5)]


async def test_a_denial_says_when_the_next_hold_on_the_item_ends(
    shop: Shop, checkout_id: str
) -> None:
    sku = new_sku()
    await shop.stock(sku, 3)
    later = await hold(shop, f"{checkout_id}/later", sku, hold_seconds=900)
    sooner = await hold(shop, f"{checkout_id}/sooner", sku, hold_seconds=300)
    assert sooner.expires_at < later.expires_at
    outcome = await shop.client.reserve(checkout_id, [(sku, 2)])
    assert isinstance(outcome, Denied)
    assert outcome.shortages[0].next_expiry == sooner.expires_at


async def test_a_denial_of_an_item_that_nobody_holds_names_no_next_expiry(
    shop: Shop, checkout_id: str
) -> None:
    sku = new_sku()
    await shop.stock(sku, 1)
    outcome = await shop.client.reserve(checkout_id, [(sku, 2)])
    assert isinstance(outcome, Denied)
    assert outcome.shortages[0].next_expiry is None


async def test_the_same_request_asked_again_is_the_same_hold(shop: Shop, checkout_id: str) -> None:
    sku, other = new_sku("A"), new_sku("B")
    await shop.stock(sku, 5)
    await shop.stock(other, 5)
    first = await shop.client.reserve(checkout_id, [(sku, 3), (other, 1)])
    again = await shop.client.reserve(
        checkout_id,
        [{"sku": other, "quantity": 1, "location": "main"}, (sku, 1), Line(sku=sku, quantity=2)],
    )
    assert again == first
    assert await shop.available(sku) == (5, 3, 2)


@pytest.mark.parametrize(
    "change",
    [
        {"lines": [("MUG", 2)]},
        {"lines": [("CUP", 1)]},
        {"lines": [{"sku": "MUG", "quantity": 1, "location": "attic"}]},
        {"hold_seconds": 901},
        {"customer_id": "u-2"},
        {"cart_id": "c-2"},
    ],
    ids=["quantity", "sku", "location", "hold", "customer", "cart"],
)
async def test_another_request_under_the_same_id_is_a_conflict(
    shop: Shop, checkout_id: str, change: dict[str, Any]
) -> None:
    request = {"lines": [("MUG", 1)], "hold_seconds": 900, "customer_id": "u-1", "cart_id": "c-1"}
    await shop.client.reserve(checkout_id, **request)  # type: ignore[arg-type]
    with pytest.raises(CheckoutConflict):
        await shop.client.reserve(checkout_id, **{**request, **change})


async def test_of_many_shoppers_for_the_last_units_only_as_many_as_there_are_units_win(
    shop: Shop, checkout_id: str
) -> None:
    sku = new_sku()
    await shop.stock(sku, 3)
    outcomes = await asyncio.gather(
        *(shop.client.reserve(f"{checkout_id}/{n}", [(sku, 1)]) for n in range(12))
    )
    assert sum(isinstance(outcome, Held) for outcome in outcomes) == 3
    assert await shop.available(sku) == (3, 3, 0)


# Confirming


async def test_a_confirmed_hold_leaves_the_stock_for_good(shop: Shop, checkout_id: str) -> None:
    sku = new_sku()
    await shop.stock(sku, 5)
    await hold(shop, checkout_id, sku, 2, hold_seconds=60)
    outcome = await shop.client.confirm(checkout_id, f"pay-{checkout_id}", actor="psp")
    assert isinstance(outcome, Fulfilled)
    assert outcome.payment_reference == f"pay-{checkout_id}"
    assert outcome.lines == (HeldLine(sku=sku, location="main", quantity=2),)
    await shop.pass_time(61)
    assert await shop.available(sku) == (3, 0, 3)


async def test_a_second_confirmation_gets_the_outcome_of_the_first(
    shop: Shop, checkout_id: str
) -> None:
    sku = new_sku()
    await shop.stock(sku, 5)
    await hold(shop, checkout_id, sku)
    first = await shop.client.confirm(checkout_id, f"pay-{checkout_id}")
    assert await shop.client.confirm(checkout_id, "pay_2") == first
    assert await shop.available(sku) == (4, 0, 4)


async def test_whichever_of_payment_and_cancellation_came_first_stands(
    shop: Shop, checkout_id: str
) -> None:
    sku = new_sku()
    await shop.stock(sku, 5)
    paid, dropped = f"{checkout_id}/paid", f"{checkout_id}/dropped"
    await hold(shop, paid, sku)
    await hold(shop, dropped, sku)
    assert isinstance(await shop.client.confirm(paid, f"pay-{paid}"), Fulfilled)
    assert isinstance(await shop.client.cancel(dropped), Cancelled)
    assert isinstance(await shop.client.cancel(paid), Fulfilled)
    assert isinstance(await shop.client.confirm(dropped, f"pay-{dropped}"), Cancelled)
    assert await shop.available(sku) == (4, 0, 4)


async def test_a_denied_checkout_stays_denied_whatever_is_asked(
    shop: Shop, checkout_id: str
) -> None:
    sku = new_sku()
    denied = await shop.client.reserve(checkout_id, [(sku, 1)])
    assert isinstance(denied, Denied)
    await shop.stock(sku, 5)
    assert await shop.client.reserve(checkout_id, [(sku, 1)]) == denied
    assert await shop.client.confirm(checkout_id, f"pay-{checkout_id}") == denied
    assert await shop.client.cancel(checkout_id) == denied


# Expiry


async def test_a_hold_that_nobody_pays_expires_and_frees_its_stock(
    shop: Shop, checkout_id: str
) -> None:
    sku = new_sku()
    await shop.stock(sku, 5)
    await hold(shop, checkout_id, sku, 5, hold_seconds=60)
    await shop.pass_time(61)
    assert await shop.available(sku) == (5, 0, 5)
    assert (await shop.client.status(checkout_id)).status == "expired"


async def test_confirming_or_cancelling_an_expired_hold_says_that_it_expired(
    shop: Shop, checkout_id: str
) -> None:
    sku = new_sku()
    await shop.stock(sku, 5)
    await hold(shop, checkout_id, sku, hold_seconds=60)
    await shop.pass_time(61)
    assert isinstance(await shop.client.confirm(checkout_id, f"pay-{checkout_id}"), Expired)
    assert isinstance(await shop.client.cancel(checkout_id), Expired)
    assert await shop.available(sku) == (5, 0, 5)


async def test_reserving_again_after_the_end_gives_the_final_outcome_or_the_conflict(
    shop: Shop, checkout_id: str
) -> None:
    sku = new_sku()
    await shop.stock(sku, 5)
    await hold(shop, checkout_id, sku)
    final = await shop.client.confirm(checkout_id, f"pay-{checkout_id}")
    assert await shop.client.reserve(checkout_id, [(sku, 1)]) == final
    with pytest.raises(CheckoutConflict):
        await shop.client.reserve(checkout_id, [(sku, 2)])


# Extending


async def test_an_extension_moves_the_deadline_by_its_seconds(shop: Shop, checkout_id: str) -> None:
    sku = new_sku()
    await shop.stock(sku, 1)
    held = await hold(shop, checkout_id, sku, hold_seconds=60)
    extended = await shop.client.extend(checkout_id, 600, reason="card check", actor="psp")
    assert extended.expires_at - held.expires_at == timedelta(seconds=600)
    await shop.pass_time(61)
    assert await shop.available(sku) == (1, 1, 0)


async def test_an_extension_asked_again_with_its_id_is_made_once(
    shop: Shop, checkout_id: str
) -> None:
    sku = new_sku()
    await shop.stock(sku, 1)
    held = await hold(shop, checkout_id, sku, hold_seconds=60)
    asked = [
        await shop.client.extend(checkout_id, 600, extension_id="extension-1") for _ in range(2)
    ]
    assert [answer.expires_at - held.expires_at for answer in asked] == 2 * [timedelta(seconds=600)]
    other = await shop.client.extend(checkout_id, 600, extension_id="extension-2")
    assert other.expires_at - held.expires_at == timedelta(seconds=1_200)


async def test_an_extension_over_the_cap_is_refused_and_the_hold_stays_as_it_is(
    shop: Shop, checkout_id: str
) -> None:
    sku = new_sku()
    await shop.stock(sku, 1)
    held = await hold(shop, checkout_id, sku, hold_seconds=900)
    with pytest.raises(ExtensionRefused):
        await shop.client.extend(checkout_id, 13_501)
    assert (await shop.client.status(checkout_id)).expires_at == held.expires_at
    extended = await shop.client.extend(checkout_id, 13_500)
    assert extended.expires_at - held.expires_at == timedelta(seconds=13_500)


async def _confirmed(shop: Shop, checkout_id: str) -> Outcome:
    return await shop.client.confirm(checkout_id, f"pay-{checkout_id}")


async def _cancelled(shop: Shop, checkout_id: str) -> Outcome:
    return await shop.client.cancel(checkout_id)


async def _expired(shop: Shop, checkout_id: str) -> Outcome:
    await shop.pass_time(61)
    return await shop.client.confirm(checkout_id, f"pay-{checkout_id}")


@pytest.mark.parametrize("end", [_confirmed, _cancelled, _expired])
async def test_a_hold_that_is_over_cannot_be_extended(
    shop: Shop, checkout_id: str, end: Callable[[Shop, str], Awaitable[Outcome]]
) -> None:
    sku = new_sku()
    await shop.stock(sku, 5)
    await hold(shop, checkout_id, sku, hold_seconds=60)
    outcome = await end(shop, checkout_id)
    with pytest.raises(HoldNotActive, match=outcome.status):
        await shop.client.extend(checkout_id, 60)
    assert (await shop.client.status(checkout_id)).status == outcome.status


async def test_a_client_is_closed_at_the_end_of_its_block(shop: Shop, checkout_id: str) -> None:
    async with shop.client as client:
        assert client is shop.client
        with pytest.raises(CheckoutNotFound):
            await client.status(checkout_id)
    with pytest.raises(HoldfastError, match="the client is closed"):
        await client.status(checkout_id)
