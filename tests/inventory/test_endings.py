"""What the endings of a hold answer, asked once or again, and what a tombstone refuses."""

from __future__ import annotations

import pytest

from activities.inventory.database.errors import LedgerCorrupt
from activities.inventory.records import Closing
from holdfast_client.contract.outcomes import (
    Cancelled,
    Expired,
    Fulfilled,
    Outcome,
)
from tests.inventory.shop import Figures, Shop, checkout, states

ENDINGS = ["fulfil", "cancel", "expire"]


def end(shop: Shop, ending: str, checkout_id: str = "c1") -> Outcome:
    """End a hold; one that is to expire is made overdue first."""
    if ending == "expire":
        shop.pass_seconds(900)
    outcome: Outcome = getattr(shop, ending)(checkout_id)
    return outcome


# --- asked again ---------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_reserve_asked_again_after_the_end_gets_the_end(shop: Shop, ending: str) -> None:
    shop.stock(MUG=5)
    shop.hold("c1", MUG=2)
    ended = end(shop, ending)
    assert shop.reserve(checkout("c1", MUG=2)) == ended
    assert shop.figures("MUG").reserved == 0


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_ending_asked_twice_happens_once(shop: Shop, ending: str) -> None:
    shop.stock(MUG=5)
    shop.hold("c1", MUG=2)
    first = end(shop, ending)
    figures = shop.figures("MUG")
    shop.pass_seconds(30)
    assert end(shop, ending) == first
    assert shop.figures("MUG") == figures
    assert len(shop.movements("c1")) == 2


@pytest.mark.parametrize("ending", ["fulfilled", "cancelled", "expired"])
def test_an_ending_asked_twice_in_one_batch_happens_once(shop: Shop, ending: str) -> None:
    shop.stock(MUG=5)
    shop.hold("c1", MUG=2)
    shop.pass_seconds(900)
    payment = "pay_1" if ending == "fulfilled" else None
    closing = Closing("c1", ending, payment_reference=payment)  # type: ignore[arg-type]
    first, second = states(shop.ledger.close([closing, closing]))
    assert first == second
    assert first.outcome.status == ending
    assert len(shop.movements("c1")) == 2


@pytest.mark.parametrize("loser", ENDINGS)
@pytest.mark.parametrize("winner", ENDINGS)
def test_a_second_ending_gets_the_one_that_won(shop: Shop, winner: str, loser: str) -> None:
    shop.stock(MUG=5)
    shop.hold("c1", MUG=2)
    won = end(shop, winner)
    figures = shop.figures("MUG")
    assert end(shop, loser) == won
    assert shop.figures("MUG") == figures


def test_of_two_wishes_for_one_hold_in_one_batch_the_first_counts(shop: Shop) -> None:
    shop.stock(MUG=5)
    shop.hold("c1", MUG=2)
    wishes = [Closing("c1", "cancelled", reason="first"), Closing("c1", "fulfilled")]
    assert [state.outcome.status for state in states(shop.ledger.close(wishes))] == [
        "cancelled"
    ] * 2


# --- the endings ---------------------------------------------------------------------------------


def test_a_fulfilled_hold_keeps_its_payment_its_lines_and_its_time(shop: Shop) -> None:
    shop.stock(MUG=5)
    held = shop.hold("c1", MUG=2)
    shop.pass_seconds(30)
    assert shop.fulfil("c1", "pay_7") == Fulfilled(
        payment_reference="pay_7", lines=held.lines, at=shop.now
    )
    assert shop.movements("c1") == [("reserve", 0, 2), ("fulfil", -2, -2)]


def test_a_cancelled_hold_keeps_why_and_by_whom(shop: Shop) -> None:
    shop.stock(MUG=5)
    shop.hold("c1", MUG=2)
    assert shop.cancel("c1", "too dear") == Cancelled(
        reason="too dear", actor="shopper", at=shop.now
    )
    assert shop.movements("c1") == [("reserve", 0, 2), ("cancel", 0, -2)]


