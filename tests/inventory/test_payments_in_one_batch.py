"""Who has a payment that several name in one transaction."""

from __future__ import annotations

import pytest

from activities.inventory.database.errors import PaymentConflict
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
