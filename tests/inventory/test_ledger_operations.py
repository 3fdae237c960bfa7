"""What each operation on reservations answers: reserving, and ending a hold in each way."""

from __future__ import annotations

import psycopg
import pytest
from sqlalchemy import Connection, event, text

from activities.inventory.database.engine import statement_engine
from activities.inventory.database.errors import LedgerCorrupt, ReservationConflict
from activities.inventory.ledger import BATCH_SIZE_MAX, Ledger
from activities.inventory.operations.batch import ReserveBatch
from activities.inventory.records import Closing, HoldExtension, ReservationState
from holdfast_client.contract.messages import CheckoutRequest, Line
from holdfast_client.contract.outcomes import (
    Cancelled,
    Denied,
    Expired,
    Fulfilled,
    Held,
    HeldLine,
    Outcome,
    Shortage,
)
from tests.inventory import by_hand
from tests.inventory.shop import Figures, Shop, checkout

ENDINGS = ["fulfil", "cancel", "expire"]


def end(shop: Shop, ending: str, checkout_id: str = "c1") -> Outcome:
    """End a hold; one that is to expire is made overdue first."""
    if ending == "expire":
        shop.pass_seconds(900)
    outcome: Outcome = getattr(shop, ending)(checkout_id)
    return outcome


# --- reserve -------------------------------------------------------------------------------------


def test_a_hold_names_its_lines_in_order_and_its_deadline(shop: Shop) -> None:
    shop.stock(MUG=5, CUP=5)
    held = shop.hold("c1", hold_seconds=600, MUG=2, CUP=1)
    assert held == Held(
        expires_at=shop.after(600),
        lines=(
            HeldLine(sku="CUP", location="main", quantity=1),
            HeldLine(sku="MUG", location="main", quantity=2),
        ),
    )


def test_a_hold_says_how_many_seconds_are_left_by_the_databases_clock(shop: Shop) -> None:
    shop.stock(MUG=5)
    shop.hold("c1", hold_seconds=600, MUG=2)
    shop.pass_seconds(250)
    assert shop.state("c1").remaining_seconds == 350.0


def test_equal_skus_of_one_cart_are_summed_before_they_are_decided(shop: Shop) -> None:
    shop.stock(MUG=5)
    lines = (Line(sku="MUG", quantity=3), Line(sku="MUG", quantity=3, location="main"))
    outcome = shop.reserve(CheckoutRequest(checkout_id="c1", lines=lines))
    assert isinstance(outcome, Denied)
    assert outcome.shortages[0].requested == 6


def test_one_sku_at_two_locations_is_two_stock_items(shop: Shop) -> None:
    shop.stock(MUG=1)
    shop.sql("INSERT INTO holdfast.stock_items (sku, location) VALUES ('MUG', 'attic')")
    lines = (Line(sku="MUG", quantity=1), Line(sku="MUG", quantity=1, location="attic"))
    outcome = shop.reserve(CheckoutRequest(checkout_id="c1", lines=lines))
    assert isinstance(outcome, Denied)
    assert [shortage.location for shortage in outcome.shortages] == ["attic"]


def test_a_denial_names_every_short_line_and_when_the_next_hold_on_it_ends(shop: Shop) -> None:
    shop.stock(MUG=5, CUP=2, PEN=9)
    shop.sql("UPDATE holdfast.stock_items SET active = false WHERE sku = 'PEN'")
    shop.hold("later", hold_seconds=900, MUG=1)
    shop.hold("sooner", hold_seconds=60, MUG=2)
    denied = shop.denial("c1", MUG=3, CUP=4, PEN=1, HAT=1)
    assert denied.shortages == (
        Shortage(sku="CUP", location="main", requested=4, available=2, reason="insufficient"),
        Shortage(sku="HAT", location="main", requested=1, available=0, reason="unknown_sku"),
        Shortage(
            sku="MUG",
            location="main",
            requested=3,
            available=2,
            reason="insufficient",
            next_expiry=shop.after(60),
        ),
        Shortage(sku="PEN", location="main", requested=1, available=0, reason="inactive"),
    )


def test_the_next_expiry_counts_a_hold_of_the_same_batch(shop: Shop) -> None:
    shop.stock(MUG=5)
    requests = [checkout("c1", hold_seconds=60, MUG=5), checkout("c2", MUG=1)]
    _, answer = shop.ledger.reserve(requests)
    assert isinstance(answer, ReservationState)
    assert isinstance(answer.outcome, Denied)
    assert answer.outcome.shortages[0].next_expiry == shop.after(60)


