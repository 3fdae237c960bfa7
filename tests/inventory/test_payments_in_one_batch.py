"""Who has a payment that several name in one transaction."""

from __future__ import annotations

from dataclasses import replace

import pytest

from activities.inventory.database.errors import PaymentConflict
from activities.inventory.operations.close import turns
from activities.inventory.payment_records import Pause
from activities.inventory.records import Closing, ReservationState
from tests.inventory.shop import Shop


def test_of_two_checkouts_in_one_batch_the_first_has_the_payment(shop: Shop) -> None:
    shop.stock(MUG=5)
    for id in ("c1", "c2"):
        shop.hold(id, MUG=1)
    wishes = [Closing(id, "fulfilled", payment_reference="pay_1") for id in ("c2", "c1")]
    first, second = shop.ledger.close(wishes)
    assert isinstance(first, ReservationState)
    assert first.outcome.status == "fulfilled"
    assert isinstance(second, PaymentConflict)
    assert shop.ledger.audit() == ()


def test_of_two_payments_in_one_batch_the_second_is_due_back(shop: Shop) -> None:
    shop.stock(MUG=5)
    shop.hold("c1", MUG=1)
    wishes = [Closing("c1", "committed", payment_reference=f"pay_{n}") for n in (1, 2, 3)]
    told = [getattr(answer, "refund_due", None) for answer in shop.ledger.close(wishes)]
    assert told == [None, "duplicate", "duplicate"]
    assert shop.ledger.audit() == ()


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_cancellation_and_a_stranger_with_its_payment_in_one_batch(
    shop: Shop, order: tuple[int, int]
) -> None:
    shop.stock(MUG=5)
    for id in ("c1", "c2"):
        shop.hold(id, MUG=1)
    shop.commit("c1", "pay_1")
    wishes = (Closing("c1", "cancelled"), Closing("c2", "fulfilled", payment_reference="pay_1"))
    shop.ledger.close([wishes[place] for place in order])
    assert shop.payment("pay_1") == ("c1", "refund_due", "cancelled")
    assert shop.status("c2") == "held"
    assert shop.ledger.audit() == ()


@pytest.mark.parametrize(
    ("paid_before", "stands"), [(False, ("settled", "")), (True, ("refund_due", "duplicate"))]
)
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_payment_in_flight_is_its_checkouts_whoever_names_it_first_in_one_batch(
    shop: Shop, order: tuple[int, int], paid_before: bool, stands: tuple[str, str]
) -> None:
    shop.stock(MUG=5)
    for id in ("c1", "c2"):
        shop.hold(id, MUG=1)
    shop.ledger.pause(Pause("c1", "payment_started", "u-1", "pay_1", seconds=300))
    if paid_before:
        shop.commit("c1", "pay_2")
    wishes = [Closing(id, "committed", payment_reference="pay_1") for id in ("c1", "c2")]
    told = dict(zip(order, shop.ledger.close([wishes[place] for place in order]), strict=True))
    assert shop.payment("pay_1") == ("c1", *stands)
    assert getattr(told[0], "refund_due", None) == (stands[1] or None)
    assert shop.status("c1") == "committed"
    assert isinstance(told[1], PaymentConflict)
    assert shop.status("c2") == "held"
    assert shop.ledger.audit() == ()


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_failed_payment_in_flight_again_is_its_checkouts_whoever_names_it_first(
    shop: Shop, order: tuple[int, int]
) -> None:
    shop.stock(MUG=5)
    for id in ("c1", "c2"):
        shop.hold(id, MUG=1)
    shop.ledger.pause(Pause("c1", "payment_started", "u-1", "pay_1", seconds=300))
    shop.ledger.pause(Pause("c1", "payment_ended", "u-2", "pay_1", result="failed"))
    shop.ledger.pause(Pause("c1", "payment_started", "u-3", "pay_1", seconds=300))
    wishes = [Closing(id, "committed", payment_reference="pay_1") for id in ("c1", "c2")]
    told = dict(zip(order, shop.ledger.close([wishes[place] for place in order]), strict=True))
    assert shop.payment("pay_1") == ("c1", "settled", "")
    assert (shop.status("c1"), shop.status("c2")) == ("committed", "held")
    assert isinstance(told[1], PaymentConflict)
    assert shop.ledger.audit() == ()


def test_a_wish_that_comes_to_nothing_is_in_no_other_ones_way(shop: Shop) -> None:
    shop.stock(MUG=5)
    for id in ("c1", "c9"):
        shop.hold(id, MUG=1)
    shop.commit("c9", "pay_9")
    of_another, cancelled = shop.ledger.close(
        [Closing("c1", "committed", payment_reference="pay_9"), Closing("c1", "cancelled", "no")]
    )
    assert isinstance(of_another, PaymentConflict)
    assert isinstance(cancelled, ReservationState)
    assert cancelled.outcome.status == "cancelled"


def test_wishes_for_one_checkout_come_one_after_the_other(shop: Shop) -> None:
    shop.stock(MUG=5)
    shop.hold("c1", MUG=1)
    wishes = [Closing("c1", "committed", payment_reference="pay_1"), Closing("c1", "cancelled")]
    told = [answer for answer in shop.ledger.close(wishes) if isinstance(answer, ReservationState)]
    assert [state.outcome.status for state in told] == ["cancelled", "cancelled"]
    assert shop.payment("pay_1") == ("c1", "refund_due", "cancelled")
    assert shop.figures("MUG").available == 5


def test_who_names_a_payment_first_has_it_though_the_other_was_to_expire_before(
    shop: Shop,
) -> None:
    shop.stock(MUG=5)
    for id in ("c1", "c2"):
        shop.hold(id, MUG=1)
    wishes = [
        Closing("c1", "expired"),
        Closing("c2", "fulfilled", payment_reference="pay_1"),
        Closing("c1", "fulfilled", payment_reference="pay_1"),
    ]
    shop.ledger.close(wishes)
    assert shop.payment("pay_1") == ("c2", "settled", "")
    assert shop.status("c1") == "held"


def test_a_late_payment_does_not_hide_the_same_one_that_is_not_to_reinstate(shop: Shop) -> None:
    shop.stock(MUG=5)
    shop.hold("c1", hold_seconds=60, MUG=1)
    shop.pass_seconds(60)
    shop.expire("c1")
    paid = Closing("c1", "fulfilled", payment_reference="pay_1")
    told = shop.ledger.close([replace(paid, reinstating=True), paid])
    assert [getattr(answer, "refund_due", None) for answer in told] == ["expired", "expired"]


def test_what_is_asked_a_hundred_times_in_one_batch_is_done_once() -> None:
    wishes = [
        Closing("c1", "fulfilled", f"webhook {n}", payment_reference="pay_1") for n in range(100)
    ]
    other = Closing("c1", "fulfilled", payment_reference="pay_2")
    assert turns([*wishes, other]) == [{"c1": wishes[0]}, {"c1": other}]
