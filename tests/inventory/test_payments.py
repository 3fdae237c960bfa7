"""Payments on record: one settles a checkout, every other is due back, and states only go up."""

from __future__ import annotations

from functools import partial

import pytest
from sqlalchemy import exc

from activities.inventory.database.errors import PaymentConflict, RefundNotDue
from activities.inventory.records import Closing
from activities.inventory.sql.statements import payments as statements
from holdfast_client.contract.holds import HoldsRequest
from holdfast_client.contract.refunds import RefundDone, RefundsRequest
from tests.inventory import by_hand
from tests.inventory.crowd import waiting_behind
from tests.inventory.functions import rewrite_function
from tests.inventory.shop import Shop, checkout, states
from tests.inventory.test_plans import kept_plan


def _refund(shop: Shop, payment: str) -> str:
    return shop.ledger.refund(RefundDone(payment_reference=payment, actor="sam")).checkout_id


def _due(shop: Shop) -> list[tuple[str, str]]:
    found = shop.ledger.refunds(RefundsRequest())
    return [(refund.payment_reference, refund.reason) for refund in found.refunds]


@pytest.mark.parametrize("settle", ["fulfil", "commit"])
def test_a_payment_settles_the_hold_that_it_finds(shop: Shop, settle: str) -> None:
    shop.stock(MUG=5)
    shop.hold("c1", MUG=2)
    getattr(shop, settle)("c1", "pay_1")
    assert shop.payment("pay_1") == ("c1", "settled", "")
    assert _due(shop) == []


def test_a_plain_paid_checkout_writes_one_row_of_payments_once(shop: Shop) -> None:
    shop.stock(MUG=5)
    shop.hold("c1", MUG=2)
    shop.fulfil("c1")
    # What was written once was updated or locked by nobody.
    (row,) = shop.sql("SELECT CAST(xmax AS text) FROM holdfast.payments")
    assert row[0] == "0"


def test_the_same_payment_again_is_told_where_it_stands_and_nothing_is_due(shop: Shop) -> None:
    shop.stock(MUG=5)
    shop.hold("c1", MUG=2)
    first = shop.fulfil("c1", "pay_1")
    again = shop.pay("c1", "fulfilled", "pay_1")
    assert (again.outcome, again.refund_due) == (first, None)
    assert shop.payment("pay_1") == ("c1", "settled", "")


@pytest.mark.parametrize("settled", ["fulfil", "commit"])
def test_a_second_payment_is_due_back_as_a_duplicate(shop: Shop, settled: str) -> None:
    shop.stock(MUG=5)
    shop.hold("c1", MUG=2)
    first = getattr(shop, settled)("c1", "pay_1")
    second = shop.pay("c1", "fulfilled", "pay_2")
    assert (second.outcome, second.refund_due) == (first, "duplicate")
    assert _due(shop) == [("pay_2", "duplicate")]


@pytest.mark.parametrize(
    ("ending", "reason"), [("cancel", "cancelled"), ("expire", "expired"), ("deny", "denied")]
)
def test_a_payment_that_comes_to_what_is_over_is_due_back_with_the_reason(
    shop: Shop, ending: str, reason: str
) -> None:
    shop.stock(MUG=5)
    shop.reserve(checkout("c1", MUG=9 if ending == "deny" else 2))
    if ending != "deny":
        shop.pass_seconds(900)
        getattr(shop, ending)("c1")
    told = shop.pay("c1", "committed", "pay_1")
    assert (told.outcome.status, told.refund_due) == (reason, reason)
    # Told again it is the same, and nothing moves.
    assert shop.pay("c1", "fulfilled", "pay_1").refund_due == reason
    assert _due(shop) == [("pay_1", reason)]


def test_a_payment_of_a_checkout_that_nobody_knows_is_due_back(shop: Shop) -> None:
    assert shop.pay("never", "fulfilled", "pay_1").refund_due == "unknown_checkout"
    shop.stock(MUG=5)
    # It has left a tombstone: a reserve that comes later holds nothing for money that goes back.
    assert shop.reserve(checkout("never", MUG=1)).status == "expired"