def test_a_denial_takes_nothing_and_is_remembered(shop: Shop) -> None:
    shop.stock(MUG=1)
    denied = shop.denial("c1", MUG=2)
    shop.adjust("delivery", "receive", "MUG", 10)
    assert shop.reserve(checkout("c1", MUG=2)) == denied
    assert shop.figures("MUG").reserved == 0
    assert shop.movements("c1") == []


def test_a_hold_outlives_the_deactivation_of_its_sku(shop: Shop) -> None:
    shop.stock(MUG=1)
    shop.hold("c1", MUG=1)
    shop.sql("UPDATE holdfast.stock_items SET active = false")
    assert isinstance(shop.fulfil("c1"), Fulfilled)


def test_a_batch_decides_first_come_first_and_answers_in_the_order_asked(shop: Shop) -> None:
    shop.stock(MUG=5)
    shop.hold("known", MUG=1)
    shop.cancel("gone")
    answers = shop.ledger.reserve(
        [
            checkout("c1", MUG=3),
            checkout("known", MUG=1),
            checkout("c2", MUG=2),
            checkout("gone", MUG=1),
            checkout("c3", MUG=1),
            checkout("c1", MUG=4),
            checkout("c1", MUG=3),
        ]
    )
    told = [
        answer.outcome.status if isinstance(answer, ReservationState) else "conflict"
        for answer in answers
    ]
    assert told == ["held", "held", "denied", "cancelled", "held", "conflict", "held"]
    assert shop.figures("MUG") == Figures(total=5, reserved=5, available=0)


def test_the_shop_and_the_cart_of_a_checkout_are_recorded(shop: Shop) -> None:
    shop.stock(MUG=5)
    lines = (Line(sku="MUG", quantity=1),)
    shop.reserve(CheckoutRequest(checkout_id="c1", lines=lines, customer_id="u-17", cart_id="42"))
    (row,) = shop.sql("SELECT checkout_id, customer_id, cart_id FROM holdfast.reservations")
    assert tuple(row) == ("c1", "u-17", "42")


# --- asked again ---------------------------------------------------------------------------------


def test_a_reserve_asked_twice_holds_once(shop: Shop) -> None:
    shop.stock(MUG=5)
    first = shop.hold("c1", MUG=2)
    shop.pass_seconds(30)
    assert shop.reserve(checkout("c1", MUG=2)) == first
    assert shop.movements("c1") == [("reserve", 0, 2)]


def test_a_reserve_spelled_in_another_way_is_the_same_request(shop: Shop) -> None:
    shop.stock(MUG=5, CUP=5)
    first = shop.hold("c1", MUG=2, CUP=1)
    lines = (
        Line(sku="MUG", quantity=1, location="main"),
        Line(sku="CUP", quantity=1),
        Line(sku="MUG", quantity=1),
    )
    assert shop.reserve(CheckoutRequest(checkout_id="c1", lines=lines)) == first


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(checkout("c1", MUG=3), id="quantity"),
        pytest.param(checkout("c1", CUP=2), id="sku"),
        pytest.param(checkout("c1", MUG=2, CUP=1), id="one line more"),
        pytest.param(checkout("c1", hold_seconds=901, MUG=2), id="hold"),
    ],
)
def test_another_request_under_the_same_id_is_a_conflict_and_the_good_hold_stays(
    shop: Shop, other: CheckoutRequest
) -> None:
    shop.stock(MUG=5, CUP=5)
    shop.hold("c1", MUG=2)
    (answer,) = shop.ledger.reserve([other])
    assert isinstance(answer, ReservationConflict)
    assert shop.status("c1") == "held"
    assert (shop.figures("MUG").reserved, shop.figures("CUP").reserved) == (2, 0)


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
    closing = Closing("c1", ending, payment_reference="pay_1")  # type: ignore[arg-type]
    first, second = shop.ledger.close([closing, closing])
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
    assert [state.outcome.status for state in shop.ledger.close(wishes)] == ["cancelled"] * 2


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
        shop.ledger.close([Closing("c1", "fulfilled")])
    assert shop.status("c1") == "held"


