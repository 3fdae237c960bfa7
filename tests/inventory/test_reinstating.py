"""A payment that comes late: all of the checkout is held again and paid, or the money goes back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from activities.inventory.amendment_records import HoldAmendment
from activities.inventory.database.calls import ResultT, Steps
from activities.inventory.database.carrier import carry_out
from activities.inventory.database.errors import PaymentConflict
from activities.inventory.operations.close import close
from activities.inventory.operations.reinstate import is_undecided
from activities.inventory.payment_records import Pause
from activities.inventory.records import (
    Closing,
    ClosingStatus,
    HoldExtension,
    Part,
    ReservationState,
)
from holdfast_client.contract.messages import Line
from holdfast_client.contract.outcomes import Committed, Fulfilled
from tests.inventory.crowd import all_at_once
from tests.inventory.functions import rewrite_function
from tests.inventory.shop import Figures, Shop, checkout


def pay_late(
    shop: Shop, payment: str = "late", settle: ClosingStatus = "fulfilled", id: str = "c1"
) -> ReservationState:
    """Pay as the workflow does: by the quick way, and where that leaves it open, by the other."""
    closing = Closing(id, settle, payment_reference=payment, reinstating=True)
    (answer,) = shop.ledger.close([closing])
    if isinstance(answer, ReservationState) and is_undecided(closing, answer):
        answer = shop.ledger.reinstate(closing)
    if isinstance(answer, PaymentConflict):
        raise answer
    return answer


@pytest.fixture
def expired(shop: Shop) -> Shop:
    """A checkout of two mugs and a cup that nobody has paid in time."""
    shop.stock(MUG=3, CUP=1)
    shop.hold("c1", MUG=2, CUP=1)
    shop.pass_seconds(900)
    shop.expire("c1")
    return shop


@pytest.mark.parametrize("settle", ["fulfilled", "committed"])
def test_what_can_be_had_again_is_paid_as_the_next_attempt(
    expired: Shop, settle: ClosingStatus
) -> None:
    state = pay_late(expired, settle=settle)
    outcome = state.outcome
    assert isinstance(outcome, Fulfilled | Committed)
    assert (outcome.reinstated, state.attempt, state.refund_due) == (True, 2, None)
    assert [(line.sku, line.quantity) for line in outcome.lines] == [("CUP", 1), ("MUG", 2)]
    rows = expired.sql("SELECT attempt, status FROM holdfast.reservations ORDER BY attempt")
    assert [tuple(row) for row in rows] == [(1, "expired"), (2, settle)]
    assert expired.payment("late") == ("c1", "settled", "")
    sold = settle == "fulfilled"
    assert expired.figures("MUG") == (Figures(1, 0, 1) if sold else Figures(3, 2, 1))
    told = expired.ledger.timeline("c1")
    assert told is not None
    assert [e.event for e in told.events] == ["held", "expired", "reinstated", settle]
    assert expired.ledger.audit() == ()
    # Its webhook comes once more, and another payment.
    assert pay_late(expired).outcome == outcome
    assert pay_late(expired, "another").refund_due == "duplicate"


def test_the_timeline_tells_of_every_attempt(shop: Shop) -> None:
    shop.stock(MUG=3)
    shop.hold("c1", MUG=2)
    shop.extend("c1", shop.after(960), "e-1")
    shop.amend("c1", "a-1", MUG=1)
    shop.pass_seconds(960)
    shop.expire("c1")
    pay_late(shop)
    told = shop.ledger.timeline("c1")
    assert told is not None
    assert [(event.event, event.expires_at) for event in told.events] == [
        ("held", shop.after(-60)),
        ("extended", shop.now),
        ("amended", None),
        ("expired", None),
        ("reinstated", None),
        ("fulfilled", None),
    ]
    assert [(m.kind, m.total_delta, m.reserved_delta) for m in told.movements] == [
        ("reserve", 0, 2),
        ("amend", 0, -1),
        ("expire", 0, -1),
        ("reserve", 0, 1),
        ("fulfil", -1, -1),
    ]


def test_what_falls_short_is_named_and_the_payment_is_due_back(expired: Shop) -> None:
    expired.hold("c2", MUG=2)
    state = pay_late(expired)
    assert (state.outcome.status, state.refund_due) == ("expired", "expired")
    (short,) = state.shortages
    assert (short.sku, short.requested, short.available) == ("MUG", 2, 1)
    assert short.next_expiry == expired.after(900)
    assert expired.payment("late") == ("c1", "refund_due", "expired")
    assert expired.figures("CUP") == Figures(1, 0, 1)
    # What was told to be due back is never taken after all.
    expired.cancel("c2")
    again = pay_late(expired)
    assert (again.refund_due, again.shortages) == ("expired", (short,))
    assert pay_late(expired, "another").outcome.status == "fulfilled"
    assert expired.ledger.audit() == ()


def test_overdue_holds_do_not_stand_in_the_way(expired: Shop) -> None:
    expired.hold("c2", hold_seconds=10, MUG=3)
    expired.pass_seconds(10)
    assert pay_late(expired).outcome.status == "fulfilled"
    assert expired.status("c2") == "expired"


@pytest.mark.parametrize("ending", ["cancelled", "denied", "unknown"])
def test_only_what_had_expired_is_reinstated(shop: Shop, ending: str) -> None:
    shop.stock(MUG=3)
    if ending != "unknown":
        shop.reserve(checkout("c1", MUG=9 if ending == "denied" else 2))
    if ending == "cancelled":
        shop.cancel("c1")
    reason = "unknown_checkout" if ending == "unknown" else ending
    assert pay_late(shop).refund_due == reason
    # A tombstone counts as unknown, also where a payment finds it.
    assert pay_late(shop, "another").refund_due == reason
    assert shop.figures("MUG") == Figures(3, 0, 3)


def test_a_part_that_was_given_back_before_is_not_taken_again(shop: Shop) -> None:
    shop.stock(MUG=3)
    shop.hold("c1", MUG=3)
    shop.give_back("c1", "r-1", MUG=1)
    shop.pass_seconds(900)
    shop.expire("c1")
    outcome = pay_late(shop).outcome
    assert isinstance(outcome, Fulfilled)
    assert [line.quantity for line in outcome.lines] == [2]


def test_a_payment_of_another_checkout_reinstates_nothing(expired: Shop) -> None:
    expired.hold("c2", MUG=1)
    expired.fulfil("c2", "late")
    with pytest.raises(PaymentConflict):
        pay_late(expired)
    assert expired.count("reservations") == 2


def test_a_late_payment_that_has_failed_at_another_checkout_reinstates(expired: Shop) -> None:
    expired.hold("c2", MUG=1)
    expired.ledger.pause(Pause("c2", "payment_started", "u-1", "late", seconds=60))
    expired.ledger.pause(Pause("c2", "payment_ended", "u-2", "late", result="failed"))
    assert pay_late(expired).attempt == 2
    assert expired.payment("late") == ("c1", "settled", "")
    assert expired.ledger.audit() == ()


def test_of_late_payments_at_once_one_is_taken_and_every_other_is_due_back(expired: Shop) -> None:
    told = all_at_once([partial(pay_late, expired, f"p{n}") for n in range(8)])
    assert sorted(str(state.refund_due) for state in told) == ["None", *["duplicate"] * 7]
    assert expired.figures("MUG") == Figures(1, 0, 1)
    assert expired.ledger.audit() == ()


def test_a_late_payment_that_another_one_overtook_is_due_back(expired: Shop) -> None:
    closing = Closing("c1", "fulfilled", payment_reference="second", reinstating=True)
    engine, meanwhile = expired.ledger._engine, partial(pay_late, expired, "first")
    (answer,) = carry_out(engine, _after_its_first_call(close([closing]), meanwhile))
    assert isinstance(answer, ReservationState)
    assert answer.outcome.status == "fulfilled"
    # Where the checkout stands by now does not say that this payment was decided.
    assert is_undecided(closing, answer)
    assert expired.payment("second") is None
    decided = expired.ledger.reinstate(closing)
    assert isinstance(decided, ReservationState)
    assert decided.refund_due == "duplicate"
    assert expired.payment("second") == ("c1", "refund_due", "duplicate")
    assert expired.ledger.audit() == ()


def _after_its_first_call(steps: Steps[ResultT], meanwhile: Callable[[], object]) -> Steps[ResultT]:
    """Carry an operation out, and let something happen when its first call is committed."""
    rows = yield next(steps)
    meanwhile()
    try:
        call = steps.send(rows)
        while True:
            call = steps.send((yield call))
    except StopIteration as end:
        result: ResultT = end.value
        return result


def test_whoever_speaks_of_the_first_attempt_changes_nothing_of_the_second(expired: Shop) -> None:
    paid = pay_late(expired, settle="committed").outcome
    (state,) = expired.ledger.close([Closing("c1", "cancelled", attempt=1)])
    assert isinstance(state, ReservationState)
    assert (state.outcome, state.attempt) == (paid, 2)
    assert expired.payment("late") == ("c1", "settled", "")
    line = Part("c1", "fulfil", "s-1", attempt=1)
    assert expired.ledger.part(line).verdict == "not_active"
    longer = HoldExtension("c1", expired.after(60), "e-1", attempt=1)
    (extended,) = expired.ledger.extend([longer])
    assert extended.verdict == "not_active"
    pause = Pause("c1", "payment_started", "u-1", "p-2", seconds=60, attempt=1)
    assert expired.ledger.pause(pause).verdict == "not_active"
    assert expired.state("c1").outcome == paid


def test_without_the_attempt_a_late_cancellation_would_give_back_what_is_paid(
    fragile_shop: Shop,
) -> None:
    shop = fragile_shop
    clause = "AND (c.attempt IS NULL OR r.attempt = c.attempt)"
    rewrite_function(shop.engine, "close_reservations", clause)
    shop.stock(MUG=3)
    shop.hold("c1", MUG=2)
    shop.pass_seconds(900)
    shop.expire("c1")
    pay_late(shop, settle="committed")
    shop.ledger.close([Closing("c1", "cancelled", attempt=1)])
    assert shop.state("c1").outcome.status == "cancelled"


def test_what_a_workflow_goes_on_with_is_the_last_attempt(expired: Shop) -> None:
    pay_late(expired, settle="committed")
    found = expired.ledger.resumable("c1")
    assert found is not None
    assert (found.state.attempt, found.state.outcome.status) == (2, "committed")
    expired.pay("never", "fulfilled", "p")
    assert expired.ledger.resumable("never") is None
    assert expired.ledger.resumable("unknown") is None


# Messages of attempt 1 that come again, as after a reset


def _told_again(shop: Shop, attempt: int | None) -> list[str]:
    """Ask for what was made of attempt 1 again; return the verdicts."""
    (longer,) = shop.ledger.extend([HoldExtension("c1", shop.after(2_000), "e-1", attempt=attempt)])
    return [
        longer.verdict,
        shop.ledger.amend(replace(AMENDED, attempt=attempt)).verdict,
        shop.ledger.part(replace(GIVEN_BACK, attempt=attempt)).verdict,
        *(shop.ledger.pause(replace(wish, attempt=attempt)).verdict for wish in PAUSES),
    ]


AMENDED = HoldAmendment("c1", "a-1", (Line(sku="MUG", location="main", quantity=3),))
GIVEN_BACK = Part("c1", "release", "r-1", (Line(sku="MUG", quantity=1),))
PAUSES = (
    Pause("c1", "payment_started", "p-1", "card", seconds=60),
    Pause("c1", "payment_ended", "p-2", "card", result="failed"),
)


@pytest.mark.parametrize("attempt", [1, 2, None])
def test_what_was_made_of_an_earlier_attempt_is_not_made_of_the_next(
    shop: Shop, attempt: int | None
) -> None:
    shop.stock(MUG=9)
    shop.hold("c1", MUG=2)
    assert _told_again(shop, 1) == ["extended", "done", "done", "done", "done"]
    shop.pass_seconds(3_000)
    shop.expire("c1")
    paid = pay_late(shop, settle="committed").outcome
    movements = shop.movements("c1")
    assert _told_again(shop, attempt) == ["extended", "done", "done", "done", "done"]
    assert shop.state("c1").outcome == paid
    assert shop.movements("c1") == movements
    other = replace(AMENDED, reason="another", attempt=attempt)
    assert shop.ledger.amend(other).differs == ("reason",)
    assert shop.ledger.audit() == ()


def test_an_amendment_of_an_attempt_that_is_over_changes_no_later_one(expired: Shop) -> None:
    paid = pay_late(expired, settle="committed").outcome
    answer = expired.ledger.amend(replace(AMENDED, attempt=1))
    assert (answer.verdict, answer.state.outcome) == ("not_active", paid)
    assert expired.ledger.amend(replace(AMENDED, operation_id="a-2", attempt=2)).verdict == "done"
