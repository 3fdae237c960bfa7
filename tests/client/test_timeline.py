"""The timeline of every client: the fake in memory, and the real one with its database."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from temporalio.client import Client

from holdfast_client import (
    CheckoutNotFound,
    FakeReservationClient,
    InvalidRequest,
    OutcomeUnknown,
    ReservationClient,
    ServerUnreachable,
    SyncFakeReservationClient,
    Timeline,
)
from tests.client.shops import Shop


def _told(timeline: Timeline) -> dict[str, Any]:
    """What a timeline tells beside the times, which differ from one clock to the other."""
    return {
        "status": timeline.status,
        "buyer": (timeline.customer_id, timeline.cart_id),
        "payment": timeline.payment_reference,
        "was_held": timeline.expires_at is not None,
        "is_closed": timeline.closed_at is not None,
        "lines": [(line.location, line.quantity) for line in timeline.lines],
        "shortages": [(s.requested, s.available, s.reason) for s in timeline.shortages],
        "events": [(e.event, e.seconds, e.actor, e.reason) for e in timeline.events],
        "lengths": [
            (e.expires_at - timeline.created_at).total_seconds()
            for e in timeline.events
            if e.expires_at
        ],
        "movements": [(m.kind, m.total_delta, m.reserved_delta) for m in timeline.movements],
    }


def _expected(**told: Any) -> dict[str, Any]:
    return {
        "buyer": ("u-17", "42"),
        "payment": None,
        "was_held": True,
        "is_closed": True,
        "lines": [("main", 2)],
        "shortages": [],
        "lengths": [900],
        "movements": [("reserve", 0, 2)],
        **told,
    }


HELD = ("held", None, "", "")


@pytest.fixture
def sku() -> str:
    return f"MUG-{uuid.uuid4().hex[:12]}"


async def _hold(shop: Shop, checkout_id: str, sku: str, quantity: int = 2) -> None:
    await shop.stock(sku, 5)
    await shop.client.reserve(checkout_id, [(sku, quantity)], customer_id="u-17", cart_id="42")


async def test_a_hold_that_was_extended_and_paid(shop: Shop, checkout_id: str, sku: str) -> None:
    await _hold(shop, checkout_id, sku)
    await shop.client.extend(checkout_id, 600, reason="card check", actor="psp")
    open_timeline = _told(await shop.client.timeline(checkout_id))
    await shop.client.confirm(checkout_id, "pay_7", actor="web")
    events = [HELD, ("extended", 600, "psp", "card check")]
    assert open_timeline == _expected(
        status="held", is_closed=False, events=events, lengths=[900, 1_500]
    )
    assert _told(await shop.client.timeline(checkout_id)) == _expected(
        status="fulfilled",
        payment="pay_7",
        events=[*events, ("fulfilled", None, "web", "")],
        lengths=[900, 1_500],
        movements=[("reserve", 0, 2), ("fulfil", -2, -2)],
    )


async def test_a_hold_that_was_given_back(shop: Shop, checkout_id: str, sku: str) -> None:
    await _hold(shop, checkout_id, sku)
    await shop.client.cancel(checkout_id, reason="changed my mind", actor="shopper")
    assert _told(await shop.client.timeline(checkout_id)) == _expected(
        status="cancelled",
        events=[HELD, ("cancelled", None, "shopper", "changed my mind")],
        movements=[("reserve", 0, 2), ("cancel", 0, -2)],
    )


async def test_a_hold_that_nobody_paid(shop: Shop, checkout_id: str, sku: str) -> None:
    await _hold(shop, checkout_id, sku)
    await shop.pass_time(901)
    assert _told(await shop.client.timeline(checkout_id)) == _expected(
        status="expired",
        events=[HELD, ("expired", None, "", "not paid before the deadline")],
        movements=[("reserve", 0, 2), ("expire", 0, -2)],
    )


async def test_a_denial(shop: Shop, checkout_id: str, sku: str) -> None:
    await _hold(shop, checkout_id, sku, 6)
    assert _told(await shop.client.timeline(checkout_id)) == _expected(
        status="denied",
        was_held=False,
        lines=[],
        shortages=[(6, 5, "insufficient")],
        events=[("denied", None, "", "")],
        lengths=[],
        movements=[],
    )


async def test_an_unknown_checkout_has_no_timeline(shop: Shop, checkout_id: str) -> None:
    with pytest.raises(CheckoutNotFound, match=f"{checkout_id}.*not known to the database"):
        await shop.client.timeline(checkout_id)


async def test_a_bad_id_is_refused_before_anything_is_sent(shop: Shop) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await shop.client.timeline("no id")
    assert refused.value.field == "checkout_id"


async def test_without_a_worker_the_timeline_is_unknown_and_may_be_asked_for_again(
    temporal_client: Client, checkout_id: str
) -> None:
    hasty = ReservationClient(
        temporal_client, task_queue=f"nobody-{checkout_id}", answer_timeout_seconds=0.7
    )
    with pytest.raises(OutcomeUnknown, match="ask again"):
        await hasty.timeline(checkout_id)


async def test_the_fake_tells_of_what_was_given_up_as_the_database_does() -> None:
    shop = FakeReservationClient({"MUG": 1})
    shop.make_unavailable()
    await shop.reserve("c1", [("MUG", 1)])
    with pytest.raises(OutcomeUnknown):
        await shop.timeline("c1")
    shop.make_unavailable(False)
    told = await shop.timeline("c1")
    assert (told.status, told.expires_at) == ("cancelled", None)
    assert told.events[0].reason == "the inventory did not answer in time"
    shop.make_unreachable()
    with pytest.raises(ServerUnreachable):
        await shop.timeline("c1")


def test_code_without_an_event_loop_asks_the_same() -> None:
    shop = SyncFakeReservationClient({"MUG": 1})
    shop.reserve("c1", [("MUG", 1)])
    assert [event.event for event in shop.timeline("c1").events] == ["held"]
