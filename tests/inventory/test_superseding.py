"""A new checkout that takes over the units of an old one, in one step, or is denied."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from activities.inventory.database.errors import ReservationConflict
from activities.inventory.records import ReservationState
from holdfast_client.contract.messages import CheckoutRequest
from holdfast_client.contract.outcomes import Cancelled, Denied, Held, HeldLine
from tests.inventory.functions import rewrite_function
from tests.inventory.shop import Shop, checkout


def request(checkout_id: str, supersedes: str | None, **fields: Any) -> CheckoutRequest:
    """Return a request of one customer, unless the fields say otherwise."""
    named = {"customer_id": "u-1", "supersedes": supersedes}
    quantities = {key: n for key, n in fields.items() if key.isupper()}
    others = {key: value for key, value in fields.items() if not key.isupper()}
    return checkout(checkout_id, **quantities).model_copy(update={**named, **others})


def taken(shop: Shop, checkout_id: str, supersedes: str, **fields: Any) -> ReservationState:
    answer = shop.ledger.reserve_alone(request(checkout_id, supersedes, **fields))
    assert isinstance(answer, ReservationState), answer
    return answer


def conflict(shop: Shop, checkout_id: str, supersedes: str, **fields: Any) -> ReservationConflict:
    answer = shop.ledger.reserve_alone(request(checkout_id, supersedes, **fields))
    assert isinstance(answer, ReservationConflict), answer
    return answer


def open_old(shop: Shop, checkout_id: str = "old", **fields: Any) -> Held:
    outcome = shop.reserve(request(checkout_id, None, **fields))
    assert isinstance(outcome, Held)
    return outcome


def test_the_units_pass_over_the_rest_is_given_back_and_the_new_is_taken(shop: Shop) -> None:
    shop.stock(MUG=5, PEN=5, CUP=5)
    open_old(shop, MUG=5, PEN=2)
    shop.pass_seconds(10)
    state = taken(shop, "new", "old", MUG=4, CUP=1)
    assert state.supersedes
    assert state.outcome == Held(
        expires_at=shop.after(900),
        lines=(
            HeldLine(sku="CUP", location="main", quantity=1),
            HeldLine(sku="MUG", location="main", quantity=4),
        ),
    )
    assert shop.state("old").outcome == Cancelled(
        reason="superseded by new", at=shop.now, superseded_by="new"
    )
    assert [shop.figures(sku).reserved for sku in ("MUG", "PEN", "CUP")] == [4, 0, 1]
    assert sorted(shop.movements("old")[2:]) == [("supersede", 0, -5), ("supersede", 0, -2)]
    assert sorted(shop.movements("new")) == [("supersede", 0, 1), ("supersede", 0, 4)]
    assert shop.ledger.audit() == ()


def test_the_last_unit_is_never_free_in_between(shop: Shop) -> None:
    """Somebody who wants it all the time gets nothing."""
    shop.stock(MUG=1)
    open_old(shop, "c-0", MUG=1)
    with ThreadPoolExecutor(4) as threads:
        for number in range(20):
            wishes = [
                threads.submit(shop.reserve, checkout(f"w-{number}-{n}", MUG=1)) for n in range(3)
            ]
            assert taken(shop, f"c-{number + 1}", f"c-{number}", MUG=1).outcome.status == "held"
            assert {wish.result().status for wish in wishes} == {"denied"}
    assert shop.ledger.audit() == ()


def test_what_cannot_be_had_is_denied_and_the_old_one_goes_on(shop: Shop) -> None:
    shop.stock(MUG=5)
    held = open_old(shop, MUG=4)
    outcome = taken(shop, "new", "old", MUG=6).outcome
    assert isinstance(outcome, Denied)
    (short,) = outcome.shortages
    assert (short.requested, short.available, short.next_expiry) == (6, 5, None)
    assert shop.state("old").outcome == held
    assert shop.figures("MUG") == (5, 4, 1)
    assert shop.ledger.audit() == ()


def test_asked_again_it_is_answered_as_before_and_takes_nothing_more(shop: Shop) -> None:
    shop.stock(MUG=5)
    open_old(shop, MUG=4)
    first = taken(shop, "new", "old", MUG=3)
    assert taken(shop, "new", "old", MUG=3) == first
    assert conflict(shop, "new", "old", MUG=2).differs == ("lines",)
    assert conflict(shop, "new", "other", MUG=3).differs == ("supersedes",)
    assert shop.figures("MUG") == (5, 3, 2)


def test_asked_again_it_takes_no_id_that_nobody_has_used(shop: Shop) -> None:
    shop.stock(MUG=5)
    open_old(shop, MUG=4)
    taken(shop, "new", "old", MUG=3)
    assert conflict(shop, "new", "unheard-of", MUG=3).differs == ("supersedes",)
    assert shop.hold("unheard-of", MUG=1).status == "held"


@pytest.mark.parametrize(
    "named", [{"customer_id": "u-2"}, {"customer_id": None}, {"customer_id": None, "cart_id": "9"}]
)
def test_what_is_of_another_customer_and_cart_is_left_alone(
    shop: Shop, named: dict[str, str | None]
) -> None:
    shop.stock(MUG=5)
    held = open_old(shop, MUG=4, cart_id="7")
    assert conflict(shop, "new", "old", MUG=1, **named).differs == ("supersedes",)
    assert shop.state("old").outcome == held
    assert shop.figures("MUG") == (5, 4, 1)
    # Not even the new id was taken.
    assert taken(shop, "new", "old", MUG=1).outcome.status == "held"


def test_the_same_cart_will_do(shop: Shop) -> None:
    shop.stock(MUG=5)
    open_old(shop, MUG=4, cart_id="7", customer_id=None)
    assert taken(shop, "new", "old", MUG=5, cart_id="7").supersedes


def test_what_is_committed_is_not_superseded(shop: Shop) -> None:
    shop.stock(MUG=5)
    open_old(shop, MUG=4)
    shop.commit("old")
    conflict(shop, "new", "old", MUG=1)
    assert shop.figures("MUG") == (5, 4, 1)


def test_what_is_over_overdue_or_unknown_counts_as_not_named(shop: Shop) -> None:
    shop.stock(MUG=5)
    open_old(shop, "over", MUG=1)
    shop.cancel("over")
    open_old(shop, "late", MUG=5)
    shop.pass_seconds(900)
    for number, old in enumerate(("over", "late", "never")):
        state = taken(shop, f"new-{number}", old, MUG=1)
        assert (state.outcome.status, state.supersedes) == ("held", False)
    assert shop.status("late") == "expired"
    # Nothing can be held any more under the id that nobody knew.
    assert shop.reserve(checkout("never", MUG=1)).status == "expired"
    assert shop.figures("MUG") == (5, 3, 2)


def test_the_cap_counts_from_the_first_of_them_and_cuts_the_deadline(shop: Shop) -> None:
    shop.stock(MUG=5)
    open_old(shop, "c-0", MUG=1, hold_seconds=14_000)
    shop.pass_seconds(13_000)
    first = taken(shop, "c-1", "c-0", MUG=1, hold_seconds=900).outcome
    assert isinstance(first, Held)
    assert first.expires_at == shop.after(900)
    shop.pass_seconds(800)
    second = taken(shop, "c-2", "c-1", MUG=1, hold_seconds=900).outcome
    assert isinstance(second, Held)
    assert second.expires_at == shop.after(600)
    assert shop.extend("c-2", shop.after(601)).verdict == "over_cap"


def test_the_deadline_is_not_cut_to_before_that_of_the_old_one(shop: Shop) -> None:
    shop.stock(MUG=5)
    old = open_old(shop, MUG=1, hold_seconds=86_400)
    shop.pass_seconds(20_000)
    outcome = taken(shop, "new", "old", MUG=1, hold_seconds=86_400).outcome
    assert isinstance(outcome, Held)
    assert outcome.expires_at == old.expires_at


def test_two_that_supersede_each_other_take_turns(shop: Shop) -> None:
    shop.stock(MUG=9)
    for round in range(10):
        one, two = f"a-{round}", f"b-{round}"
        with ThreadPoolExecutor(2) as threads:
            answers = [
                threads.submit(shop.ledger.reserve_alone, request(one, two, MUG=1)),
                threads.submit(shop.ledger.reserve_alone, request(two, one, MUG=1)),
            ]
            states = [answer.result() for answer in answers]
        assert all(isinstance(state, ReservationState) for state in states)
    assert shop.ledger.audit() == ()


def test_a_payment_of_the_old_one_comes_first_or_is_told(shop: Shop) -> None:
    shop.stock(MUG=9)
    for number in range(12):
        open_old(shop, f"old-{number}", MUG=1)
        with ThreadPoolExecutor(2) as threads:
            paid = threads.submit(shop.fulfil, f"old-{number}")
            new = threads.submit(taken, shop, f"new-{number}", f"old-{number}", MUG=1)
            if new.result().supersedes:
                assert paid.result().status == "cancelled"
                shop.cancel(f"new-{number}")
            else:
                assert paid.result().status == "fulfilled"
                shop.cancel(f"new-{number}")
        shop.stock(MUG=9)
    assert shop.ledger.audit() == ()


def test_without_the_end_of_the_old_one_its_units_would_be_held_twice(
    fragile_shop: Shop,
) -> None:
    """The control: the audit notices where the old one's units do not leave it."""
    rewrite_function(
        fragile_shop.engine,
        "supersede_reservation",
        "FROM unnest(old_items, old_quantities) AS o(item, quantity)",
        "FROM unnest(old_items, old_quantities) AS o(item, quantity) WHERE false",
    )
    fragile_shop.stock(MUG=9)
    open_old(fragile_shop, MUG=4)
    taken(fragile_shop, "new", "old", MUG=4)
    assert fragile_shop.figures("MUG").reserved == 8
    assert fragile_shop.ledger.audit() != ()


def test_it_is_told_among_the_operations(shop: Shop) -> None:
    shop.stock(MUG=9)
    open_old(shop, MUG=4)
    taken(shop, "new", "old", MUG=4)
    told = shop.sql("SELECT kind, operation_id FROM holdfast.operations ORDER BY sequence")
    kinds = [tuple(row) for row in told if row.kind != "load"]
    assert sorted(kinds) == [("reserve", "reserve"), ("reserve", "reserve"), ("supersede", "new")]
