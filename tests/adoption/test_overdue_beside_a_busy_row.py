"""A row that the shop keeps costs only the overdue holds that have something of it."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from activities.inventory.database.errors import LedgerGaveWay, LedgerUnavailable
from activities.inventory.operations import close, overdue
from activities.inventory.operations.giving_way import SHARES, Turn
from activities.inventory.records import ReservationState
from activities.overdue_sweep import OverdueSweep
from holdfast_client.contract.messages import CheckoutRequest, Line
from holdfast_client.contract.outcomes import Denied, Held
from tests.adoption.adopted import PATIENCE, Adopted, opened_ledger
from tests.adoption.conftest import OpenAdopted
from tests.inventory.functions import rewrite_function

HOLDS = 40
# The oldest too, so that what is busy is first in every batch; and more than a turn has tries.
BUSY = {f"c{number}" for number in range(0, HOLDS, 4)}
NAMED = "a.key <> ALL(free)"


@pytest.fixture
def shop(open_adopted: OpenAdopted) -> Adopted:
    """Shop A with overdue holds of mugs, some of them with a cup."""
    shop = open_adopted("a")
    shop.sql.execute(
        "INSERT INTO products (name, sku, stock_quantity, created_at, updated_at) "
        f"SELECT sku, sku, {HOLDS}, now(), now() FROM unnest(ARRAY['MUG', 'CUP', 'JAR']) AS sku"
    )
    shop.sql.execute(
        "INSERT INTO carts (id, status, created_at, updated_at) "
        f"SELECT i, 'active', now(), now() FROM generate_series(0, {HOLDS}) AS i"
    )
    shop.adopt()
    for number in range(HOLDS):
        id = f"c{number}"
        shop.reserve(id, str(number), None, MUG=1, **({"CUP": 1} if id in BUSY else {}))
    shop.owner(
        "UPDATE holdfast.reservations "
        "SET expires_at = now() - interval '1 hour' + id * interval '1 second'"
    )
    return shop


@pytest.fixture
def importer(shop: Adopted) -> Iterator[psycopg.Connection]:
    """A session of the shop's that keeps the cup's row until it is undone."""
    with psycopg.connect(shop.shop_url) as connection:
        connection.execute("SELECT FROM products WHERE sku = 'CUP' FOR UPDATE")
        yield connection


def still_held(shop: Adopted) -> set[str]:
    rows = shop.owner("SELECT checkout_id FROM holdfast.reservations WHERE status = 'held'")
    return {row[0] for row in rows}


def ended(shop: Adopted) -> int:
    """End what can be, and return how much: on a busy machine by more than one turn."""
    holds = 0
    while turn := shop.ledger.expire_overdue(0):
        holds += turn
    return holds


# --- the reconciler and the sweep ----------------------------------------------------------------


def test_all_but_the_holds_of_the_busy_row_end_and_after_its_release_the_rest(
    shop: Adopted, importer: psycopg.Connection
) -> None:
    assert ended(shop) == HOLDS - len(BUSY)
    assert still_held(shop) == BUSY
    assert shop.breaches() == []
    importer.rollback()
    assert ended(shop) == len(BUSY)
    assert shop.item("MUG") == shop.item("CUP") == (HOLDS, 0, 0)
    assert shop.breaches() == []


@pytest.mark.usefixtures("importer")
def test_a_batch_smaller_than_what_is_busy_gets_past_it(shop: Adopted) -> None:
    shop.owner(
        "UPDATE holdfast.reservations SET expires_at = expires_at - interval '1 day' "
        "WHERE checkout_id = ANY(:ids)",
        ids=sorted(BUSY),
    )
    swept = shop.ledger.expire_overdue(0, 5)
    # On a machine that took the whole budget a turn is tried again by less.
    assert 0 < swept <= 5
    assert shop.item("CUP") == (HOLDS, len(BUSY), 0)
    assert shop.item("MUG") == (HOLDS, HOLDS - swept, 0)


@pytest.mark.usefixtures("importer")
async def test_a_sweep_ends_what_it_can(shop: Adopted) -> None:
    async with opened_ledger(shop) as ledger:
        sweep = OverdueSweep(ledger, interval_seconds=0)
        swept = 0
        for _ in range(PATIENCE):
            # On a busy machine a sweep may end less, and leaves the rest to the next.
            swept += await sweep.run_if_due()
            if swept == HOLDS - len(BUSY):
                break
        assert await sweep.run_if_due() == 0
    assert swept == HOLDS - len(BUSY)
    assert still_held(shop) == BUSY


def test_where_all_is_busy_nothing_ends_and_nobody_fails(
    shop: Adopted, importer: psycopg.Connection
) -> None:
    importer.execute("SELECT FROM products WHERE sku = 'MUG' FOR UPDATE")
    assert shop.ledger.expire_overdue(0) == 0
    assert len(still_held(shop)) == HOLDS


def test_a_cart_that_the_shop_keeps_costs_its_own_hold_alone(shop: Adopted) -> None:
    """The refusal does not say whose row it is, so the tries become smaller."""
    with psycopg.connect(shop.shop_url) as other:
        other.execute("SELECT FROM carts WHERE id = 1 FOR UPDATE")
        assert ended(shop) == HOLDS - 1
        assert still_held(shop) == {"c1"}
        assert shop.breaches() == []


@pytest.mark.usefixtures("importer")
def test_a_refusal_that_names_nothing_is_found_out_about(shop: Adopted) -> None:
    """As of a shop that was adopted by an earlier version."""
    rewrite_function(shop.engine, "lock_shop_rows", NAMED, "false")
    assert shop.ledger.expire_overdue(0) > 0
    assert still_held(shop) > BUSY
    assert shop.breaches() == []


@pytest.mark.usefixtures("importer")
def test_a_turn_that_has_ended_nothing_after_its_last_try_is_refused(
    shop: Adopted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(close, "REFUSALS_IN_A_TURN_MAX", 1)
    with pytest.raises(LedgerUnavailable, match="the ledger gives way"):
        shop.ledger.expire_overdue(0)


# --- a buyer in need -----------------------------------------------------------------------------


def test_a_buyer_gets_what_other_overdue_holds_have_beside_a_busy_one(
    shop: Adopted, importer: psycopg.Connection
) -> None:
    assert isinstance(shop.reserve("new", None, None, MUG=HOLDS - len(BUSY)), Held)
    assert still_held(shop) == BUSY | {"new"}
    assert shop.breaches() == []
    importer.rollback()
    assert ended(shop) == len(BUSY)
    assert shop.breaches() == []


@pytest.mark.usefixtures("importer")
def test_a_buyer_who_needs_what_is_busy_too_is_denied_and_told_of_what_is_there(
    shop: Adopted,
) -> None:
    denied = shop.reserve("new", None, None, MUG=HOLDS)
    assert isinstance(denied, Denied)
    (shortage,) = denied.shortages
    assert (shortage.sku, shortage.available) == ("MUG", HOLDS - len(BUSY))
    assert still_held(shop) == BUSY
    assert shop.breaches() == []


@pytest.mark.usefixtures("importer")
def test_busy_holds_before_all_others_do_not_hide_them_from_a_buyer(
    shop: Adopted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overdue, "OVERDUE_BATCH_MAX", 2)
    shop.owner(
        "UPDATE holdfast.reservations SET expires_at = expires_at - interval '1 day' "
        "WHERE checkout_id = ANY(:ids)",
        ids=sorted(BUSY),
    )
    assert isinstance(shop.reserve("new", None, None, MUG=5), Held)
    assert still_held(shop) >= BUSY


@pytest.mark.usefixtures("importer")
def test_a_buyer_of_the_busy_row_itself_is_told_to_ask_again(shop: Adopted) -> None:
    with pytest.raises(LedgerUnavailable, match="the ledger gives way"):
        shop.reserve("new", None, None, CUP=1)


def test_who_supersedes_a_busy_overdue_hold_asks_again(
    shop: Adopted, importer: psycopg.Connection
) -> None:
    wish = CheckoutRequest(
        checkout_id="new",
        lines=(Line(sku="JAR", quantity=1),),
        hold_seconds=900,
        supersedes="c0",
        cart_id="0",
    )
    with pytest.raises(LedgerUnavailable, match="must end first"):
        shop.ledger.reserve_alone(wish)
    importer.rollback()
    answer = shop.ledger.reserve_alone(wish)
    assert isinstance(answer, ReservationState)
    assert isinstance(answer.outcome, Held)
    assert "c0" not in still_held(shop)


# --- what is decided -----------------------------------------------------------------------------


def test_a_named_item_is_left_out_and_the_next_try_is_as_large() -> None:
    turn = Turn(500, 8)
    assert turn.gave_way(frozenset({7}), ["a", "b"])
    assert (turn.item_ids, turn.checkout_ids, turn.size) == ({7}, set(), 500)


def test_without_a_name_tries_shrink_to_the_one_that_is_busy_and_grow_again() -> None:
    turn = Turn(500, 8)
    ids = [f"c{number}" for number in range(500)]
    sizes = []
    while "c0" not in turn.checkout_ids:
        sizes.append(turn.size)
        assert turn.gave_way(frozenset(), ids[: turn.size])
    assert sizes == [500, 125, 31, 7, 1]
    for _ in range(6):
        turn.went_well()
    assert turn.size == 500


def test_an_item_named_twice_makes_tries_smaller() -> None:
    turn = Turn(8, 8)
    turn.gave_way(frozenset({7}), ["a"] * 8)
    turn.gave_way(frozenset({7}), ["a"] * 8)
    assert turn.size == 8 // SHARES


def test_a_turn_ends_after_so_many_refusals() -> None:
    turn = Turn(500, 3)
    assert [turn.gave_way(frozenset(), ["a", "b"]) for _ in range(3)] == [True, True, False]


@pytest.mark.usefixtures("importer")
def test_a_refusal_is_told_without_what_the_database_quotes(shop: Adopted) -> None:
    with pytest.raises(LedgerGaveWay) as told:
        shop.reserve("new", None, None, CUP=1)
    assert told.value.__cause__ is None
    assert told.value.__context__ is None
