"""What a reserve answers: held or denied, asked once or again, alone or in a batch."""

from __future__ import annotations

import psycopg
import pytest
from sqlalchemy import Connection, event, text

from activities.inventory.database.engine import statement_engine
from activities.inventory.database.errors import ReservationConflict
from activities.inventory.ledger import Ledger
from activities.inventory.ledger_operations import BATCH_SIZE_MAX
from activities.inventory.operations.reserve import ReserveBatch
from activities.inventory.records import Closing, ReservationState
from holdfast_client.contract.messages import CheckoutRequest, Line
from holdfast_client.contract.outcomes import (
    Denied,
    Fulfilled,
    Held,
    HeldLine,
    Shortage,
)
from tests.inventory import by_hand
from tests.inventory.shop import Figures, Shop, checkout, hold_until, states

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


# --- bounds --------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, BATCH_SIZE_MAX + 1])
@pytest.mark.parametrize(
    "operation", ["reserve", "close", "extend", "reservations", "availability"]
)
def test_a_batch_out_of_bounds_is_refused(shop: Shop, operation: str, count: int) -> None:
    entries = {
        "reserve": checkout("c1", MUG=1),
        "close": Closing("c1", "cancelled"),
        "extend": hold_until("c1", shop.now),
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
    states(shop.ledger.close([Closing(id, "cancelled") for id in ids]))
    assert shop.figures("MUG").reserved == 0


def test_an_expiry_that_is_not_due_does_not_take_the_place_of_a_cancellation(shop: Shop) -> None:
    shop.stock(MUG=1)
    shop.hold("c1", MUG=1)
    expired, cancelled = states(
        shop.ledger.close([Closing("c1", "expired"), Closing("c1", "cancelled")])
    )
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
