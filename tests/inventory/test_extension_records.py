"""An extension is on record, and what is on record is never made again under its id."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import pytest
from sqlalchemy import Connection, exc

from activities.inventory.database.errors import LedgerCorrupt
from activities.inventory.ledger_operations import HOLD_SECONDS_CAP_DEFAULT
from activities.inventory.records import Closing, ExtensionAnswer, HoldExtension
from holdfast_client.contract.outcomes import Held
from tests.inventory import by_hand
from tests.inventory.crowd import all_at_once, waiting_behind
from tests.inventory.functions import rewrite_function
from tests.inventory.shop import Shop

SECONDS = 60


@pytest.fixture
def held(shop: Shop) -> Shop:
    """One hold of a minute."""
    shop.stock(MUG=1)
    shop.hold("c1", hold_seconds=SECONDS, MUG=1)
    return shop


def test_an_extension_leaves_who_asked_for_it_and_what_it_moved(held: Shop) -> None:
    held.pass_seconds(10)
    wish = HoldExtension("c1", held.after(650), "e1", 600, "card check", "psp")
    held.ledger.extend([wish])
    (row,) = held.sql(
        "SELECT operation_id, (answer ->> 'seconds')\\:\\:integer, reason, actor, created_at "
        "FROM holdfast.operations WHERE kind = 'extend'"
    )
    assert tuple(row) == ("e1", 600, "card check", "psp", held.now)
    assert held.extensions("c1") == [("e1", held.after(50), held.after(650))]


def test_an_extension_asked_for_again_under_its_id_moves_nothing_wherever_it_points(
    held: Shop,
) -> None:
    first = held.extend("c1", held.after(120), "e1")
    assert held.extend("c1", held.after(720), "e1") == first
    assert held.extensions("c1") == [("e1", held.after(60), held.after(120))]


def test_another_id_is_another_extension(held: Shop) -> None:
    held.extend("c1", held.after(120), "e1")
    held.extend("c1", held.after(180), "e2")
    assert held.extensions("c1") == [
        ("e1", held.after(60), held.after(120)),
        ("e2", held.after(120), held.after(180)),
    ]


def test_the_same_id_on_another_hold_is_another_extension(held: Shop) -> None:
    held.stock(CUP=1)
    held.hold("c2", hold_seconds=SECONDS, CUP=1)
    for id in ("c1", "c2"):
        assert held.extend(id, held.after(120), "e1").verdict == "extended"
        assert held.state(id).remaining_seconds == 120.0


def test_one_id_several_times_in_a_batch_counts_once(held: Shop) -> None:
    wishes = [HoldExtension("c1", held.after(s), "e1") for s in (120, 180, 240)]
    answers = held.ledger.extend(wishes)
    assert [answer.verdict for answer in answers] == ["extended"] * 3
    assert held.extensions("c1") == [("e1", held.after(60), held.after(120))]


@pytest.mark.parametrize("ending", ["fulfil", "cancel"])
def test_an_extension_that_was_made_stays_made_when_the_hold_is_over(
    held: Shop, ending: str
) -> None:
    held.extend("c1", held.after(120), "e1")
    ended = getattr(held, ending)("c1")
    again = held.extend("c1", held.after(240), "e1")
    assert (again.verdict, again.state.outcome) == ("extended", ended)
    assert held.extend("c1", held.after(240), "e2").verdict == "not_active"
    assert len(held.extensions("c1")) == 1


def test_an_extension_that_was_made_does_not_revive_a_hold_past_its_deadline(held: Shop) -> None:
    held.extend("c1", held.after(120), "e1")
    held.pass_seconds(120)
    again = held.extend("c1", held.after(240), "e1")
    assert (again.verdict, again.state.remaining_seconds) == ("extended", 0.0)
    assert held.expire("c1").status == "expired"


def test_a_refusal_in_a_batch_leaves_those_behind_it_where_they_were(held: Shop) -> None:
    wishes = {"e1": 120, "e2": HOLD_SECONDS_CAP_DEFAULT + 1, "e3": 180}
    answers = held.ledger.extend([HoldExtension("c1", held.after(s), e) for e, s in wishes.items()])
    assert [answer.verdict for answer in answers] == ["extended", "over_cap", "extended"]
    assert [id for id, _, _ in held.extensions("c1")] == ["e1", "e3"]


def test_what_was_never_held_has_no_extensions(shop: Shop) -> None:
    assert shop.extend("nobody", shop.after(60), "e1").verdict == "not_active"
    assert shop.count("operation_records") == 0


# --- two at once ---------------------------------------------------------------------------------


def _extend(connection: Connection, *wishes: HoldExtension) -> Sequence[ExtensionAnswer]:
    return by_hand.extend(connection, wishes, HOLD_SECONDS_CAP_DEFAULT)


def test_the_same_extension_twice_at_once_is_made_once(held: Shop) -> None:
    with held.engine.connect() as first:
        _extend(first, HoldExtension("c1", held.after(120), "e1"))
        # As after a reset, when the workflow knows the deadline of the first already.
        second = partial(held.extend, "c1", held.after(180), "e1")
        with waiting_behind(held.engine, first, second) as (answer,):
            pass
    assert answer.result().verdict == "extended"
    assert held.extensions("c1") == [("e1", held.after(60), held.after(120))]
    assert held.state("c1").remaining_seconds == 120.0


def test_an_extension_whose_first_attempt_is_undone_is_made_by_the_second(held: Shop) -> None:
    with held.engine.connect() as first:
        _extend(first, HoldExtension("c1", held.after(120), "e1"))
        second = partial(held.extend, "c1", held.after(180), "e1")
        with waiting_behind(held.engine, first, second) as (answer,):
            first.rollback()
    assert answer.result().verdict == "extended"
    assert held.extensions("c1") == [("e1", held.after(60), held.after(180))]


def test_of_an_extension_and_an_ending_at_once_the_ending_wins_where_it_is_first(
    held: Shop,
) -> None:
    with held.engine.connect() as first:
        by_hand.close(first, [Closing("c1", "fulfilled", payment_reference="pay_1")])
        second = partial(held.extend, "c1", held.after(120), "e1")
        with waiting_behind(held.engine, first, second) as (answer,):
            pass
    assert answer.result().verdict == "not_active"
    assert held.extensions("c1") == []


def test_a_crowd_with_few_ids_makes_each_extension_once(held: Shop) -> None:
    wishes = [partial(held.extend, "c1", held.after(60 + 10 * n), f"e{n % 5}") for n in range(20)]
    assert {answer.verdict for answer in all_at_once(wishes)} == {"extended"}
    records = held.extensions("c1")
    assert sorted(id for id, _, _ in records) == [f"e{n}" for n in range(5)]
    held_now = held.state("c1").outcome
    assert isinstance(held_now, Held)
    assert held_now.expires_at == max(end for _, _, end in records)


def test_without_the_lock_the_record_still_keeps_an_extension_from_being_made_twice(
    fragile_shop: Shop,
) -> None:
    rewrite_function(fragile_shop.engine, "lock_reservations", "FOR NO KEY UPDATE")
    fragile_shop.stock(MUG=1)
    fragile_shop.hold("c1", hold_seconds=SECONDS, MUG=1)
    with fragile_shop.engine.connect() as first:
        _extend(first, HoldExtension("c1", fragile_shop.after(120), "e1"))
        second = partial(fragile_shop.extend, "c1", fragile_shop.after(180), "e1")
        with waiting_behind(fragile_shop.engine, first, second) as (answer,):
            pass
    assert isinstance(answer.exception(), LedgerCorrupt)
    assert len(fragile_shop.extensions("c1")) == 1


# --- the table -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE holdfast.operation_records SET reason = 'x'",
        "DELETE FROM holdfast.operation_records",
        "TRUNCATE holdfast.operation_records",
    ],
)
def test_records_of_operations_can_only_be_added(held: Shop, statement: str) -> None:
    held.extend("c1", held.after(120), "e1")
    with pytest.raises(exc.IntegrityError, match="operation_records is append only"):
        held.sql(statement)


@pytest.mark.parametrize("operation_id", ["", "x" * 201])
def test_the_database_refuses_a_record_whose_id_cannot_be(held: Shop, operation_id: str) -> None:
    with pytest.raises(exc.IntegrityError, match="operation_records_id_length"):
        held.sql(
            "INSERT INTO holdfast.operation_records (operation_id, kind, created_at) "
            "VALUES (:operation_id, 'extend', now())",
            operation_id=operation_id,
        )