def test_a_payment_that_speaks_of_an_attempt_that_there_is_not_settles_nothing(shop: Shop) -> None:
    shop.stock(MUG=5)
    held = shop.hold("c1", MUG=2)
    paid = Closing("c1", "fulfilled", payment_reference="pay_1", attempt=2)
    (told,) = states(shop.ledger.close([paid]))
    assert (told.outcome, told.refund_due) == (held, "unknown_checkout")
    assert _due(shop) == [("pay_1", "unknown_checkout")]
    assert shop.figures("MUG") == (5, 2, 3)
    assert shop.ledger.audit() == ()


def test_a_payment_of_what_was_given_up_is_due_back_as_unavailable(shop: Shop) -> None:
    from workflows import ledger_requests
    from workflows.lifecycle import Checkout  # what the workflow says then

    shop.ledger.close([ledger_requests.giving_up(Checkout(checkout("c1", MUG=1)))])
    assert shop.pay("c1", "fulfilled", "pay_1").refund_due == "unavailable"


@pytest.mark.parametrize("given_back", ["cancel", "give_back"])
def test_the_payment_of_a_committed_checkout_that_is_cancelled_is_due_back(
    shop: Shop, given_back: str
) -> None:
    shop.stock(MUG=5)
    shop.hold("c1", MUG=2)
    shop.commit("c1", "pay_1")
    if given_back == "cancel":
        shop.cancel("c1")
    else:
        shop.give_back("c1", "r-1", MUG=2)
    assert shop.status("c1") == "cancelled"
    assert _due(shop) == [("pay_1", "cancelled")]


@pytest.mark.parametrize("given_back", ["cancel", "give_back"])
def test_the_payment_of_what_was_shipped_in_part_stays(shop: Shop, given_back: str) -> None:
    shop.stock(MUG=5)
    shop.hold("c1", MUG=2)
    shop.commit("c1", "pay_1")
    shop.ship("c1", "s-1", MUG=1)
    if given_back == "cancel":
        shop.cancel("c1")
    else:
        shop.give_back("c1", "r-1", MUG=1)
    assert shop.status("c1") == "fulfilled"
    assert shop.payment("pay_1") == ("c1", "settled", "")


def test_a_payment_of_what_nobody_waited_for_is_due_back_as_unavailable(shop: Shop) -> None:
    shop.stock(MUG=5)
    shop.ledger.abandon(checkout("c1", MUG=2))
    assert shop.pay("c1", "fulfilled", "pay_1").refund_due == "unavailable"
    assert _due(shop) == [("pay_1", "unavailable")]


def test_a_payment_of_another_checkout_is_a_conflict_and_changes_nothing(shop: Shop) -> None:
    shop.stock(MUG=5)
    for id in ("c1", "c2"):
        shop.hold(id, MUG=1)
    shop.fulfil("c1", "pay_1")
    with pytest.raises(PaymentConflict) as caught:
        shop.fulfil("c2", "pay_1")
    assert caught.value.checkout_id == "c1"
    assert shop.status("c2") == "held"
    # Also where the checkout is over, or paid by another.
    shop.fulfil("c2", "pay_2")
    with pytest.raises(PaymentConflict):
        shop.fulfil("c2", "pay_1")
    assert shop.payment("pay_1") == ("c1", "settled", "")


def test_two_checkouts_that_are_paid_by_one_payment_at_once_take_turns(shop: Shop) -> None:
    shop.stock(MUG=5)
    for id in ("c1", "c2"):
        shop.hold(id, MUG=1)
    first, second = (Closing(id, "fulfilled", payment_reference="pay_1") for id in ("c1", "c2"))
    with shop.engine.connect() as connection:
        by_hand.close(connection, [first])
        late = partial(shop.ledger.close, [second])
        with waiting_behind(shop.engine, connection, late) as (answer,):
            pass
    assert isinstance(answer.result()[0], PaymentConflict)
    assert (shop.status("c1"), shop.status("c2")) == ("fulfilled", "held")


