"""The fake's own powers: its clock, its bad days, its twin without ``await``."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from holdfast_client import (
    CheckoutConflict,
    Expired,
    FakeReservationClient,
    Fulfilled,
    Held,
    InvalidRequest,
    OutcomeUnknown,
    Reservations,
    ServerUnreachable,
    SyncFakeReservationClient,
    Unavailable,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def fake() -> FakeReservationClient:
    return FakeReservationClient({"MUG": 5}, now=NOON)


@pytest.mark.parametrize(
    ("seconds", "status"), [(59.999, "held"), (60, "expired"), (60.001, "expired")]
)
async def test_a_hold_is_live_until_its_deadline_and_not_at_it(
    fake: FakeReservationClient, seconds: float, status: str
) -> None:
    await fake.reserve("cart-1", [("MUG", 1)], hold_seconds=60)
    fake.advance(seconds)
    assert (await fake.status("cart-1")).status == status


async def test_a_hold_expired_at_its_deadline_however_far_the_clock_jumped(
    fake: FakeReservationClient,
) -> None:
    held = await fake.reserve("cart-1", [("MUG", 1)])
    assert isinstance(held, Held)
    fake.advance(100_000)
    assert await fake.confirm("cart-1", "pay_1") == Expired(at=held.expires_at)


async def test_the_cap_on_a_holds_length_can_be_chosen() -> None:
    fake = FakeReservationClient({"MUG": 1}, now=NOON, hold_length_seconds_max=90_000)
    await fake.reserve("cart-1", [("MUG", 1)], hold_seconds=3_600)
    held = await fake.extend("cart-1", 86_400)
    assert (held.expires_at - NOON).total_seconds() == 90_000


async def test_without_an_inventory_a_reserve_is_unavailable_for_good(
    fake: FakeReservationClient,
) -> None:
    fake.make_unavailable()
    assert await fake.reserve("cart-1", [("MUG", 1)]) == Unavailable()
    fake.make_unavailable(False)
    assert await fake.reserve("cart-1", [("MUG", 1)]) == Unavailable()
    assert fake.stock("MUG") == (5, 0, 5)


async def test_without_an_inventory_a_payment_has_no_answer_yet_and_is_not_lost(
    fake: FakeReservationClient,
) -> None:
    await fake.reserve("cart-1", [("MUG", 1)])
    fake.make_unavailable()
    with pytest.raises(OutcomeUnknown):
        await fake.confirm("cart-1", "pay_1")
    fake.make_unavailable(False)
    assert isinstance(await fake.confirm("cart-1", "pay_1"), Fulfilled)


async def test_an_unreachable_server_is_told_and_nothing_is_done(
    fake: FakeReservationClient,
) -> None:
    fake.make_unreachable()
    with pytest.raises(ServerUnreachable):
        await fake.reserve("cart-1", [("MUG", 1)])
    assert fake.stock("MUG") == (5, 0, 5)


async def test_a_lost_answer_can_be_asked_for_again(fake: FakeReservationClient) -> None:
    fake.lose_answers()
    with pytest.raises(OutcomeUnknown):
        await fake.reserve("cart-1", [("MUG", 2)])
    assert fake.stock("MUG") == (5, 2, 3)
    assert isinstance(await fake.reserve("cart-1", [("MUG", 2)]), Held)
    assert fake.stock("MUG") == (5, 2, 3)


async def test_stock_cannot_be_set_below_what_is_reserved(fake: FakeReservationClient) -> None:
    await fake.reserve("cart-1", [("MUG", 2)])
    with pytest.raises(InvalidRequest):
        fake.set_stock("MUG", 1)
    fake.set_stock("MUG", 2)
    assert fake.stock("MUG") == (2, 2, 0)


def test_time_does_not_run_backwards(fake: FakeReservationClient) -> None:
    with pytest.raises(InvalidRequest):
        fake.advance(-1)


async def test_the_fake_stands_in_where_reservations_are_expected(
    fake: FakeReservationClient,
) -> None:
    async def pay(reservations: Reservations) -> str:
        await reservations.reserve("cart-1", [("MUG", 1)])
        return (await reservations.confirm("cart-1", "pay_1")).status

    assert await pay(fake) == "fulfilled"


def test_the_twin_without_await_is_the_same_shop() -> None:
    fake = SyncFakeReservationClient({"MUG": 5}, now=NOON)
    assert isinstance(fake.reserve("cart-1", [("MUG", 2)], hold_seconds=60), Held)
    assert isinstance(fake.extend("cart-1", 60), Held)
    fake.advance(60)
    assert fake.status("cart-1").status == "held"
    assert isinstance(fake.confirm("cart-1", "pay_1"), Fulfilled)
    assert isinstance(fake.cancel("cart-1"), Fulfilled)
    assert fake.adjust_stock("a-1", "MUG", "receive", 1).status == "applied"
    assert [row.checkout_id for row in fake.list(sku="MUG")] == ["cart-1"]
    assert fake.stock("MUG") == (4, 0, 4)


async def test_a_cart_is_held_as_it_was_first_read_and_one_that_is_not_there_spends_the_id(
    fake: FakeReservationClient,
) -> None:
    fake.set_cart("42", {"MUG": 2})
    held = await fake.reserve_cart("cart-42-1", "42", customer_id="u-17")
    assert isinstance(held, Held)
    assert [(line.sku, line.quantity) for line in held.lines] == [("MUG", 2)]
    fake.set_cart("42", {"MUG": 1})
    assert await fake.reserve_cart("cart-42-1", "42", customer_id="u-17") == held
    with pytest.raises(CheckoutConflict):
        await fake.reserve_cart("cart-42-1", "43", customer_id="u-17")
    with pytest.raises(InvalidRequest, match="cart_id: there is no cart 7"):
        await fake.reserve_cart("cart-7-1", "7")
    fake.set_cart("7", {})
    with pytest.raises(InvalidRequest, match="there is no cart 7"):
        await fake.reserve_cart("cart-7-1", "7")
    with pytest.raises(CheckoutConflict):
        await fake.reserve("cart-7-1", [("MUG", 1)])
    with pytest.raises(InvalidRequest, match="cart 7 is empty"):
        await fake.reserve_cart("cart-7-2", "7")
    fake.make_unavailable()
    assert await fake.reserve_cart("cart-7-3", "7") == Unavailable()
