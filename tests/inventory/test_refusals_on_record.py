"""What was refused under an id stays refused, whatever has become possible since."""

from __future__ import annotations

from dataclasses import replace

import pytest

from activities.inventory.database.errors import PaymentConflict
from activities.inventory.ledger import Ledger
from activities.inventory.ledger_operations import (
    HOLD_SECONDS_CAP_DEFAULT,
    PAYMENT_GRACE_CAP_DEFAULT,
)
from activities.inventory.operations.reinstate import is_undecided
from activities.inventory.payment_records import Pause
from activities.inventory.records import Closing, HoldExtension, ReservationState
from tests.inventory.shop import Shop, states


@pytest.fixture
def held(shop: Shop) -> Shop:
    """A hold of two mugs of five, of which another has three."""
    shop.stock(MUG=5)
    shop.hold("c1", MUG=2)
    shop.hold("c2", MUG=3)
    return shop


def refusals(shop: Shop) -> list[tuple[str, str, str]]:
    """Return kind, id and verdict of what the operations tell as refused."""
    rows = shop.sql(
        "SELECT kind, operation_id, answer ->> 'verdict' FROM holdfast.operations "
        "WHERE answer ->> 'status' = 'refused' ORDER BY sequence"
    )
    return [tuple(row) for row in rows]


def test_an_amendment_that_was_short_stays_so_when_stock_came_free(held: Shop) -> None:
    first = held.amend("c1", "a-1", MUG=3)
    assert first.verdict == "short"
    held.cancel("c2")
    again = held.amend("c1", "a-1", MUG=3)
    assert (again.verdict, again.shortages) == ("short", first.shortages)
    assert held.amend("c1", "a-1", MUG=4).differs == ("lines",)
    assert held.figures("MUG") == (5, 2, 3)
    assert held.amend("c1", "a-2", MUG=3).verdict == "done"
    assert refusals(held) == [("amend", "a-1", "short")]
    assert held.ledger.audit() == ()


def test_an_amendment_of_other_lines_stays_refused_when_theirs_is_the_revision(held: Shop) -> None:
    first = held.amend("c1", "a-1", 2, MUG=1)
    assert (first.verdict, first.refused_at) == ("stale", None)
    held.amend("c1", "a-2", MUG=2)
    again = held.amend("c1", "a-1", 2, MUG=1)
    assert (again.verdict, again.refused_at) == ("stale", first.state.outcome)
    assert held.figures("MUG").reserved == 5


def test_an_amendment_past_the_deadline_stays_refused_when_it_was_paid_then(held: Shop) -> None:
    held.pass_seconds(900)
    assert held.amend("c1", "a-1", MUG=1).verdict == "not_active"
    held.commit("c1")
    assert held.amend("c1", "a-1", MUG=1).verdict == "not_active"
    assert held.amend("c1", "a-2", MUG=1).verdict == "done"


def test_a_shipment_of_a_hold_stays_refused_when_that_is_paid(held: Shop) -> None:
    first = held.ship("c1", "s-1", MUG=1)
    assert (first.verdict, first.refused_at) == ("not_active", None)
    paid = held.commit("c1")
    again = held.ship("c1", "s-1", MUG=1)
    assert (again.verdict, again.refused_at) == ("not_active", first.state.outcome)
    assert again.state.outcome == paid
    assert held.ship("c1", "s-1").differs == ("lines",)
    assert held.movements("c1") == [("reserve", 0, 2)]
    told = held.ledger.timeline("c1")
    assert told is not None
    assert [event.event for event in told.events] == ["held", "committed"]
    assert held.ship("c1", "s-2", MUG=1).verdict == "done"
    assert held.ledger.audit() == ()


def test_a_release_of_too_much_stays_refused_when_there_is_more(held: Shop) -> None:
    first = held.give_back("c1", "r-1", MUG=3)
    assert first.verdict == "over_open"
    held.cancel("c2")
    held.amend("c1", "a-1", MUG=5)
    again = held.give_back("c1", "r-1", MUG=3)
    assert (again.verdict, again.open) == ("over_open", first.open)
    assert held.figures("MUG").reserved == 5
    assert refusals(held) == [("release", "r-1", "over_open")]


def test_an_extension_over_the_cap_stays_refused_when_the_cap_is_raised(held: Shop) -> None:
    wish = HoldExtension("c1", held.after(HOLD_SECONDS_CAP_DEFAULT + 1), "e-1")
    first, twin = held.ledger.extend([wish, wish])
    assert (first.verdict, first.seconds_max) == ("over_cap", HOLD_SECONDS_CAP_DEFAULT - 900)
    assert twin == first
    generous = Ledger(held.engine, hold_seconds_cap=HOLD_SECONDS_CAP_DEFAULT * 2)
    assert generous.extend([wish]) == (first,)
    assert generous.extend([HoldExtension("c1", held.after(60), "e-1")]) == (first,)
    assert refusals(held) == [("extend", "e-1", "over_cap")]
    assert held.ledger.audit() == ()


