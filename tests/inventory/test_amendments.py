"""Amendments: the whole new set of lines of a checkout, or nothing; its own units never stand in
its way, and each amendment counts once.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from activities.inventory.amendment_records import AmendmentAnswer, HoldAmendment
from activities.inventory.operations import amend as amending
from activities.inventory.operations.shortages import lock_levels
from holdfast_client.contract.messages import Line, StockAdjustment, merged
from holdfast_client.contract.outcomes import Committed, Fulfilled, Held, HeldLine
from tests.inventory import by_hand
from tests.inventory.functions import rewrite_function
from tests.inventory.shop import Shop, checkout


def units(sku: str, quantity: int) -> HeldLine:
    return HeldLine(sku=sku, location="main", quantity=quantity)


def held(answer: AmendmentAnswer) -> Held:
    assert answer.verdict == "done", answer
    assert isinstance(answer.state.outcome, Held)
    return answer.state.outcome


def test_a_checkout_never_has_more_different_lines_than_its_end_can_tell(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(amending, "LINES_EVER_MAX", 3)
    shop.stock(MUG=5, CUP=5, PLATE=5, BOWL=5)
    shop.hold("c1", MUG=2)
    assert shop.amend("c1", "a-1", CUP=1, PLATE=1).verdict == "done"
    refused = shop.amend("c1", "a-2", BOWL=1, MUG=1)
    assert (refused.verdict, refused.lines_already, refused.lines_new) == ("over_limit", 3, 1)
    assert {line.sku for line in getattr(refused.state.outcome, "lines", ())} == {"CUP", "PLATE"}
    assert [shop.figures(sku).reserved for sku in ("MUG", "CUP", "BOWL")] == [0, 1, 0]
    # What it has had before may come back.
    assert shop.amend("c1", "a-3", MUG=1).verdict == "done"


def test_the_new_lines_take_the_place_of_the_old_ones_and_the_deadline_stays(shop: Shop) -> None:
    shop.stock(MUG=5, PEN=5, CUP=5)
    first = shop.hold("c", MUG=3, PEN=2)
    shop.pass_seconds(60)
    answer = shop.amend("c", "a-1", MUG=1, CUP=4)
    assert held(answer) == first.model_copy(
        update={"lines": (units("CUP", 4), units("MUG", 1)), "revision": 2}
    )
    assert answer.state.remaining_seconds == 840
    assert [shop.figures(sku).reserved for sku in ("MUG", "PEN", "CUP")] == [1, 0, 4]
    assert sorted(shop.movements("c")[2:]) == [
        ("amend", 0, -2),
        ("amend", 0, -2),
        ("amend", 0, 4),
    ]
    assert shop.ledger.audit() == ()


def test_what_it_holds_itself_never_counts_against_it(shop: Shop) -> None:
    shop.stock(MUG=5)
    shop.hold("c", MUG=3)
    shop.hold("d", MUG=1)
    assert held(shop.amend("c", "a-1", MUG=4)).lines == (units("MUG", 4),)
    assert shop.figures("MUG") == (5, 5, 0)


def test_without_the_rule_of_own_units_an_amendment_is_refused_though_it_fits(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(amending, "lock_levels", lambda keys, _own: lock_levels(keys, {}))
    shop.stock(MUG=5)
    shop.hold("c", MUG=3)
    assert shop.amend("c", "a-1", MUG=5).verdict == "short"


def test_a_refusal_names_every_short_line_and_leaves_all_as_it_was(shop: Shop) -> None:
    shop.stock(MUG=5, PEN=5, CUP=5)
    first = shop.hold("c", MUG=3)
    shop.hold("d", hold_seconds=600, MUG=1, PEN=4)
    answer = shop.amend("c", "a-1", MUG=6, PEN=2, CUP=1, HAT=1)
    assert (answer.verdict, answer.state.outcome) == ("short", first)
    told = [(s.sku, s.requested, s.available, s.reason, s.next_expiry) for s in answer.shortages]
    assert told == [
        ("HAT", 1, 0, "unknown_sku", None),
        ("MUG", 6, 4, "insufficient", shop.after(600)),
        ("PEN", 2, 1, "insufficient", shop.after(600)),
    ]
    assert shop.figures("MUG") == (5, 4, 1)
    assert shop.figures("CUP") == (5, 0, 5)
    assert shop.ledger.audit() == ()
    assert shop.amend("c", "a-2", MUG=4).verdict == "done"


def test_the_next_expiry_is_that_of_another_hold(shop: Shop) -> None:
    shop.stock(MUG=3)
    shop.hold("c", hold_seconds=100, MUG=3)
    (short,) = shop.amend("c", "a-1", MUG=4).shortages
    assert (short.available, short.next_expiry) == (3, None)


def test_of_what_is_out_of_sale_it_keeps_what_it_has_and_gets_no_more(shop: Shop) -> None:
    shop.stock(MUG=5, PEN=5)
    shop.hold("c", MUG=3)
    shop.adjust("off", "deactivate", "MUG", 0)
    (short,) = shop.amend("c", "a-1", MUG=4).shortages
    assert (short.reason, short.requested, short.available) == ("inactive", 4, 3)
    assert held(shop.amend("c", "a-2", MUG=3, PEN=1)).lines == (units("MUG", 3), units("PEN", 1))
    assert held(shop.amend("c", "a-3", MUG=1)).lines == (units("MUG", 1),)


def test_an_amendment_told_twice_counts_once(shop: Shop) -> None:
    shop.stock(MUG=9)
    shop.hold("c", MUG=3)
    first = shop.amend("c", "a-1", MUG=5)
    assert shop.amend("c", "a-1", MUG=5) == first
    shop.amend("c", "a-2", MUG=2)
    again = shop.amend("c", "a-1", MUG=5)
    assert held(again).lines == (units("MUG", 2),)
    assert held(again).revision == 3
    shop.fulfil("c")
    assert shop.amend("c", "a-1", MUG=5).verdict == "done"
    assert shop.figures("MUG") == (7, 0, 7)


def test_without_its_record_an_amendment_told_again_undoes_the_one_between(
    fragile_shop: Shop,
) -> None:
    rewrite_function(
        fragile_shop.engine,
        "amend_reservation",
        "amend_reservation.actor, at\n",
        "amend_reservation.actor, at WHERE false\n",
    )
    rewrite_function(
        fragile_shop.engine,
        "amend_reservation",
        "array_agg(number)",
        "array_agg(nextval('holdfast.operation_sequence'))",
    )
    fragile_shop.stock(MUG=9)
    fragile_shop.hold("c", MUG=3)
    fragile_shop.amend("c", "a-1", MUG=5)
    fragile_shop.amend("c", "a-2", MUG=2)
    fragile_shop.amend("c", "a-1", MUG=5)
    assert fragile_shop.figures("MUG") == (9, 5, 4)


def test_an_id_with_other_content_is_a_conflict(shop: Shop) -> None:
    shop.stock(MUG=9)
    shop.hold("c", MUG=3)
    shop.amend("c", "a-1", MUG=5)
    for again, differs in (
        (shop.amend("c", "a-1", MUG=4), ("lines",)),
        (shop.amend("c", "a-1", revision=1, MUG=5), ("revision",)),
    ):
        assert (again.verdict, again.differs) == ("conflict", differs)
    assert shop.figures("MUG") == (9, 5, 4)


def test_the_ids_of_releases_and_amendments_do_not_meet(shop: Shop) -> None:
    shop.stock(MUG=9)
    shop.hold("c", MUG=3)
    assert shop.amend("c", "x", MUG=5).verdict == "done"
    assert shop.give_back("c", "x", MUG=1).verdict == "done"
    assert shop.figures("MUG") == (9, 4, 5)


def test_an_amendment_of_other_lines_than_those_it_knew_is_stale(shop: Shop) -> None:
    shop.stock(MUG=9)
    shop.hold("c", MUG=3)
    assert held(shop.amend("c", "a-1", revision=1, MUG=5)).revision == 2
    answer = shop.amend("c", "a-2", revision=1, MUG=1)
    assert answer.verdict == "stale"
    assert isinstance(answer.state.outcome, Held)
    assert (answer.state.outcome.revision, answer.state.outcome.lines) == (2, (units("MUG", 5),))
    assert shop.figures("MUG") == (9, 5, 4)


def test_the_same_lines_again_move_nothing_and_count_a_revision(shop: Shop) -> None:
    shop.stock(MUG=3)
    shop.hold("c", MUG=3)
    assert held(shop.amend("c", "a-1", MUG=3)).revision == 2
    assert shop.movements("c") == [("reserve", 0, 3)]
    assert shop.ledger.audit() == ()


def test_what_was_given_up_can_be_taken_again(shop: Shop) -> None:
    shop.stock(MUG=5, PEN=5)
    shop.hold("c", MUG=3, PEN=1)
    shop.amend("c", "a-1", PEN=1)
    assert held(shop.amend("c", "a-2", MUG=4, PEN=1)).lines == (units("MUG", 4), units("PEN", 1))
    outcome = shop.fulfil("c")
    assert isinstance(outcome, Fulfilled)
    assert (outcome.lines, outcome.released) == (
        (units("MUG", 4), units("PEN", 1)),
        (units("MUG", 3),),
    )
    assert shop.ledger.audit() == ()


def test_shipped_units_are_outside_of_an_amendment(shop: Shop) -> None:
    shop.stock(MUG=9, PEN=9)
    shop.hold("c", MUG=4, PEN=1)
    shop.commit("c")
    shop.ship("c", "s-1", MUG=3, PEN=1)
    answer = shop.amend("c", "a-1", MUG=2, PEN=2)
    assert answer.verdict == "done"
    assert isinstance(answer.state.outcome, Committed)
    assert answer.state.outcome.lines == (units("MUG", 2), units("PEN", 2))
    assert shop.figures("MUG") == (6, 2, 4)
    outcome = shop.ship("c", "s-2").state.outcome
    assert isinstance(outcome, Fulfilled)
    assert outcome.lines == (units("MUG", 5), units("PEN", 3))
    assert shop.figures("MUG") == (4, 0, 4)
    assert shop.ledger.audit() == ()


def test_what_is_over_overdue_or_unknown_is_not_amended(shop: Shop) -> None:
    shop.stock(MUG=9)
    shop.hold("over", MUG=1)
    shop.cancel("over")
    shop.hold("late", MUG=1)
    shop.pass_seconds(900)
    for checkout_id, status in (("over", "cancelled"), ("late", "held"), ("never", "expired")):
        answer = shop.amend(checkout_id, "a-1", MUG=2)
        assert (answer.verdict, answer.state.outcome.status) == ("not_active", status)
    assert shop.figures("MUG") == (9, 1, 8)
    assert shop.reserve(checkout("never", MUG=1)).status == "expired"


def test_nobody_is_refused_because_of_an_overdue_hold(shop: Shop) -> None:
    shop.stock(MUG=5)
    shop.hold("gone", hold_seconds=10, MUG=3)
    shop.hold("c", MUG=2)
    shop.pass_seconds(20)
    assert held(shop.amend("c", "a-1", MUG=5)).lines == (units("MUG", 5),)
    assert shop.status("gone") == "expired"
    assert shop.ledger.audit() == ()


def test_an_overdue_hold_is_left_alone_where_it_is_in_nobodys_way(shop: Shop) -> None:
    shop.stock(MUG=5)
    shop.hold("gone", hold_seconds=10, MUG=1)
    shop.hold("c", MUG=2)
    shop.pass_seconds(20)
    shop.amend("c", "a-1", MUG=4)
    assert shop.status("gone") == "held"


def test_a_deadline_that_passes_while_it_waits_for_the_stock_counts(shop: Shop) -> None:
    shop.stock(MUG=5)
    shop.hold("c", hold_seconds=10, MUG=2)
    with ThreadPoolExecutor(1) as threads, shop.engine.connect() as other, other.begin():
        by_hand.adjust(
            other, StockAdjustment(adjustment_id="r", kind="receive", sku="MUG", quantity=1)
        )
        waiting = threads.submit(shop.amend, "c", "a-1", MUG=3)
        _until_somebody_waits(shop)
        shop.pass_seconds(11)
        other.commit()
        assert waiting.result().verdict == "not_active"
    assert shop.figures("MUG").reserved == 2


def _until_somebody_waits(shop: Shop) -> None:
    while not shop.sql("SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):
        pass


# At once


def test_of_two_that_name_one_revision_one_is_stale(shop: Shop) -> None:
    shop.stock(MUG=9)
    shop.hold("c", MUG=3)
    with ThreadPoolExecutor(1) as threads, shop.engine.connect() as other, other.begin():
        line = merged([Line(sku="MUG", quantity=5)])
        by_hand.amend(other, HoldAmendment("c", "a-1", line, revision=1))
        waiting = threads.submit(shop.amend, "c", "a-2", revision=1, MUG=1)
        _until_somebody_waits(shop)
        other.commit()
        assert waiting.result().verdict == "stale"
    assert shop.figures("MUG") == (9, 5, 4)


def test_two_that_exchange_their_goods_do_not_meet_crosswise(shop: Shop) -> None:
    shop.stock(MUG=8, PEN=8)
    shop.hold("c", MUG=4)
    shop.hold("d", PEN=4)
    for round in range(20):
        with ThreadPoolExecutor(2) as threads:
            one = threads.submit(shop.amend, "c", f"a-{round}", MUG=1 + round % 3, PEN=3)
            two = threads.submit(shop.amend, "d", f"a-{round}", PEN=1 + round % 3, MUG=3)
            assert {one.result().verdict, two.result().verdict} == {"done"}
    assert shop.ledger.audit() == ()


def test_thirty_at_once_on_one_sku_get_exactly_what_there_is(shop: Shop) -> None:
    shop.stock(MUG=45)
    for number in range(30):
        shop.hold(f"c-{number}", MUG=1)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda n: shop.amend(f"c-{n}", "a-1", MUG=2), range(30)))
    verdicts = sorted(answer.verdict for answer in answers)
    assert verdicts == ["done"] * 15 + ["short"] * 15
    assert shop.figures("MUG") == (45, 45, 0)
    assert shop.ledger.audit() == ()


def test_one_amendment_told_by_many_at_once_counts_once(shop: Shop) -> None:
    shop.stock(MUG=45)
    shop.hold("c", MUG=1)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: shop.amend("c", "a-1", MUG=7), range(24)))
    assert {held(answer).revision for answer in answers} == {2}
    assert shop.figures("MUG") == (45, 7, 38)


def test_a_cart_of_300_lines_is_amended_whole(shop: Shop) -> None:
    skus = [f"SKU-{number:03}" for number in range(300)]
    shop.stock(**dict.fromkeys(skus, 5))
    shop.hold("c", **dict.fromkeys(skus, 2))
    answer = shop.amend("c", "a-1", **dict.fromkeys(skus, 3))
    assert sum(line.quantity for line in held(answer).lines) == 900
    assert shop.amend("c", "a-2", **dict.fromkeys(skus, 6)).verdict == "short"
    assert shop.ledger.units_held() == 900
    assert shop.ledger.audit() == ()


def test_wrong_figures_written_by_hand_do_not_keep_units_from_being_given_up(shop: Shop) -> None:
    shop.stock(MUG=5)
    shop.hold("c", MUG=4)
    shop.sql("UPDATE holdfast.stock_items SET reserved_quantity = 1 WHERE sku = 'MUG'")
    assert held(shop.amend("c", "a-1", MUG=1)).lines == (units("MUG", 1),)
    assert shop.figures("MUG").reserved == 0


def test_the_timeline_tells_an_amendment_and_what_was_open_after_it(shop: Shop) -> None:
    shop.stock(MUG=9)
    shop.hold("c", MUG=4)
    shop.pass_seconds(1)
    line = merged([Line(sku="MUG", quantity=2)])
    shop.ledger.amend(HoldAmendment("c", "a-1", line, reason="one less", actor="sam"))
    timeline = shop.ledger.timeline("c")
    assert timeline is not None
    told = timeline.events[-1]
    assert (told.event, told.units, told.actor, told.reason) == ("amended", 2, "sam", "one less")
    assert [m.kind for m in timeline.movements] == ["reserve", "amend"]


def test_an_answer_is_the_same_whatever_was_open_before(shop: Shop) -> None:
    shop.stock(MUG=9)
    shop.hold("c", MUG=4)
    answer = shop.amend("c", "a-1", MUG=4)
    assert replace(answer, state=shop.state("c")) == answer