@pytest.mark.parametrize("ending", ["fulfilled", "cancelled", "expired"])
def test_a_denial_stays_a_denial_whatever_is_asked_of_it(shop: Shop, ending: str) -> None:
    denied = shop.denial("c1", MUG=2)
    closing = Closing("c1", ending, payment_reference="pay_1")  # type: ignore[arg-type]
    assert shop.ledger.close([closing])[0].outcome == denied


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
    statuses = [state.outcome.status for state in shop.ledger.close(closings)]
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


# --- bounds --------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, BATCH_SIZE_MAX + 1])
@pytest.mark.parametrize(
    "operation", ["reserve", "close", "extend", "reservations", "availability"]
)
def test_a_batch_out_of_bounds_is_refused(shop: Shop, operation: str, count: int) -> None:
    entries = {
        "reserve": checkout("c1", MUG=1),
        "close": Closing("c1", "cancelled"),
        "extend": HoldExtension("c1", shop.now),
        "reservations": "c1",
        "availability": "MUG",
    }
    with pytest.raises(ValueError, match=f"1 to {BATCH_SIZE_MAX} entries, not {count}"):
        getattr(shop.ledger, operation)([entries[operation]] * count)


def test_the_largest_batch_is_one_transaction(shop: Shop) -> None:
    shop.stock(MUG=BATCH_SIZE_MAX - 1)
    ids = [f"c{number}" for number in range(BATCH_SIZE_MAX)]
    shop.ledger.reserve([checkout(id, MUG=1) for id in ids])
    assert shop.figures("MUG").available == 0
    assert shop.status(ids[-1]) == "denied"
    shop.ledger.close([Closing(id, "cancelled") for id in ids])
    assert shop.figures("MUG").reserved == 0


def test_an_expiry_that_is_not_due_does_not_take_the_place_of_a_cancellation(shop: Shop) -> None:
    shop.stock(MUG=1)
    shop.hold("c1", MUG=1)
    expired, cancelled = shop.ledger.close([Closing("c1", "expired"), Closing("c1", "cancelled")])
    assert (expired.outcome.status, cancelled.outcome.status) == ("cancelled", "cancelled")


def test_in_a_batch_each_request_is_compared_with_what_its_id_was_made_for(shop: Shop) -> None:
    shop.stock(MUG=5)
    shop.hold("c1", MUG=1)
    shop.cancel("never")
    answers = shop.ledger.reserve(
        [
            checkout("c1", MUG=2),
            checkout("c1", MUG=1),
            checkout("never", MUG=1),
            checkout("never", MUG=2),
            checkout("new", MUG=1),
            checkout("new", MUG=2),
        ]
    )
    told = [
        answer.outcome.status if isinstance(answer, ReservationState) else "conflict"
        for answer in answers
    ]
    assert told == ["conflict", "held", "cancelled", "cancelled", "held", "conflict"]


def test_what_needs_no_decision_is_one_journey_that_leaves_no_lock_behind(shop: Shop) -> None:
    """A worker that freezes between two statements of a transaction would freeze its stock too."""
    shop.stock(MUG=5)
    journeys: list[bool] = []

    def note(connection: Connection, *_: object) -> None:
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        journeys.append(driver.autocommit)

    ledger = Ledger(shop.engine)
    event.listen(statement_engine(shop.engine), "before_cursor_execute", note)
    ledger.reserve([checkout("c1", MUG=1), checkout("c2", MUG=1)])
    assert journeys == [True]
    ledger.close([Closing("c1", "cancelled"), Closing("c2", "cancelled")])
    assert journeys == [True, True]


@pytest.mark.parametrize(
    "requests",
    [
        [checkout("c1", MUG=1)],
        [checkout("c2", MUG=5)],
        [checkout("c2", NO_SUCH=1)],
        [checkout("c2", RETIRED=1)],
        [checkout("c2", MUG=1), checkout("c3", NO_SUCH=1)],
    ],
    ids=["asked again", "too much", "unknown", "inactive", "beside a denial"],
)
def test_what_has_to_be_decided_is_seen_before_anything_is_written(
    shop: Shop, requests: list[CheckoutRequest]
) -> None:
    """An error in the server's log for every denial would drown the others."""
    shop.stock(MUG=5, RETIRED=5)
    shop.sql("UPDATE holdfast.stock_items SET active = false WHERE sku = 'RETIRED'")
    shop.hold("c1", MUG=1)
    with shop.engine.connect() as connection:
        assert by_hand.reserve_what_fits(connection, ReserveBatch.of(requests)) == ()
        written = text("SELECT pg_current_xact_id_if_assigned()")
        assert connection.execute(written).scalar_one() is None
