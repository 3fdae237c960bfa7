"""Two at once, in a chosen order: the second is seen to wait, and learns what the first did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pytest
from sqlalchemy import Connection

from activities.inventory.database.errors import AdjustmentConflict
from activities.inventory.operations.reserve import ReserveBatch
from activities.inventory.records import (
    Closing,
    ExtensionAnswer,
    ReservationState,
    StockLoad,
    StockRow,
)
from holdfast_client.contract.messages import CheckoutRequest, StockAdjustment
from holdfast_client.contract.outcomes import AdjustmentApplied, Denied
from tests.inventory import by_hand
from tests.inventory.crowd import waiting_behind
from tests.inventory.shop import Figures, Shop, checkout, hold_until, states

PAID = Closing("c1", "fulfilled", payment_reference="pay_1")
GIVEN_BACK = Closing("c1", "cancelled", reason="no")
ABANDONED = Closing("c1", "expired")


def _reserve(first: Connection, *requests: CheckoutRequest) -> None:
    assert by_hand.reserve_what_fits(first, ReserveBatch.of(requests))


def test_the_last_unit_goes_to_the_first_and_the_second_is_denied(shop: Shop) -> None:
    shop.stock(MUG=1)
    with shop.engine.connect() as first:
        _reserve(first, checkout("c1", MUG=1))
        second = partial(shop.reserve, checkout("c2", MUG=1))
        with waiting_behind(shop.engine, first, second) as (answer,):
            pass
    # It had looked before, and seen the unit; what it had written by then is undone.
    denial = answer.result()
    assert isinstance(denial, Denied)
    (shortage,) = denial.shortages
    assert (shortage.requested, shortage.available) == (1, 0)
    assert shop.figures("MUG") == Figures(total=1, reserved=1, available=0)


def test_a_database_with_a_stricter_isolation_of_its_own_makes_no_difference(
    fragile_shop: Shop,
) -> None:
    """What was read before the wait would count, and the second would fail, not be served."""
    shop = fragile_shop
    name = shop.engine.url.database
    shop.sql(f"ALTER DATABASE {name} SET default_transaction_isolation = 'repeatable read'")
    shop.engine.dispose()  # New sessions take the setting up.
    shop.stock(MUG=2)
    with shop.engine.connect() as first:
        _reserve(first, checkout("c1", MUG=1))
        second = partial(shop.reserve, checkout("c2", MUG=1))
        with waiting_behind(shop.engine, first, second) as (answer,):
            pass
    assert answer.result().status == "held"


def test_an_id_that_is_taken_meanwhile_does_not_cost_the_others_their_hold(shop: Shop) -> None:
    shop.stock(MUG=5)
    taken, fresh = checkout("c2", MUG=1), checkout("c1", MUG=1)
    with shop.engine.connect() as first:
        _reserve(first, taken)
        batch = partial(shop.ledger.reserve, [taken, fresh])
        with waiting_behind(shop.engine, first, batch) as (answers,):
            pass
    states = answers.result()
    assert [s.outcome.status for s in states if isinstance(s, ReservationState)] == ["held"] * 2
    assert shop.figures("MUG") == Figures(total=5, reserved=2, available=3)
    assert shop.ledger.audit() == ()


def test_the_last_unit_goes_to_the_second_when_the_first_gives_up(shop: Shop) -> None:
    shop.stock(MUG=1)
    with shop.engine.connect() as first:
        _reserve(first, checkout("c1", MUG=1))
        second = partial(shop.reserve, checkout("c2", MUG=1))
        with waiting_behind(shop.engine, first, second) as (answer,):
            first.rollback()
    assert answer.result().status == "held"
    assert shop.figures("MUG") == Figures(total=1, reserved=1, available=0)
    assert shop.ledger.audit() == ()


def test_the_same_reserve_twice_at_once_holds_once(shop: Shop) -> None:
    shop.stock(MUG=5)
    request = checkout("c1", MUG=2)
    with shop.engine.connect() as first:
        _reserve(first, request)
        with waiting_behind(shop.engine, first, partial(shop.reserve, request)) as (answer,):
            pass
    assert answer.result().status == "held"
    assert shop.movements("c1") == [("reserve", 0, 2)]


@pytest.mark.parametrize("second", [PAID, GIVEN_BACK, ABANDONED], ids=lambda c: str(c.status))
@pytest.mark.parametrize("first", [PAID, GIVEN_BACK, ABANDONED], ids=lambda c: str(c.status))
def test_of_two_endings_at_once_the_first_wins_and_the_second_is_told(
    shop: Shop, first: Closing, second: Closing
) -> None:
    shop.stock(MUG=5)
    shop.hold("c1", MUG=2)
    shop.pass_seconds(900)
    with shop.engine.connect() as connection:
        (won,) = by_hand.close(connection, [first])
        late = partial(shop.ledger.close, [second])
        with waiting_behind(shop.engine, connection, late) as (answer,):
            pass
    # Of a payment that comes second it is told that it is due back.
    due = second.payment_reference and first is not PAID and first.status
    assert isinstance(won, ReservationState)
    assert answer.result() == (replace(won, refund_due=due or None),)
    assert won.outcome.status == first.status == shop.status("c1")
    assert len(shop.movements("c1")) == 2


def test_a_release_that_comes_during_the_reserve_waits_and_gives_back(shop: Shop) -> None:
    shop.stock(MUG=5)
    with shop.engine.connect() as first:
        _reserve(first, checkout("c1", MUG=2))
        late = partial(shop.ledger.close, [GIVEN_BACK])
        with waiting_behind(shop.engine, first, late) as (answer,):
            pass
    assert states(answer.result())[0].outcome.status == "cancelled"
    assert shop.movements("c1") == [("reserve", 0, 2), ("cancel", 0, -2)]
    assert shop.figures("MUG").reserved == 0


def test_a_reserve_that_comes_during_the_release_waits_and_is_refused(shop: Shop) -> None:
    shop.stock(MUG=5)
    with shop.engine.connect() as first:
        by_hand.close(first, [GIVEN_BACK])
        late = partial(shop.reserve, checkout("c1", MUG=2))
        with waiting_behind(shop.engine, first, late) as (answer,):
            pass
    assert answer.result().status == "cancelled"
    assert shop.movements("c1") == []
    assert shop.figures("MUG").reserved == 0


def test_a_second_attempt_that_outlives_the_release_is_refused(shop: Shop) -> None:
    """An attempt is slow, its retry is decided and given back, and only then it goes on."""
    shop.stock(MUG=1, CUP=1)
    request = checkout("c1", MUG=1)
    with shop.engine.connect() as stranger:
        _reserve(stranger, request)
        slow = partial(shop.reserve, request)
        with waiting_behind(shop.engine, stranger, slow) as (answer,):
            by_hand.close(stranger, [GIVEN_BACK])
    assert answer.result().status == "cancelled"
    assert shop.figures("MUG") == Figures(total=1, reserved=0, available=1)


@pytest.mark.parametrize(
    ("already_late", "verdict", "status"),
    [
        pytest.param(False, "extended", "held", id="extension first"),
        pytest.param(True, "not_active", "expired", id="too late"),
    ],
)
def test_an_expiry_behind_an_extension_sees_the_new_deadline(
    shop: Shop, already_late: bool, verdict: str, status: str
) -> None:
    shop.stock(MUG=1)
    shop.hold("c1", hold_seconds=60, MUG=1)
    shop.pass_seconds(60 if already_late else 59)
    wish = hold_until("c1", shop.after(600))
    with shop.engine.connect() as first:
        (answer,) = by_hand.extend(first, [wish], 14_400)
        expiry = partial(shop.ledger.close, [ABANDONED])
        with waiting_behind(shop.engine, first, expiry) as (ended,):
            shop.pass_seconds(5)
    assert answer.verdict == verdict
    assert states(ended.result())[0].outcome.status == status


def test_an_extension_behind_an_expiry_does_not_revive(shop: Shop) -> None:
    shop.stock(MUG=1)
    shop.hold("c1", hold_seconds=60, MUG=1)
    shop.pass_seconds(60)
    with shop.engine.connect() as first:
        by_hand.close(first, [ABANDONED])
        wish = partial(shop.extend, "c1", shop.after(600))
        with waiting_behind(shop.engine, first, wish) as (answer,):
            pass
    extended: ExtensionAnswer = answer.result()
    assert extended.verdict == "not_active"
    assert shop.figures("MUG").reserved == 0


def test_an_extension_that_waited_past_the_deadline_is_too_late(shop: Shop) -> None:
    shop.stock(MUG=1)
    shop.hold("c1", hold_seconds=60, MUG=1)
    with shop.engine.connect() as first:
        by_hand.extend(first, [hold_until("c1", shop.after(1))], 14_400)
        wish = partial(shop.extend, "c1", shop.after(600))
        with waiting_behind(shop.engine, first, wish) as (answer,):
            shop.pass_seconds(60)
    assert answer.result().verdict == "not_active"


def test_a_reserve_that_waited_measures_its_hold_from_the_end_of_the_wait(shop: Shop) -> None:
    shop.stock(MUG=2)
    with shop.engine.connect() as first:
        _reserve(first, checkout("c1", MUG=1))
        second = partial(shop.reserve, checkout("c2", hold_seconds=60, MUG=1))
        with waiting_behind(shop.engine, first, second) as (answer,):
            shop.pass_seconds(30)
    answer.result()
    assert shop.state("c2").remaining_seconds == 60.0


def test_the_reconciler_passes_over_a_hold_that_somebody_is_busy_with(shop: Shop) -> None:
    shop.stock(MUG=2)
    shop.hold("c1", hold_seconds=60, MUG=1)
    shop.hold("c2", hold_seconds=60, MUG=1)
    shop.pass_seconds(61)
    with shop.engine.connect() as first:
        first.exec_driver_sql(
            "SELECT 1 FROM holdfast.reservations WHERE checkout_id = 'c1' FOR NO KEY UPDATE"
        )
        assert shop.ledger.expire_overdue(0) == 1
    assert [shop.status(id) for id in ("c1", "c2")] == ["held", "expired"]


def test_a_buyer_waits_for_the_payment_of_an_overdue_hold_in_the_way(shop: Shop) -> None:
    shop.stock(MUG=1)
    shop.hold("c1", hold_seconds=60, MUG=1)
    shop.pass_seconds(60)
    with shop.engine.connect() as first:
        first.exec_driver_sql(
            "SELECT 1 FROM holdfast.reservations WHERE checkout_id = 'c1' FOR NO KEY UPDATE"
        )
        buyer = partial(shop.reserve, checkout("c2", MUG=1))
        with waiting_behind(shop.engine, first, buyer) as (answer,):
            by_hand.close(first, [PAID])
    assert answer.result().status == "denied"
    assert shop.status("c1") == "fulfilled"


def test_two_loads_of_the_same_file_at_once_load_it_once(shop: Shop) -> None:
    rows = [StockRow("MUG", "main", 5), StockRow("CUP", "main", 3)]
    with shop.engine.connect() as first:
        by_hand.load(first, rows)
        again = partial(shop.ledger.load_stock, rows)
        with waiting_behind(shop.engine, first, again) as (answer,):
            pass
    assert answer.result() == StockLoad(created=0, changed=0, unchanged=2)
    assert shop.count("stock_movements") == 2


def test_a_load_behind_a_sale_takes_off_what_was_sold(shop: Shop) -> None:
    shop.stock(MUG=30)
    shop.hold("c1", MUG=2)
    counted_at = shop.now
    shop.pass_seconds(60)
    with shop.engine.connect() as first:
        first.exec_driver_sql(
            "SELECT FROM holdfast.stock_items WHERE sku = 'MUG' FOR NO KEY UPDATE"
        )
        load = partial(shop.ledger.load_stock, [StockRow("MUG", "main", 20)], counted_at)
        with waiting_behind(shop.engine, first, load) as (answer,):
            by_hand.close(first, [PAID])
    answer.result()
    assert shop.figures("MUG") == Figures(total=18, reserved=0, available=18)


def test_a_load_behind_a_reserve_sees_what_that_holds(shop: Shop) -> None:
    shop.stock(MUG=5)
    with shop.engine.connect() as first:
        _reserve(first, checkout("c1", MUG=2))
        load = partial(shop.stock, MUG=2)
        with waiting_behind(shop.engine, first, load) as (answer,):
            pass
    answer.result()
    assert shop.figures("MUG") == Figures(total=2, reserved=2, available=0)


@pytest.mark.parametrize(("quantity", "conflict"), [(5, False), (6, True)])
def test_an_adjustment_twice_at_once_is_applied_once(
    shop: Shop, quantity: int, conflict: bool
) -> None:
    change = StockAdjustment(adjustment_id="a1", sku="MUG", kind="receive", quantity=5)
    with shop.engine.connect() as first:
        by_hand.adjust(first, change)
        again = partial(shop.adjust, "a1", "receive", "MUG", quantity)
        with waiting_behind(shop.engine, first, again) as (answer,):
            pass
    if conflict:
        assert isinstance(answer.exception(), AdjustmentConflict)
    else:
        assert isinstance(answer.result(), AdjustmentApplied)
    assert shop.figures("MUG").total == 5


def test_two_deliveries_of_a_new_sku_at_once_both_count(shop: Shop) -> None:
    change = StockAdjustment(adjustment_id="a1", sku="MUG", kind="receive", quantity=5)
    with shop.engine.connect() as first:
        by_hand.adjust(first, change)
        other = partial(shop.adjust, "a2", "receive", "MUG", 3)
        with waiting_behind(shop.engine, first, other) as (answer,):
            pass
    answer.result()
    assert shop.figures("MUG").total == 8
    assert shop.ledger.audit() == ()


def test_a_batch_and_its_repetition_at_once_get_the_same_answers(shop: Shop) -> None:
    shop.stock(MUG=3)
    requests = [checkout(f"c{number}", MUG=1) for number in range(5)]
    with shop.engine.connect() as first:
        by_hand.decide(first, ReserveBatch.of(requests))
        again = partial(shop.ledger.reserve, requests[::-1])
        with waiting_behind(shop.engine, first, again) as (answer,):
            pass
    answers: Sequence[object] = answer.result()
    told = [a.outcome.status for a in answers if isinstance(a, ReservationState)]
    assert told == ["denied", "denied", "held", "held", "held"]
