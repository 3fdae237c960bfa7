"""A payment in flight keeps its hold, for a bounded time, against everything that ends holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from activities.inventory.database.errors import PaymentConflict
from activities.inventory.ledger_operations import PAYMENT_GRACE_CAP_DEFAULT
from activities.inventory.operations.pause import pause_until
from activities.inventory.payment_records import Pause, PauseAnswer
from activities.inventory.records import Closing
from holdfast_client.contract.holds import HoldsRequest
from holdfast_client.contract.outcomes import Held
from tests.inventory import by_hand
from tests.inventory.crowd import waiting_behind
from tests.inventory.functions import rewrite_function
from tests.inventory.shop import OPENING, Shop, checkout

CAP = PAYMENT_GRACE_CAP_DEFAULT


def start(
    shop: Shop, seconds: int, operation_id: str = "u-1", payment: str = "pay_1", id: str = "c1"
) -> PauseAnswer:
    return shop.ledger.pause(Pause(id, "payment_started", operation_id, payment, seconds=seconds))


def end(
    shop: Shop, operation_id: str = "u-9", payment: str = "pay_1", id: str = "c1"
) -> PauseAnswer:
    return shop.ledger.pause(Pause(id, "payment_ended", operation_id, payment, result="failed"))


def paying_until(answer: PauseAnswer) -> float:
    """Return until when the hold waits, in seconds after the opening."""
    held = answer.state.outcome
    assert isinstance(held, Held), answer
    assert held.paying_until is not None
    return (held.paying_until - OPENING).total_seconds()


@pytest.fixture
def held(shop: Shop) -> Shop:
    """A hold of 60 s on the last mug."""
    shop.stock(MUG=1)
    shop.hold("c1", hold_seconds=60, MUG=1)
    return shop


def test_a_pause_keeps_the_hold_and_moves_no_deadline(held: Shop) -> None:
    answer = start(held, 300)
    assert answer.verdict == "done"
    assert paying_until(answer) == 300
    assert answer.state.remaining_seconds == 300
    outcome = answer.state.outcome
    assert isinstance(outcome, Held)
    assert outcome.expires_at == held.after(60)
    assert held.payment("pay_1") == ("c1", "started", "")


def test_a_pause_is_cut_to_the_cap_after_the_deadline(held: Shop) -> None:
    assert paying_until(start(held, 3_600)) == 60 + CAP
    refused = start(held, 3_600, "u-2")
    assert (refused.verdict, refused.cap_seconds) == ("at_cap", CAP)
    # Another payment may wait as long.
    assert start(held, 3_600, "u-3", "pay_2").verdict == "done"


def test_a_pause_that_ends_before_the_deadline_is_recorded_and_moves_nothing(held: Shop) -> None:
    answer = start(held, 10)
    assert paying_until(answer) == 10
    assert answer.state.remaining_seconds == 60
    held.pass_seconds(60)
    assert held.expire("c1").status == "expired"


def test_the_same_payment_sets_its_pause_anew_and_a_repeated_message_does_not(held: Shop) -> None:
    start(held, 300)
    held.pass_seconds(50)
    assert paying_until(start(held, 300)) == 300
    assert paying_until(start(held, 300, "u-2")) == 350
    assert paying_until(start(held, 20, "u-3")) == 70
    conflict = start(held, 77, "u-3")
    assert (conflict.verdict, conflict.differs) == ("conflict", ("seconds",))


def test_of_several_pauses_the_last_counts_and_each_ends_by_itself(held: Shop) -> None:
    start(held, 100)
    start(held, 300, "u-2", "pay_2")
    assert paying_until(end(held, "u-3", "pay_2")) == 100
    held.pass_seconds(90)
    told = end(held, "u-4")
    assert told.state.outcome.status == "expired"
    assert held.figures("MUG").available == 1
    assert held.payment("pay_1") == ("c1", "failed", "failed")


def test_a_pause_that_ends_before_the_deadline_leaves_the_hold(held: Shop) -> None:
    start(held, 300)
    answer = end(held)
    outcome = answer.state.outcome
    assert isinstance(outcome, Held)
    assert (outcome.paying_until, answer.state.remaining_seconds) == (None, 60)


def test_an_unknown_payment_ends_nothing(held: Shop) -> None:
    held.pass_seconds(61)
    assert end(held).state.outcome.status == "held"
    assert held.payment("pay_1") is None
    # What was decided under its id stays, though the payment is known by now.
    assert held.status("c1") == "held"


def test_the_end_of_a_payment_that_went_to_another_checkout_ends_what_is_past_its_deadline(
    held: Shop,
) -> None:
    held.stock(PEN=1)
    held.hold("c2", PEN=1)
    start(held, 100)
    end(held)
    start(held, 300, "u-2", "pay_1", "c2")
    end(held, "u-3", "pay_1", "c2")
    held.pass_seconds(61)
    assert end(held, "u-4").state.outcome.status == "expired"


def test_a_failed_payment_may_begin_anew_and_stays_failed_until_it_settles(held: Shop) -> None:
    start(held, 300)
    end(held)
    assert paying_until(start(held, 200, "u-2")) == 200
    assert held.payment("pay_1") == ("c1", "failed", "failed")
    assert held.fulfil("c1", "pay_1").status == "fulfilled"
    assert held.payment("pay_1") == ("c1", "settled", "")


def test_a_failure_that_comes_after_the_payment_changes_nothing(held: Shop) -> None:
    start(held, 300)
    paid = held.fulfil("c1", "pay_1")
    assert end(held).state.outcome == paid
    assert held.payment("pay_1") == ("c1", "settled", "")


@pytest.mark.parametrize("ending", ["expired", "cancelled", "fulfilled", "committed", "overdue"])
def test_what_is_not_a_live_hold_is_never_revived(held: Shop, ending: str) -> None:
    held.pass_seconds(60 if ending in {"expired", "overdue"} else 0)
    if ending == "expired":
        held.expire("c1")
    elif ending == "cancelled":
        held.cancel("c1")
    elif ending != "overdue":
        held.pay("c1", "fulfilled" if ending == "fulfilled" else "committed", "another")
    assert start(held, 300).verdict == "not_active"
    assert held.payment("pay_1") is None


def test_a_payment_of_another_checkout_is_a_conflict_and_leaves_no_trace(shop: Shop) -> None:
    shop.stock(MUG=2)
    for id in ("c1", "c2"):
        shop.hold(id, MUG=1)
    start(shop, 300)
    for ask in (start, end):
        with pytest.raises(PaymentConflict):
            ask(shop, 300, "u-2", "pay_1", "c2") if ask is start else end(shop, "u-3", id="c2")
    assert shop.state("c2").outcome == shop.hold("c2", MUG=1)
    # A failed one may move.
    end(shop)
    assert start(shop, 300, "u-4", "pay_1", "c2").verdict == "done"
    assert shop.payment("pay_1") == ("c2", "failed", "failed")


def _pause(shop: Shop) -> None:
    start(shop, 300, f"u-{shop.now}", "pay_1", "c2")


def _commit(shop: Shop) -> None:
    _close(shop, _PAID)


def _reinstate(shop: Shop) -> None:
    late = replace(_PAID, reinstating=True)
    _close(shop, late)
    shop.ledger.reinstate(late)


def _close(shop: Shop, closing: Closing) -> None:
    (answer,) = shop.ledger.close([closing])
    if isinstance(answer, PaymentConflict):
        raise answer


_PAID = Closing("c2", "committed", payment_reference="pay_1")


@pytest.mark.parametrize(
    ("take", "hold_seconds", "becomes"),
    [
        (_pause, 900, ("failed", "failed")),
        (_commit, 900, ("settled", "")),
        (_reinstate, 60, ("settled", "")),
    ],
)
def test_a_failed_payment_that_is_in_flight_again_stays_until_its_pause_is_over(
    shop: Shop, take: Callable[[Shop], None], hold_seconds: int, becomes: tuple[str, str]
) -> None:
    shop.stock(MUG=2)
    shop.hold("c1", hold_seconds=600, MUG=1)
    shop.hold("c2", hold_seconds=hold_seconds, MUG=1)
    start(shop, 300)
    end(shop)
    start(shop, 300, "u-2")
    shop.pass_seconds(299)
    shop.expire("c2")
    with pytest.raises(PaymentConflict):
        take(shop)
    assert shop.payment("pay_1") == ("c1", "failed", "failed")
    shop.pass_seconds(1)
    take(shop)
    assert shop.payment("pay_1") == ("c2", *becomes)


def test_two_checkouts_that_name_one_payment_at_once_take_turns(shop: Shop) -> None:
    shop.stock(MUG=2)
    for id in ("c1", "c2"):
        shop.hold(id, MUG=1)
    wish = Pause("c1", "payment_started", "u-1", "pay_1", seconds=300)
    late = partial(start, shop, 300, "u-2", "pay_1", "c2")
    with shop.engine.connect() as connection:
        by_hand.pause(connection, wish)
        with waiting_behind(shop.engine, connection, late) as (answer,):
            pass
    assert isinstance(answer.exception(), PaymentConflict)
    assert shop.status("c2") == "held"


def test_an_extension_during_a_pause_moves_the_deadline_and_the_cap_with_it(held: Shop) -> None:
    start(held, 3_600)
    held.pass_seconds(100)
    assert held.extend("c1", held.after(-100 + 60 + 600), "e-1").verdict == "extended"
    assert paying_until(start(held, 3_600, "u-2")) == 60 + 600 + CAP


def test_the_pause_that_reaches_the_cap_again_is_refused_and_any_other_is_set() -> None:
    cap = OPENING.replace(hour=10)
    until = partial(pause_until, OPENING, cap, 60, 0)
    assert until(None) == OPENING.replace(minute=1)
    assert pause_until(OPENING, OPENING, 60, 0, OPENING) is None
    assert pause_until(OPENING, OPENING, 60, 0, None) == OPENING


# --- what ends holds goes by one deadline ---------------------------------------------------------


def _timer(shop: Shop) -> None:
    shop.expire("c1")


def _sweep(shop: Shop) -> None:
    shop.ledger.expire_overdue(2, actor="sweep")


def _reconciler(shop: Shop) -> None:
    shop.ledger.expire_overdue(60)


def _buyer_in_need(shop: Shop) -> None:
    shop.reserve(checkout(f"c-{shop.now:%H%M%S}", MUG=1))


ENDS: dict[str, Callable[[Shop], None]] = {
    "timer": _timer,
    "sweep": _sweep,
    "buyer in need": _buyer_in_need,
    "reconciler": _reconciler,
}
# How the pause is taken out of each: what it goes by instead of the one deadline.
WITHOUT_THE_PAUSE = {
    "timer": [("close_reservations", "r.ends_at <= at", "r.expires_at <= at")],
    "sweep": [
        ("lock_overdue", "WHERE r.ends_at <", "WHERE r.expires_at <"),
        ("close_reservations", "r.ends_at <= at", "r.expires_at <= at"),
    ],
    "buyer in need": [
        ("copy_deadline", "ends_at = NEW.ends_at", "ends_at = NEW.expires_at"),
        ("close_reservations", "r.ends_at <= at", "r.expires_at <= at"),
    ],
}
WITHOUT_THE_PAUSE["reconciler"] = WITHOUT_THE_PAUSE["sweep"]


@pytest.mark.parametrize("name", ENDS)
def test_nothing_ends_a_hold_while_a_payment_is_in_flight(held: Shop, name: str) -> None:
    start(held, 300)
    held.pass_seconds(299)
    ENDS[name](held)
    assert held.status("c1") == "held"
    held.pass_seconds(300 + 61)
    ENDS[name](held)
    assert held.status("c1") == "expired"


@pytest.mark.parametrize("name", ENDS)
def test_without_the_pause_in_one_of_them_a_paying_shopper_loses_the_hold(
    fragile_shop: Shop, name: str
) -> None:
    shop = fragile_shop
    for function, clause, instead in WITHOUT_THE_PAUSE[name]:
        rewrite_function(shop.engine, function, clause, instead)
    shop.stock(MUG=1)
    shop.hold("c1", hold_seconds=60, MUG=1)
    start(shop, 300)
    shop.pass_seconds(299)
    ENDS[name](shop)
    assert shop.status("c1") == "expired"


def test_a_denial_and_the_list_of_holds_tell_when_it_really_ends(held: Shop) -> None:
    start(held, 300)
    denied = held.denial("c2", MUG=1)
    assert denied.shortages[0].next_expiry == held.after(300)
    (hold,) = held.ledger.holds(HoldsRequest()).holds
    assert (hold.expires_at, hold.paying_until) == (held.after(60), held.after(300))
    assert held.ledger.holds(HoldsRequest(ends_within_seconds=299)).holds == ()
    assert held.ledger.payment_figures().in_flight == 1


def test_the_timeline_tells_of_payments_in_flight(held: Shop) -> None:
    start(held, 300)
    end(held)
    timeline = held.ledger.timeline("c1")
    assert timeline is not None
    told = [(event.event, event.reason, event.seconds) for event in timeline.events[1:]]
    assert told == [
        ("payment_started", "payment pay_1", 300),
        ("payment_ended", "payment pay_1: failed", None),
    ]
    assert timeline.expires_at == held.after(60)
    assert [payment.state for payment in timeline.payments] == ["failed"]