def test_a_pause_at_the_cap_stays_refused_when_the_deadline_has_moved(held: Shop) -> None:
    def start(id: str) -> str:
        wish = Pause("c1", "payment_started", id, "pay_1", seconds=3_600)
        return held.ledger.pause(wish).verdict

    held.pass_seconds(800)
    assert [start("u-1"), start("u-2")] == ["done", "at_cap"]
    held.extend("c1", held.after(1_000), "e-1")
    assert start("u-2") == "at_cap"
    assert start("u-3") == "done"
    assert refusals(held) == [("payment_started", "u-2", "at_cap")]
    assert PAYMENT_GRACE_CAP_DEFAULT < 3_600


@pytest.mark.parametrize("kind", ["payment_started", "payment_ended"])
def test_a_payment_of_another_checkout_stays_refused_when_it_has_failed_there(
    held: Shop, kind: str
) -> None:
    held.ledger.pause(Pause("c2", "payment_started", "u-1", "pay_1", seconds=60))
    how = {"seconds": 60} if kind == "payment_started" else {"result": "failed"}
    wish = Pause("c1", kind, "u-2", "pay_1", **how)  # type: ignore[arg-type]
    for _ in range(2):
        with pytest.raises(PaymentConflict, match="belongs to checkout c2"):
            held.ledger.pause(wish)
        held.ledger.pause(Pause("c2", "payment_ended", "u-3", "pay_1", result="failed"))
    assert held.payment("pay_1") == ("c2", "failed", "failed")
    assert refusals(held) == [(kind, "u-2", "payment_conflict")]


@pytest.mark.parametrize("reinstating", [False, True])
def test_who_was_refused_as_paid_by_another_stays_so_when_the_payment_has_failed_there(
    held: Shop, reinstating: bool
) -> None:
    def confirm(id: str) -> ReservationState | PaymentConflict:
        wish = Closing("c1", "fulfilled", "", "", "pay_1", None, reinstating, operation_id=id)
        (answer,) = held.ledger.close([wish])
        if isinstance(answer, PaymentConflict) or not is_undecided(wish, answer):
            return answer
        return held.ledger.reinstate(wish)

    held.ledger.pause(Pause("c2", "payment_started", "u-1", "pay_1", seconds=1_800))
    if reinstating:
        held.pass_seconds(900)
    for _ in range(2):
        refused = confirm("u-2")
        assert isinstance(refused, PaymentConflict)
        assert (refused.payment_reference, refused.checkout_id) == ("pay_1", "c2")
        held.ledger.pause(Pause("c2", "payment_ended", "u-3", "pay_1", result="failed"))
    assert held.payment("pay_1") == ("c2", "failed", "failed")
    assert refusals(held) == [("confirm", "u-2", "payment_conflict")]
    paid = confirm("u-4")
    assert isinstance(paid, ReservationState)
    assert paid.outcome.status == "fulfilled"
    # It is paid by that now, whichever message says so.
    assert confirm("u-2") == paid
    assert held.ledger.audit() == ()


def test_what_is_refused_of_one_payment_says_nothing_of_another(held: Shop) -> None:
    held.ledger.pause(Pause("c2", "payment_started", "u-1", "pay_1", seconds=60))
    for payment, is_refused in (("pay_1", True), ("pay_2", False)):
        wish = Closing("c1", "fulfilled", payment_reference=payment, operation_id="u-2")
        (answer,) = held.ledger.close([wish])
        assert isinstance(answer, PaymentConflict) == is_refused
    assert held.payment("pay_2") == ("c1", "settled", "")


def test_who_cancelled_too_late_cancels_nothing_that_was_reinstated_since(held: Shop) -> None:
    held.pass_seconds(900)
    held.expire("c1")
    late = Closing("c1", "cancelled", "gone", "sam", operation_id="settlement-1")
    (first,) = states(held.ledger.close([late]))
    assert first.outcome.status == "expired"
    held.cancel("c2")
    paid = Closing("c1", "committed", "", "", "pay_1", None, True, operation_id="settlement-2")
    held.ledger.close([paid])
    (reinstated,) = states([held.ledger.reinstate(paid)])
    assert reinstated.outcome.status == "committed"
    (again,) = states(held.ledger.close([late]))
    assert again.outcome == first.outcome
    assert held.ledger.late_cancellation(late) == first.outcome
    assert held.figures("MUG") == (5, 2, 3)
    assert refusals(held) == [("cancel", "settlement-1", "expired")]
    # Who says it now says it of what is there.
    (now,) = states(held.ledger.close([replace(late, operation_id="settlement-3")]))
    assert now.outcome.status == "cancelled"
    assert held.figures("MUG") == (5, 0, 5)
    assert held.ledger.audit() == ()
