"""Holds past their deadline: never in a buyer's way, and ended in bounded batches."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from activities.inventory.database.calls import ROLLBACK, Steps
from activities.inventory.ledger_operations import BATCH_SIZE_MAX
from activities.inventory.operations import overdue
from activities.inventory.operations import reserve as reserving
from activities.inventory.operations.close import OVERDUE
from activities.inventory.operations.reserve import ReserveAnswer, ReserveBatch
from activities.inventory.sql.statements import reservations as statements
from holdfast_client.contract.outcomes import Denied, Held
from tests.inventory.shop import Figures, Shop, checkout

# --- in the way of a buyer -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "status"),
    [
        pytest.param(59.999999, "denied", id="a microsecond before the deadline"),
        pytest.param(60, "held", id="at the deadline"),
        pytest.param(61, "held", id="after it"),
    ],
)
def test_an_overdue_hold_makes_way_exactly_from_its_deadline_on(
    shop: Shop, seconds: float, status: str
) -> None:
    shop.stock(MUG=1)
    shop.hold("old", hold_seconds=60, MUG=1)
    shop.pass_seconds(seconds)
    assert shop.reserve(checkout("new", MUG=1)).status == status
    assert shop.status("old") == ("expired" if status == "held" else "held")


def test_a_hold_that_makes_way_gives_back_all_of_its_skus(shop: Shop) -> None:
    shop.stock(MUG=1, CUP=9)
    shop.hold("old", hold_seconds=60, MUG=1, CUP=4)
    shop.pass_seconds(60)
    shop.hold("new", MUG=1)
    assert shop.figures("CUP") == Figures(total=9, reserved=0, available=9)
    assert shop.ledger.audit() == ()


def test_an_overdue_hold_stays_while_there_is_enough_for_everybody(shop: Shop) -> None:
    shop.stock(MUG=2)
    shop.hold("old", hold_seconds=60, MUG=1)
    shop.pass_seconds(61)
    shop.hold("new", MUG=1)
    assert shop.status("old") == "held"


def test_an_overdue_hold_on_other_skus_stays(shop: Shop) -> None:
    shop.stock(MUG=1, CUP=1)
    shop.hold("old", hold_seconds=60, CUP=1)
    shop.pass_seconds(61)
    shop.denial("new", MUG=2)
    assert shop.status("old") == "held"


def test_many_overdue_holds_make_way_in_bounded_batches(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overdue, "OVERDUE_BATCH_MAX", 3)
    shop.stock(MUG=20)
    for number in range(20):
        shop.hold(f"old{number}", hold_seconds=60, MUG=1)
    shop.pass_seconds(60)
    shop.hold("new", MUG=20)
    assert shop.figures("MUG") == Figures(total=20, reserved=20, available=0)


def test_after_the_last_pass_a_denial_tells_what_was_free_by_then(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overdue, "OVERDUE_BATCH_MAX", 3)
    monkeypatch.setattr(overdue, "DECISION_PASSES_MAX", 3)
    shop.stock(MUG=20)
    for number in range(20):
        shop.hold(f"old{number}", hold_seconds=60, MUG=1)
    shop.pass_seconds(60)
    (shortage,) = shop.denial("new", MUG=20).shortages
    assert shortage.available == 6
    assert shop.ledger.audit() == ()


def test_an_overdue_hold_that_is_paid_just_in_time_is_not_taken(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.stock(MUG=1)
    shop.hold("old", hold_seconds=60, MUG=1)
    shop.pass_seconds(60)
    decide = reserving.decide

    def decide_and_be_overtaken(
        batch: ReserveBatch, overdue_max: int
    ) -> Steps[tuple[ReserveAnswer, ...]]:
        try:
            return (yield from decide(batch, overdue_max))
        except overdue.OverdueInTheWay:
            # The pass has found the hold in the way; its locks fall before this is committed.
            yield ROLLBACK
            shop.fulfil("old")
            raise

    monkeypatch.setattr(reserving, "decide", decide_and_be_overtaken)
    assert isinstance(shop.reserve(checkout("new", MUG=1)), Denied)
    assert shop.status("old") == "fulfilled"
    assert shop.figures("MUG") == Figures(total=0, reserved=0, available=0)


def test_holds_make_way_for_everybody_in_a_batch(shop: Shop) -> None:
    shop.stock(MUG=2, CUP=2)
    shop.hold("old1", hold_seconds=60, MUG=2)
    shop.hold("old2", hold_seconds=60, CUP=2)
    shop.pass_seconds(60)
    shop.ledger.reserve([checkout("new1", MUG=2), checkout("new2", CUP=2)])
    assert [shop.status(id) for id in ("old1", "old2", "new1", "new2")] == [
        "expired",
        "expired",
        "held",
        "held",
    ]


def test_making_way_does_not_disturb_a_hold_that_was_asked_for_again(shop: Shop) -> None:
    shop.stock(MUG=2)
    again = checkout("old", hold_seconds=60, MUG=2)
    shop.reserve(again)
    shop.pass_seconds(60)
    assert isinstance(shop.reserve(again), Held)
    shop.ledger.reserve([again, checkout("new", MUG=2)])
    assert (shop.status("old"), shop.status("new")) == ("expired", "held")


# --- ended by the reconciler ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("overdue_seconds", "ended"), [(-1, 0), (0, 0), (29.999999, 0), (30, 0), (30.000001, 1)]
)
def test_an_overdue_hold_is_ended_when_it_is_late_by_more_than_the_grace_period(
    shop: Shop, overdue_seconds: float, ended: int
) -> None:
    shop.stock(MUG=1)
    shop.hold("c1", hold_seconds=60, MUG=1)
    shop.pass_seconds(60 + overdue_seconds)
    assert shop.ledger.expire_overdue(grace_seconds=30) == ended
    assert shop.figures("MUG").reserved == 1 - ended


def test_overdue_holds_end_oldest_first_in_batches_until_none_is_left(shop: Shop) -> None:
    shop.stock(MUG=10, CUP=10)
    for number in (3, 1, 5, 2, 4):
        shop.hold(f"c{number}", hold_seconds=number, MUG=1, CUP=2)
    shop.hold("alive", hold_seconds=500, MUG=1)
    shop.pass_seconds(100)
    assert shop.ledger.expire_overdue(0, batch_size_max=2) == 2
    assert [shop.status(f"c{number}") for number in range(1, 6)] == ["expired"] * 2 + ["held"] * 3
    assert shop.ledger.expire_overdue(0, batch_size_max=2) == 2
    assert shop.ledger.expire_overdue(0, batch_size_max=2) == 1
    assert shop.ledger.expire_overdue(0, batch_size_max=2) == 0
    assert shop.figures("MUG") == Figures(total=10, reserved=1, available=9)
    assert shop.figures("CUP") == Figures(total=10, reserved=0, available=10)


def test_what_the_reconciler_ended_says_so(shop: Shop) -> None:
    shop.stock(MUG=1)
    shop.hold("c1", hold_seconds=60, MUG=1)
    shop.pass_seconds(61)
    shop.ledger.expire_overdue(0)
    (row,) = shop.sql("SELECT status, reason, actor FROM holdfast.reservations")
    assert tuple(row) == ("expired", OVERDUE, "reconciler")
    assert shop.movements("c1") == [("reserve", 0, 1), ("expire", 0, -1)]


@pytest.mark.parametrize("name", ["READ_OVERDUE", "COUNT_OVERDUE"])
def test_looking_for_overdue_holds_walks_no_hold_that_is_not(shop: Shop, name: str) -> None:
    limits = {"older_than_seconds": 0.0, "page_size": 1}
    with shop.engine.connect() as connection:
        # On a table of a few rows any plan will do, so the one without an index is ruled out.
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        asked = f"EXPLAIN {getattr(statements, name)}"
        plan = connection.exec_driver_sql(asked, limits).scalars()
        assert "Index Cond: (ends_at < " in "\n".join(plan)


def test_a_sweep_walks_no_hold_that_is_not_overdue(fragile_shop: Shop) -> None:
    shop = fragile_shop
    shop.stock(MUG=100)
    for number in range(50):
        shop.hold(f"c{number}", MUG=1)
    with shop.engine.begin() as connection:
        limits = {
            "grace_seconds": 0.0,
            "batch_size_max": 10,
            "without_checkouts": [],
            "without_items": [],
        }
        connection.exec_driver_sql(statements.LOCK_OVERDUE, limits)
        read = text(
            "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables "
            "WHERE relname = 'reservations'"
        )
        assert connection.execute(read).scalar_one() == 0


@pytest.mark.parametrize("batch_size_max", [0, -1, BATCH_SIZE_MAX + 1])
def test_a_batch_of_overdue_holds_is_bounded(shop: Shop, batch_size_max: int) -> None:
    with pytest.raises(ValueError, match=f"1 to {BATCH_SIZE_MAX}"):
        shop.ledger.expire_overdue(0, batch_size_max=batch_size_max)
