"""Committed checkouts: paid, on the shelf, shipped and given back in parts, each part once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from activities.inventory.ledger import Ledger
from activities.inventory.operations.part import OpenLine, Parting, decide_part
from activities.inventory.records import Closing, Part
from holdfast_client.contract.messages import Line, StockAdjustment
from holdfast_client.contract.outcomes import (
    AdjustmentRefused,
    Cancelled,
    Committed,
    Denied,
    Fulfilled,
    Held,
    HeldLine,
)
from tests.inventory import by_hand
from tests.inventory.functions import rewrite_function
from tests.inventory.shop import Shop, checkout

# The rule


def shelf(*lines: tuple[str, str, int, int]) -> list[OpenLine]:
    return [OpenLine(n, *line) for n, line in enumerate(lines)]


def wish(*lines: tuple[str, str | None, int], kind: str = "fulfil", rest: bool = False) -> Part:
    wanted = tuple(Line(sku=s, location=place, quantity=n) for s, place, n in lines) or None
    return Part("c", kind, "s-1", wanted, rest_released=rest)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("part", "lines", "decided"),
    [
        (wish(("A", None, 2)), [("A", "main", 5, 0)], Parting({0: 2}, {}, None)),
        (wish(), [("A", "main", 5, 0), ("B", "main", 0, 3)], Parting({0: 5}, {}, "fulfilled")),
        (wish(("A", None, 5)), [("A", "main", 5, 0)], Parting({0: 5}, {}, "fulfilled")),
        (wish(("A", None, 2), ("A", "main", 3)), [("A", "main", 5, 0)], "all"),
        (wish(("A", None, 2), rest=True), [("A", "main", 5, 0)], "rest"),
        (wish(("A", None, 6)), [("A", "main", 5, 0)], None),
        (wish(("A", None, 3), ("A", None, 3)), [("A", "main", 5, 0)], None),
        (wish(("Z", None, 1)), [("A", "main", 5, 0)], None),
        (wish(("A", "attic", 1)), [("A", "main", 5, 0)], None),
        (wish(("A", None, 1)), [("A", "attic", 1, 0), ("A", "main", 5, 0)], None),
        (wish(("A", None, 1)), [("A", "attic", 0, 1), ("A", "main", 5, 0)], "main"),
        (wish(("A", None, 1), kind="release"), [("A", "main", 5, 0)], Parting({}, {0: 1}, None)),
        (wish(("A", None, 5), kind="release"), [("A", "main", 5, 0)], "cancelled"),
        (wish(("A", None, 5), kind="release"), [("A", "main", 5, 1)], "fulfilled"),
    ],
)
def test_a_part_takes_what_is_open_or_nothing(
    part: Part, lines: list[tuple[str, str, int, int]], decided: Parting | str | None
) -> None:
    wanted = {
        "all": Parting({0: 5}, {}, "fulfilled"),
        "rest": Parting({0: 2}, {0: 3}, "fulfilled"),
        "main": Parting({1: 1}, {}, None),
        "cancelled": Parting({}, {0: 5}, "cancelled"),
        "fulfilled": Parting({}, {0: 5}, "fulfilled"),
    }
    told = wanted[decided] if isinstance(decided, str) else decided
    assert decide_part(part, shelf(*lines)) == told


# Committing


def committed(shop: Shop, checkout_id: str = "c", **quantities: int) -> Committed:
    shop.stock(**dict.fromkeys(quantities, 10))
    shop.hold(checkout_id, **quantities)
    outcome = shop.commit(checkout_id)
    assert isinstance(outcome, Committed)
    return outcome


def units(sku: str, quantity: int) -> HeldLine:
    return HeldLine(sku=sku, location="main", quantity=quantity)


def test_what_is_committed_stays_on_the_shelf_reserved_and_without_a_deadline(shop: Shop) -> None:
    outcome = committed(shop, MUG=4)
    assert (outcome.payment_reference, outcome.at) == ("pay-c", shop.now)
    assert (outcome.lines, outcome.revision) == ((units("MUG", 4),), 1)
    assert shop.figures("MUG") == (10, 4, 6)
    shop.pass_seconds(100_000)
    assert shop.ledger.expire_overdue(0) == 0
    assert shop.expire("c") == outcome
    assert shop.state("c").remaining_seconds is None
    assert shop.ledger.audit() == ()


def test_what_is_committed_is_no_overdue_hold_in_a_buyers_way(shop: Shop) -> None:
    committed(shop, MUG=8)
    shop.pass_seconds(1_000)
    outcome = shop.reserve(checkout("d", MUG=3))
    assert isinstance(outcome, Denied)
    assert outcome.shortages[0].next_expiry is None
    assert shop.status("c") == "committed"


def test_a_payment_of_what_is_committed_sells_nothing(shop: Shop) -> None:
    first = committed(shop, MUG=4)
    for settle in (shop.fulfil, shop.commit):
        for payment in ("pay-c", "another"):
            assert settle("c", payment) == first
    assert shop.figures("MUG") == (10, 4, 6)


def test_a_commit_comes_too_late_for_what_is_over(shop: Shop) -> None:
    shop.stock(MUG=1)
    shop.hold("c", MUG=1)
    shop.cancel("c")
    assert isinstance(shop.commit("c"), Cancelled)
    assert shop.commit("never").status == "expired"
    assert shop.figures("MUG") == (1, 0, 1)


def test_a_commit_is_told_among_the_operations_and_stays_his_who_told_of_it(shop: Shop) -> None:
    shop.stock(MUG=10)
    shop.hold("c", MUG=4)
    shop.ledger.close([Closing("c", "committed", "", "till-3", "pay-c")])
    shop.ship("c", "s-1", MUG=1)
    shop.ledger.close([Closing("c", "cancelled", "", "sam")])
    told = shop.sql("SELECT kind, operation_id, actor FROM holdfast.operations ORDER BY sequence")
    kinds = [tuple(row) for row in told if row.kind != "load"]
    assert kinds == [
        ("reserve", "reserve", ""),
        ("commit", "pay-c", "till-3"),
        ("fulfil", "s-1", ""),
        ("release", "fulfilled", "sam"),
    ]
    timeline = shop.ledger.timeline("c")
    assert timeline
    actors = {event.event: event.actor for event in timeline.events}
    assert (actors["committed"], actors["fulfilled"]) == ("till-3", "sam")


def test_an_adjustment_names_what_is_committed_behind_the_holds(shop: Shop) -> None:
    committed(shop, MUG=4)
    shop.hold("d", MUG=2)
    outcome = shop.ledger.adjust(
        StockAdjustment(adjustment_id="a", kind="count", sku="MUG", quantity=3)
    )
    assert isinstance(outcome, AdjustmentRefused)
    told = [(holder.checkout_id, holder.expires_at) for holder in outcome.holders]
    assert told == [("d", shop.after(900)), ("c", None)]


# Shipping


def test_shipments_take_their_units_and_the_last_one_ends_the_checkout_once(shop: Shop) -> None:
    committed(shop, MUG=3, PEN=2)
    first = shop.ship("c", "s-1", MUG=1, PEN=2)
    assert first.verdict == "done"
    assert isinstance(first.state.outcome, Committed)
    assert first.state.outcome.lines == (units("MUG", 2),)
    assert first.state.outcome.revision == 1
    assert shop.figures("MUG") == (9, 2, 7)
    last = shop.ship("c", "s-2")
    assert isinstance(last.state.outcome, Fulfilled)
    assert last.state.outcome.lines == (units("MUG", 3), units("PEN", 2))
    assert last.state.outcome.released == ()
    assert shop.figures("MUG") == (7, 0, 7)
    assert shop.figures("PEN") == (8, 0, 8)
    assert shop.ledger.audit() == ()


def test_a_shipment_told_twice_leaves_once_also_after_the_end(shop: Shop) -> None:
    committed(shop, MUG=3)
    first = shop.ship("c", "s-1", MUG=1)
    assert shop.ship("c", "s-1", MUG=1) == first
    assert shop.figures("MUG") == (9, 2, 7)
    shop.ship("c", "s-2")
    again = shop.ship("c", "s-1", MUG=1)
    assert (again.verdict, again.shipment) == ("done", first.shipment)
    assert again.state.outcome.status == "fulfilled"
    assert shop.figures("MUG") == (7, 0, 7)


def test_without_its_record_a_shipment_told_twice_frees_twice(fragile_shop: Shop) -> None:
    rewrite_function(
        fragile_shop.engine,
        "part_reservation",
        "AS k(number, kind, answer)",
        "AS k(number, kind, answer) WHERE false",
    )
    committed(fragile_shop, MUG=3)
    fragile_shop.ship("c", "s-1", MUG=1)
    fragile_shop.ship("c", "s-1", MUG=1)
    assert fragile_shop.figures("MUG") == (8, 1, 7)


def test_a_shipment_id_with_other_content_is_a_conflict(shop: Shop) -> None:
    committed(shop, MUG=3)
    shop.ship("c", "s-1", MUG=1)
    for again, differs in (
        (shop.ship("c", "s-1", MUG=2), ("lines",)),
        (shop.ship("c", "s-1", MUG=1, rest_released=True), ("rest",)),
    ):
        assert (again.verdict, again.differs) == ("conflict", differs)
    assert shop.figures("MUG") == (9, 2, 7)


def test_the_rest_of_a_shipment_is_given_back_on_record(shop: Shop) -> None:
    committed(shop, MUG=3, PEN=2)
    answer = shop.ship("c", "s-1", rest_released=True, MUG=2)
    assert isinstance(answer.state.outcome, Fulfilled)
    assert answer.state.outcome.lines == (units("MUG", 2),)
    assert answer.state.outcome.released == (units("MUG", 1), units("PEN", 2))
    assert shop.figures("MUG") == (8, 0, 8)
    assert shop.figures("PEN") == (10, 0, 10)
    assert shop.movements("c")[2:] == [("fulfil", -2, -2), ("release", 0, -1), ("release", 0, -2)]
    assert shop.ledger.audit() == ()


def test_the_rest_cannot_go_under_an_id_that_a_release_has(shop: Shop) -> None:
    committed(shop, MUG=3)
    shop.give_back("c", "s-1", MUG=1)
    assert shop.ship("c", "s-1", rest_released=True, MUG=1).verdict == "conflict"
    assert shop.ship("c", "s-1", MUG=1).verdict == "done"
    assert shop.figures("MUG") == (9, 1, 8)


def test_more_than_is_open_is_refused_and_tells_what_is(shop: Shop) -> None:
    committed(shop, MUG=3)
    shop.ship("c", "s-1", MUG=1)
    for refused in (shop.ship("c", "s-2", MUG=3), shop.give_back("c", "r-1", MUG=3)):
        assert (refused.verdict, refused.open) == ("over_open", (units("MUG", 2),))
    assert shop.ship("c", "s-3", CUP=1).verdict == "over_open"
    assert shop.figures("MUG") == (9, 2, 7)
    assert shop.ship("c", "s-4", MUG=2).verdict == "done"


def test_only_what_is_committed_is_shipped(shop: Shop) -> None:
    shop.stock(MUG=3)
    held = shop.hold("c", MUG=1)
    answer = shop.ship("c", "s-1")
    assert (answer.verdict, answer.state.outcome) == ("not_active", held)
    assert shop.ship("never", "s-1").verdict == "not_active"
    assert shop.figures("MUG") == (3, 1, 2)


# Giving back


def test_a_part_of_a_hold_is_given_back_and_the_rest_can_be_paid(shop: Shop) -> None:
    shop.stock(MUG=5)
    held = shop.hold("c", MUG=4)
    answer = shop.give_back("c", "r-1", MUG=1)
    assert answer.state.outcome == held.model_copy(
        update={"lines": (units("MUG", 3),), "revision": 2}
    )
    assert shop.give_back("c", "r-1", MUG=1) == answer
    assert shop.figures("MUG") == (5, 3, 2)
    outcome = shop.fulfil("c")
    assert isinstance(outcome, Fulfilled)
    assert (outcome.lines, outcome.released) == ((units("MUG", 3),), (units("MUG", 1),))
    assert shop.state("c").outcome == outcome
    assert shop.ledger.audit() == ()


def test_all_of_a_hold_given_back_is_a_cancellation(shop: Shop) -> None:
    shop.stock(MUG=5)
    shop.hold("c", MUG=4)
    shop.give_back("c", "r-1", MUG=1)
    outcome = shop.give_back("c", "r-2", MUG=3).state.outcome
    assert outcome == Cancelled(reason="not wanted", at=shop.now)
    assert shop.figures("MUG") == (5, 0, 5)
    assert shop.give_back("c", "r-2", MUG=3).verdict == "done"
    assert shop.give_back("c", "r-3", MUG=1).verdict == "not_active"
    assert shop.ledger.audit() == ()


@pytest.mark.parametrize("shipped", [0, 1])
def test_a_cancellation_ends_what_is_committed(shop: Shop, shipped: int) -> None:
    committed(shop, MUG=3)
    if shipped:
        shop.ship("c", "s-1", MUG=shipped)
    outcome = shop.cancel("c")
    if shipped:
        assert isinstance(outcome, Fulfilled)
        assert (outcome.lines, outcome.released) == ((units("MUG", 1),), (units("MUG", 2),))
        assert shop.movements("c")[-1] == ("release", 0, -2)
    else:
        assert isinstance(outcome, Cancelled)
        assert shop.movements("c")[-1] == ("cancel", 0, -3)
    assert shop.figures("MUG") == (10 - shipped, 0, 10 - shipped)
    assert shop.state("c").outcome == outcome
    assert shop.ledger.audit() == ()


def test_a_hold_that_was_given_back_in_part_expires_with_the_rest(shop: Shop) -> None:
    shop.stock(MUG=5)
    shop.hold("c", MUG=4)
    shop.give_back("c", "r-1", MUG=1)
    shop.pass_seconds(1_000)
    assert shop.ledger.expire_overdue(0) == 1
    assert shop.figures("MUG") == (5, 0, 5)
    assert shop.ledger.audit() == ()


# At once


def test_a_shipment_that_waits_for_a_cancellation_finds_it_over(shop: Shop) -> None:
    committed(shop, MUG=3)
    with ThreadPoolExecutor(1) as threads, shop.engine.connect() as other, other.begin():
        by_hand.part(other, Part("c", "release", "r-1", (Line(sku="MUG", quantity=3),)))
        waiting = threads.submit(shop.ship, "c", "s-1", MUG=1)
        assert not waiting.done()
        other.commit()
        assert waiting.result().verdict == "not_active"
    assert shop.figures("MUG") == (10, 0, 10)


def test_one_shipment_told_by_many_at_once_leaves_once(shop: Shop) -> None:
    committed(shop, MUG=9)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: shop.ship("c", "s-1", MUG=1), range(24)))
    assert {answer.verdict for answer in answers} == {"done"}
    assert shop.figures("MUG") == (9, 8, 1)
    assert shop.ledger.audit() == ()


def test_many_shipments_at_once_never_ship_more_than_is_open(shop: Shop) -> None:
    committed(shop, MUG=9)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda n: shop.ship("c", f"s-{n}", MUG=2), range(8)))
    verdicts = sorted(answer.verdict for answer in answers)
    assert verdicts == ["done"] * 4 + ["over_open"] * 4
    assert shop.figures("MUG") == (2, 1, 1)
    assert isinstance(shop.state("c").outcome, Committed)
    assert shop.ledger.audit() == ()


def test_the_timeline_tells_the_payment_the_shipments_and_what_was_given_back(shop: Shop) -> None:
    committed(shop, MUG=4)
    shop.pass_seconds(1)
    shop.ship("c", "s-1", MUG=1)
    shop.give_back("c", "r-1", MUG=1)
    shop.pass_seconds(1)
    shop.ship("c", "s-2")
    timeline = shop.ledger.timeline("c")
    assert timeline is not None
    told = [(e.event, e.units, e.shipment_id) for e in timeline.events]
    assert told == [
        ("held", None, None),
        ("committed", None, None),
        ("shipped", 1, "s-1"),
        ("released", 1, None),
        ("shipped", 2, "s-2"),
        ("fulfilled", None, None),
    ]
    assert [m.kind for m in timeline.movements] == ["reserve", "fulfil", "release", "fulfil"]


def test_held_is_of_its_kind(shop: Shop, ledger: Ledger) -> None:
    shop.stock(MUG=1)
    assert isinstance(shop.hold("c", MUG=1), Held)
    assert ledger.units_held() == 1


def test_a_count_between_payment_and_shipment_sells_no_unit_twice(shop: Shop) -> None:
    shop.stock(MUG=10)
    shop.hold("paid", MUG=3)
    shop.commit("paid")
    shop.hold("paying", MUG=2)
    # All ten are on the shelf, and counted; what is paid already is among them.
    shop.adjust("count-1", "count", "MUG", 10)
    assert shop.figures("MUG") == (10, 5, 5)
    assert shop.denial("greedy", MUG=6).shortages[0].available == 5
    shop.ship("paid", "parcel-1")
    assert shop.figures("MUG") == (7, 2, 5)
    # Counted once more, it is what is there.
    shop.adjust("count-2", "count", "MUG", 7)
    assert shop.figures("MUG") == (7, 2, 5)
    # What others hold or have paid cannot be counted away.
    refused = shop.adjust("count-3", "count", "MUG", 1)
    assert isinstance(refused, AdjustmentRefused)
    assert [holder.checkout_id for holder in refused.holders] == ["paying"]
