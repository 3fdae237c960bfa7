"""The life of a checkout as pure data."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from activities.inventory.records import ReservationState
from holdfast_client.contract.messages import (
    Cancellation,
    CheckoutRequest,
    Confirmation,
    Extension,
    Line,
    PartialRelease,
    Shipment,
)
from holdfast_client.contract.outcomes import (
    SHIPMENTS_KEPT_MAX,
    Cancelled,
    Committed,
    Denied,
    Expired,
    Fulfilled,
    Held,
    HeldLine,
    KnownOutcome,
    ShipmentReport,
    Unavailable,
)
from workflows import ledger_requests
from workflows.carried import CarriedState
from workflows.lifecycle import Checkout
from workflows.policies import (
    EVENTS_KEPT_MAX,
    RUN_INPUT_BYTES_MAX,
    WAIT_SECONDS_MIN,
    WAITING_MESSAGES_MAX,
)
from workflows.tickets import Wish

NOW = datetime(2031, 3, 14, 9, 0, 0, tzinfo=UTC)
REQUEST = CheckoutRequest(
    checkout_id="cart-42",
    lines=(Line(sku="TEA", quantity=1), Line(sku="MUG", quantity=2), Line(sku="TEA", quantity=3)),
)
LINES = (
    HeldLine(sku="MUG", location="main", quantity=2),
    HeldLine(sku="TEA", location="main", quantity=4),
)
HELD = Held(expires_at=NOW + timedelta(seconds=900), lines=LINES)
PAY, CANCEL = Confirmation(payment_reference="pay_1"), Cancellation(reason="no")
EXTEND = Extension(seconds=60)
FINALS: list[KnownOutcome] = [
    Denied(shortages=()),
    Fulfilled(payment_reference="pay_1", lines=LINES, at=NOW),
    Cancelled(at=NOW),
    Expired(at=NOW),
    Unavailable(),
]


def waiting_for(*wishes: Wish) -> Checkout:
    checkout = Checkout(REQUEST)
    for wish in wishes:
        checkout.post(wish)
    return checkout


def held() -> Checkout:
    checkout = Checkout(REQUEST)
    checkout.settle(ReservationState(HELD, 900.0), NOW)
    return checkout


def test_a_new_checkout_is_pending_and_knows_what_it_is_about():
    checkout = Checkout(REQUEST)
    assert (checkout.status, checkout.over, checkout.lines) == ("pending", False, LINES)


def test_a_held_checkout_is_not_over_and_wakes_at_its_deadline():
    checkout = held()
    assert (checkout.status, checkout.over) == ("held", False)
    assert checkout.wake_at == NOW + timedelta(seconds=900)


def test_it_wakes_when_it_was_to_as_long_as_the_deadline_stays():
    checkout = held()
    later = NOW + timedelta(seconds=60)
    released = HELD.model_copy(update={"lines": LINES[:1], "revision": 2})
    checkout.settle(ReservationState(released, 839.9, wake_late_seconds=5.0), later)
    assert checkout.wake_at == NOW + timedelta(seconds=900)


def test_it_wakes_earlier_where_the_ledgers_clock_has_run_ahead():
    checkout = held()
    checkout.settle(ReservationState(HELD, 500.0), NOW + timedelta(seconds=60))
    assert checkout.wake_at == NOW + timedelta(seconds=560)
    checkout.settle(ReservationState(HELD, -1.0), NOW + timedelta(seconds=61))
    assert checkout.wake_at == NOW + timedelta(seconds=61 + WAIT_SECONDS_MIN)


def test_a_moved_deadline_and_one_that_came_too_early_are_waited_for_anew():
    checkout = held()
    extended = HELD.model_copy(update={"expires_at": NOW + timedelta(seconds=960)})
    checkout.settle(ReservationState(extended, 900.0), NOW + timedelta(seconds=60))
    assert checkout.wake_at == NOW + timedelta(seconds=960)
    checkout.settle(ReservationState(extended, 7.0), NOW + timedelta(seconds=960))
    assert checkout.wake_at == NOW + timedelta(seconds=967)


@pytest.mark.parametrize("outcome", FINALS, ids=lambda outcome: outcome.status)
def test_every_other_outcome_is_the_end(outcome: KnownOutcome):
    checkout = held()
    checkout.settle(ReservationState(outcome, None), NOW)
    assert (checkout.over, checkout.wake_at) == (True, None)
    assert checkout.final_outcome() == outcome
    assert checkout.report().expires_at is None


@pytest.mark.parametrize("outcome", [None, HELD])
def test_what_is_not_over_has_no_final_outcome(outcome: KnownOutcome | None):
    with pytest.raises(RuntimeError):
        Checkout(REQUEST, outcome=outcome).final_outcome()


@pytest.mark.parametrize(
    ("remaining", "waits"),
    [
        (900.0, 900.0),
        (0.06, 0.06),
        (WAIT_SECONDS_MIN, WAIT_SECONDS_MIN),
        (0.0, WAIT_SECONDS_MIN),
        (-30.0, WAIT_SECONDS_MIN),
        (None, WAIT_SECONDS_MIN),
    ],
)
def test_it_waits_as_long_as_the_database_says_and_never_spins(
    remaining: float | None, waits: float
):
    checkout = Checkout(REQUEST)
    checkout.settle(ReservationState(HELD, remaining), NOW)
    assert checkout.wake_at == NOW + timedelta(seconds=waits)


def test_in_a_crowd_it_waits_longer_than_to_the_deadline():
    checkout = Checkout(REQUEST)
    checkout.settle(ReservationState(HELD, 900.0, wake_late_seconds=2.5), NOW)
    assert checkout.wake_at == NOW + timedelta(seconds=902.5)


@pytest.mark.parametrize(
    ("wishes", "leads"),
    [
        ((), False),
        ((CANCEL,), True),
        ((PAY,), False),
        ((EXTEND,), False),
        ((EXTEND, CANCEL), True),
        ((EXTEND, EXTEND, CANCEL, PAY), True),
        ((PAY, CANCEL), False),
        ((CANCEL, PAY), True),
        ((EXTEND, PAY, CANCEL), False),
    ],
)
def test_a_cancellation_leads_unless_a_payment_came_before(wishes: tuple[Wish, ...], leads: bool):
    assert waiting_for(*wishes).cancel_leads is leads


def test_so_many_messages_may_wait_and_no_more():
    assert waiting_for(*[EXTEND] * (WAITING_MESSAGES_MAX - 1)).has_room(EXTEND)
    assert not waiting_for(*[EXTEND] * WAITING_MESSAGES_MAX).has_room(EXTEND)
    assert not waiting_for(*[PAY] * WAITING_MESSAGES_MAX).has_room(CANCEL)


def test_extensions_that_wait_take_no_room_from_payments_and_cancellations():
    checkout = waiting_for(*[EXTEND] * WAITING_MESSAGES_MAX)
    assert checkout.has_room(PAY)
    assert checkout.has_room(CANCEL)


def test_who_ends_the_hold_is_served_before_who_extends_it_and_else_the_first():
    checkout = waiting_for(EXTEND, PAY, EXTEND, CANCEL)
    served = [checkout.next_message().wish for _ in range(4)]
    assert served == [PAY, CANCEL, EXTEND, EXTEND]
    assert not checkout.has_messages


def test_who_is_told_by_the_outcome_goes_and_a_payment_that_did_not_settle_it_stays():
    second = Confirmation(payment_reference="pay_2")
    checkout = waiting_for(EXTEND, PAY, second, CANCEL)
    checkout.outcome = Fulfilled(payment_reference="pay_1", lines=LINES, at=NOW)
    assert [ticket.wish for ticket in checkout.take_told()] == [PAY, CANCEL, EXTEND]
    assert checkout.next_message().wish == second
    assert not checkout.has_messages


def test_temporals_own_cancellation_is_taken_however_many_messages_wait():
    checkout = waiting_for(*[EXTEND] * WAITING_MESSAGES_MAX)
    checkout.post(CANCEL)
    assert checkout.cancel_leads


def test_what_is_asked_of_the_ledger_carries_who_and_why():
    checkout = held()
    paid = ledger_requests.confirming(
        checkout, Confirmation(payment_reference="pay_1", actor="web"), "u-1"
    )
    assert (paid.status, paid.payment_reference, paid.actor) == ("fulfilled", "pay_1", "web")
    assert paid.operation_id == "u-1"
    cancelled = ledger_requests.cancelling(checkout, Cancellation(reason="no", actor="sue"))
    assert (cancelled.status, cancelled.reason, cancelled.actor) == ("cancelled", "no", "sue")
    assert ledger_requests.expiring(checkout).status == "expired"
    assert ledger_requests.giving_up(checkout).status == "cancelled"
    assert {c.checkout_id for c in (paid, cancelled)} == {"cart-42"}


def test_an_extension_names_the_deadline_itself_and_its_own_id():
    wished = Extension(seconds=60, reason="card check", actor="psp")
    asked = ledger_requests.extending(held(), wished, "extension-1")
    assert asked.expires_at == HELD.expires_at + timedelta(seconds=60)
    assert (asked.extension_id, asked.seconds) == ("extension-1", 60)
    assert (asked.reason, asked.actor) == ("card check", "psp")


def test_only_a_hold_can_be_extended_or_carried_over():
    with pytest.raises(RuntimeError):
        ledger_requests.extending(Checkout(REQUEST), EXTEND, "extension-1")
    with pytest.raises(RuntimeError):
        Checkout(REQUEST).carried()


def test_of_many_events_the_middle_is_left_out_and_counted():
    checkout = held()
    for number in range(EVENTS_KEPT_MAX + 50):
        checkout.note(NOW, f"event {number}")
    assert len(checkout.events) == EVENTS_KEPT_MAX
    assert checkout.events_left_out == 50
    assert checkout.events[0].event == "event 0"
    assert checkout.events[-1].event == f"event {EVENTS_KEPT_MAX + 49}"


def test_what_is_carried_over_comes_back_the_same_through_json():
    checkout = held()
    checkout.note(NOW, "held", actor="web", reason="\N{GRINNING FACE}")
    checkout.extend_signals = 3
    carried = CarriedState.model_validate_json(checkout.carried().model_dump_json())
    resumed = Checkout.resumed(REQUEST, carried)
    assert resumed.report() == checkout.report()
    assert resumed.wake_at == checkout.wake_at
    assert resumed.extend_signals == 3


def test_a_run_is_started_with_no_more_than_temporal_takes():
    name = "\N{GRINNING FACE}" * 100
    lines = tuple(Line(sku=f"{number:04}{name}"[:100], quantity=1) for number in range(1_000))
    request = CheckoutRequest(checkout_id="c", lines=lines)
    checkout = Checkout(request)
    held_lines = tuple(HeldLine(sku=line.sku, location=name, quantity=1) for line in lines)
    checkout.settle(ReservationState(HELD.model_copy(update={"lines": held_lines}), 60.0), NOW)
    for number in range(EVENTS_KEPT_MAX):
        checkout.note(NOW, f"event {number}", reason=name * 20)
    carried = checkout.carried()
    size = sum(len(each.model_dump_json().encode()) for each in (checkout.start_again(), carried))
    assert 0.9 * RUN_INPUT_BYTES_MAX < size <= RUN_INPUT_BYTES_MAX
    assert carried.events == tuple(checkout.events[-len(carried.events) :])
    assert carried.events_left_out == EVENTS_KEPT_MAX - len(carried.events) > 0
    assert Checkout.resumed(request, carried).lines == held_lines


def committed() -> Checkout:
    checkout = held()
    outcome = Committed(payment_reference="pay_1", lines=HELD.lines[:1], revision=2, at=NOW)
    checkout.settle(ReservationState(outcome, None), NOW)
    return checkout


def test_what_is_committed_is_open_without_a_deadline_and_is_carried_over():
    checkout = committed()
    checkout.note_shipment(ShipmentReport(shipment_id="s-1", at=NOW, units=1))
    assert not checkout.over
    assert checkout.wake_at is None
    assert checkout.lines == HELD.lines[:1]
    carried = CarriedState.model_validate_json(checkout.carried().model_dump_json())
    resumed = Checkout.resumed(REQUEST, carried)
    assert resumed.outcome == checkout.outcome
    assert resumed.report() == checkout.report()


def test_only_another_payment_of_what_is_committed_is_a_duplicate():
    checkout = committed()
    for payment, is_duplicate in (("pay_1", False), ("pay_2", True)):
        answer = checkout.answer_to(Confirmation(payment_reference=payment))
        assert isinstance(answer, Committed)
        assert answer.duplicate_payment == is_duplicate
    assert checkout.answer_to(CANCEL) == checkout.outcome
    assert isinstance(checkout.outcome, Committed)
    assert not checkout.outcome.duplicate_payment


def test_a_shipment_is_reported_once_and_of_very_many_the_last():
    checkout = committed()
    for number in range(SHIPMENTS_KEPT_MAX + 2):
        for _ in range(2):
            checkout.note_shipment(ShipmentReport(shipment_id=f"s-{number}", at=NOW, units=1))
    report = checkout.report()
    assert len(report.shipments) == SHIPMENTS_KEPT_MAX
    assert report.shipments[-1].shipment_id == f"s-{SHIPMENTS_KEPT_MAX + 1}"
    assert report.shipments_left_out == 2


def test_a_shipment_is_served_before_a_cancellation_that_came_after_it():
    checkout = committed()
    wishes: list[Wish] = [
        Shipment(shipment_id="s-1"),
        CANCEL,
        PartialRelease(lines=(Line(sku="A", quantity=1),)),
    ]
    for wish in (EXTEND, *wishes):
        checkout.post(wish)
    assert [checkout.next_message().wish for _ in range(4)] == [*wishes, EXTEND]


_outcomes = st.sampled_from([HELD, *FINALS])
_Settled = tuple[KnownOutcome, float | None]
_steps: st.SearchStrategy[list[Wish | _Settled | str]] = st.lists(
    st.one_of(
        st.sampled_from([PAY, CANCEL, EXTEND]),
        st.tuples(_outcomes, st.one_of(st.none(), st.floats(-1e4, 1e5))),
        st.text(max_size=5),
    ),
    max_size=200,
)


@given(_steps)
def test_whatever_happens_the_invariants_hold(steps: list[Wish | _Settled | str]):
    checkout = Checkout(REQUEST)
    posted: list[Wish] = []
    told = 0
    for step in steps:
        match step:
            case BaseModel():
                if checkout.has_room(step):
                    checkout.post(step)
                    posted.append(step)
            case (outcome, remaining):
                checkout.settle(ReservationState(outcome, remaining), NOW)
            case str():
                checkout.note(NOW, step)
                told += 1
        lines = (checkout.endings, checkout.extensions)
        assert sum(len(line) for line in lines) == len(posted)
        assert max(len(line) for line in lines) <= WAITING_MESSAGES_MAX
        assert len(checkout.events) <= EVENTS_KEPT_MAX
        assert len(checkout.events) + checkout.events_left_out == told
        assert (checkout.wake_at is not None) == (checkout.status == "held")
        assert checkout.wake_at is None or checkout.wake_at > NOW
        assert checkout.over == (checkout.status not in {"pending", "held"})
        assert checkout.report().status == checkout.status