def test_without_the_payments_uniqueness_one_payment_settles_two_and_the_audit_says_so(
    fragile_shop: Shop,
) -> None:
    shop = fragile_shop
    shop.sql("ALTER TABLE holdfast.payments DROP CONSTRAINT payments_pkey")
    clause = "ON CONFLICT (payment_reference) DO UPDATE"
    with shop.engine.connect() as connection:
        definition = connection.exec_driver_sql(
            "SELECT pg_get_functiondef('holdfast.put_down_payments'::regproc)"
        ).scalar_one()
    begin, end = definition.index(clause), definition.index("RETURNING p.checkout_id, p.state")
    rewrite_function(shop.engine, "put_down_payments", definition[begin:end])
    shop.stock(MUG=5)
    for id in ("c1", "c2"):
        shop.hold(id, MUG=1)
        shop.fulfil(id, "pay_1")
    assert shop.status("c2") == "fulfilled"
    assert "I6" in {breach.invariant for breach in shop.ledger.audit()}


def test_a_failed_payment_may_move_to_another_checkout(shop: Shop) -> None:
    shop.stock(MUG=5)
    shop.hold("c2", MUG=1)
    _write(shop, "pay_1", "c1", "failed")
    assert shop.fulfil("c2", "pay_1").status == "fulfilled"
    assert shop.payment("pay_1") == ("c2", "settled", "")


def test_a_refund_is_done_once(shop: Shop) -> None:
    shop.pay("never", "fulfilled", "pay_1")
    assert _refund(shop, "pay_1") == "never"
    assert _due(shop) == []
    refunded_at = shop.now
    shop.pass_seconds(60)
    for payment, state in (("pay_1", "refunded"), ("unknown", None)):
        with pytest.raises(RefundNotDue) as caught:
            _refund(shop, payment)
        assert (caught.value.state, caught.value.at) == (state, refunded_at if state else None)
    # Its webhook comes once more.
    assert shop.pay("never", "fulfilled", "pay_1").refund_due == "unknown_checkout"
    assert shop.payment("pay_1") == ("never", "refunded", "unknown_checkout")


def test_refunds_are_listed_by_age_within_a_bound(shop: Shop) -> None:
    for number in range(3):
        shop.pay(f"c{number}", "fulfilled", f"pay_{number}")
        shop.pass_seconds(60)
    found = shop.ledger.refunds(RefundsRequest(limit=2))
    assert [refund.payment_reference for refund in found.refunds] == ["pay_0", "pay_1"]
    assert found.refunds_left_out == 1
    figures = shop.ledger.payment_figures()
    assert (figures.refunds_due, figures.refund_oldest_seconds) == (3, 180)


def test_what_is_to_be_packed_is_listed_by_when_it_was_paid(shop: Shop) -> None:
    shop.stock(MUG=9)
    for id in ("old", "new", "gone"):
        shop.hold(id, MUG=2)
        shop.commit(id)
        shop.pass_seconds(86_400)
    shop.ship("old", "s-1", MUG=1)
    shop.cancel("gone")
    shop.hold("open", MUG=1)
    found = shop.ledger.holds(HoldsRequest(committed=True))
    assert [(hold.checkout_id, hold.units, hold.expires_at) for hold in found.holds] == [
        ("old", 1, None),
        ("new", 2, None),
    ]
    assert found.holds[0].payment_reference == "pay-old"
    assert found.comes_free == ()
    older = shop.ledger.holds(HoldsRequest(committed=True, older_than_seconds=2 * 86_400 + 1))
    assert [hold.checkout_id for hold in older.holds] == ["old"]
    assert shop.ledger.holds(HoldsRequest(committed=True, sku="CUP")).holds == ()
    assert shop.ledger.payment_figures().units_waiting == 3


INSERT = (
    "INSERT INTO holdfast.payments (payment_reference, checkout_id, state, created_at, changed_at) "
)
STATES = ("started", "failed", "settled", "refund_due", "refunded")
UPWARDS = {
    "started": {"failed", "settled", "refund_due"},
    "failed": {"settled", "refund_due"},
    "settled": {"refund_due"},
    "refund_due": {"refunded"},
    "refunded": set(),
}