def test_an_expired_hold_gives_back_everything(shop: Shop) -> None:
    shop.stock(MUG=5, CUP=5)
    shop.hold("c1", MUG=2, CUP=3)
    shop.pass_seconds(900)
    assert shop.expire("c1") == Expired(at=shop.now)
    assert (shop.figures("MUG").available, shop.figures("CUP").available) == (5, 5)


@pytest.mark.parametrize(
    ("seconds", "status"),
    [
        pytest.param(899.999999, "held", id="a microsecond before the deadline"),
        pytest.param(900, "expired", id="at the deadline"),
        pytest.param(900.000001, "expired", id="a microsecond after it"),
    ],
)
def test_a_hold_lives_while_the_clock_is_before_its_deadline(
    shop: Shop, seconds: float, status: str
) -> None:
    shop.stock(MUG=5)
    shop.hold("c1", hold_seconds=900, MUG=2)
    shop.pass_seconds(seconds)
    assert shop.expire("c1").status == status
    assert shop.figures("MUG").reserved == (2 if status == "held" else 0)


def test_a_payment_a_moment_past_the_deadline_still_fulfils_what_is_held(shop: Shop) -> None:
    shop.stock(MUG=5)
    shop.hold("c1", MUG=2)
    shop.pass_seconds(901)
    assert isinstance(shop.fulfil("c1"), Fulfilled)


def test_a_fulfilled_hold_needs_a_payment(shop: Shop) -> None:
    shop.stock(MUG=5)
    shop.hold("c1", MUG=2)
    with pytest.raises(LedgerCorrupt, match="without a payment"):
        states(shop.ledger.close([Closing("c1", "fulfilled")]))
    assert shop.status("c1") == "held"


@pytest.mark.parametrize("ending", ["fulfilled", "cancelled", "expired"])
def test_a_denial_stays_a_denial_whatever_is_asked_of_it(shop: Shop, ending: str) -> None:
    denied = shop.denial("c1", MUG=2)
    payment = "pay_1" if ending == "fulfilled" else None
    closing = Closing("c1", ending, payment_reference=payment)  # type: ignore[arg-type]
    assert states(shop.ledger.close([closing]))[0].outcome == denied


def test_a_batch_ends_each_hold_in_its_own_way(shop: Shop) -> None:
    shop.stock(MUG=10, CUP=10)
    shop.hold("bought", MUG=2, CUP=1)
    shop.hold("dropped", MUG=3)
    shop.hold("alive", hold_seconds=3_600, MUG=1)
    shop.hold("abandoned", CUP=4)
    shop.pass_seconds(900)
    closings = [
        Closing("dropped", "cancelled"),
        Closing("alive", "expired"),
        Closing("bought", "fulfilled", payment_reference="pay_1"),
        Closing("nobody", "cancelled"),
        Closing("abandoned", "expired"),
    ]
    statuses = [state.outcome.status for state in states(shop.ledger.close(closings))]
    assert statuses == ["cancelled", "held", "fulfilled", "cancelled", "expired"]
    assert shop.figures("MUG") == Figures(total=8, reserved=1, available=7)
    assert shop.figures("CUP") == Figures(total=9, reserved=0, available=9)


# --- tombstones ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ending", "status"), [("cancel", "cancelled"), ("expire", "expired"), ("fulfil", "expired")]
)
def test_ending_what_was_never_reserved_refuses_the_reserve_that_comes_late(
    shop: Shop, ending: str, status: str
) -> None:
    shop.stock(MUG=5)
    ended: Outcome = getattr(shop, ending)("c1")
    assert ended.status == status
    assert shop.reserve(checkout("c1", MUG=2)) == ended
    assert shop.figures("MUG").reserved == 0
    assert shop.movements("c1") == []


def test_a_tombstone_refuses_every_request_and_none_is_a_conflict(shop: Shop) -> None:
    shop.stock(MUG=5)
    cancelled = shop.cancel("c1", "never mind")
    assert shop.reserve(checkout("c1", MUG=2)) == cancelled
    assert shop.reserve(checkout("c1", MUG=3)) == cancelled


def test_a_tombstone_is_written_once_and_keeps_its_first_reason(shop: Shop) -> None:
    shop.stock(MUG=5)
    first = shop.cancel("c1", "first")
    shop.pass_seconds(5)
    assert shop.cancel("c1", "second") == first