@pytest.mark.parametrize("before", STATES)
@pytest.mark.parametrize("after", STATES)
def test_the_database_lets_a_state_go_up_only(shop: Shop, before: str, after: str) -> None:
    _write(shop, "pay_1", "c1", before)
    change = "UPDATE holdfast.payments SET state = :state"
    if after == before or after in UPWARDS[before]:
        shop.sql(change, state=after)
    else:
        with pytest.raises(exc.IntegrityError, match="only goes up"):
            shop.sql(change, state=after)


@pytest.mark.parametrize("state", STATES)
def test_the_database_lets_only_a_failed_payment_move(shop: Shop, state: str) -> None:
    _write(shop, "pay_1", "c1", state)
    move = "UPDATE holdfast.payments SET checkout_id = 'c2'"
    if state == "failed":
        shop.sql(move)
    else:
        with pytest.raises(exc.IntegrityError, match="stays with its checkout"):
            shop.sql(move)


def test_the_database_moves_no_failed_payment_that_is_in_flight_again(shop: Shop) -> None:
    _write(shop, "pay_1", "c1", "failed")
    shop.sql("UPDATE holdfast.payments SET paying_until = :until", until=shop.after(60))
    move = "UPDATE holdfast.payments SET checkout_id = 'c2'"
    with pytest.raises(exc.IntegrityError, match="stays with its checkout"):
        shop.sql(move)
    shop.pass_seconds(60)
    shop.sql(move)


def test_a_payment_is_never_removed(shop: Shop) -> None:
    _write(shop, "pay_1", "c1", "settled")
    for statement in ("DELETE FROM holdfast.payments", "TRUNCATE holdfast.payments"):
        with pytest.raises(exc.IntegrityError):
            shop.sql(statement)


BREACHES = {
    "settled without a reservation": (
        INSERT + "VALUES ('stray', 'c9', 'settled', now(), now())",
        "payment stray",
    ),
    "paid without a payment": (
        "UPDATE holdfast.reservations SET payment_reference = 'another' WHERE status = 'fulfilled'",
        "checkout/c1",
    ),
    "settled twice": (
        INSERT + "VALUES ('stray', 'c1', 'settled', now(), now())",
        "checkout/c1",
    ),
    "due back for no reason": (
        "ALTER TABLE holdfast.payments DROP CONSTRAINT payments_refund_has_reason; "
        + INSERT
        + "VALUES ('stray', 'c9', 'refund_due', now(), now())",
        "payment stray",
    ),
}


@pytest.mark.parametrize("name", BREACHES)
def test_the_audit_finds_what_breaks_the_payments(fragile_shop: Shop, name: str) -> None:
    shop = fragile_shop
    shop.stock(MUG=5)
    shop.hold("c1", MUG=1)
    shop.fulfil("c1")
    assert shop.ledger.audit() == ()
    statement, subject = BREACHES[name]
    with shop.engine.begin() as connection:
        connection.exec_driver_sql(statement)
    breaches = shop.ledger.audit()
    assert {breach.invariant for breach in breaches} == {"I6"}
    assert subject in {breach.subject for breach in breaches}


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("READ_PAYMENTS", "payments_pkey"),
        ("READ_PAYMENTS_OF", "payments_of_checkout"),
        ("READ_REFUNDS_DUE", "payments_refund_due"),
    ],
)
def test_payments_are_found_by_their_index(shop: Shop, name: str, index: str) -> None:
    assert index in kept_plan(shop.engine, getattr(statements, name))


def _write(shop: Shop, payment: str, checkout_id: str, state: str) -> None:
    shop.sql(
        "INSERT INTO holdfast.payments (payment_reference, checkout_id, state, reason, created_at, "
        "changed_at) VALUES (:payment, :id, :state, 'why', holdfast.clock(), holdfast.clock())",
        payment=payment,
        id=checkout_id,
        state=state,
    )
