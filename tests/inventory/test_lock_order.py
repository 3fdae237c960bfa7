"""The one order of locks in every operation: claimed ids, reservations by id, stock items by id.

A stranger holds one lock. Each operation is seen to wait for it with the locks before it taken and
those behind it left free.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from psycopg.errors import LockNotAvailable
from sqlalchemy import Connection, exc, text

from activities.inventory.ledger import Ledger
from activities.inventory.operations.reserve import ReserveBatch
from activities.inventory.records import Closing, StockRow
from activities.inventory.sql.statements.stock import LOCK_STOCK
from holdfast_client.contract.messages import StockAdjustment
from tests.inventory import by_hand
from tests.inventory.crowd import blocked, is_free, waiting_behind
from tests.inventory.shop import OPENING, Shop, checkout, hold_until

Operation = Callable[[Shop], object]


@pytest.fixture
def busy_shop(shop: Shop) -> Shop:
    """Two overdue holds on two stock items whose ids are in the order of MUG, CUP."""
    shop.stock(MUG=10)
    shop.stock(CUP=10)
    shop.hold("c1", hold_seconds=60, MUG=1, CUP=1)
    shop.hold("c2", hold_seconds=60, CUP=1, MUG=1)
    shop.pass_seconds(61)
    return shop


def _lock(stranger: Connection, table: str, key: str, value: str) -> None:
    stranger.execute(
        text(f"SELECT 1 FROM holdfast.{table} WHERE {key} = :value FOR NO KEY UPDATE"),
        {"value": value},
    )


def _wanted(shop: Shop) -> object:
    return shop.ledger.reserve([checkout("c3", CUP=1), checkout("c4", MUG=1)])


def _wanted_beside_a_denial(shop: Shop) -> object:
    """What one of them wants is unknown, so it has to be decided who gets what."""
    return shop.ledger.reserve([checkout("c3", CUP=1, NO_SUCH=1), checkout("c4", CUP=1, MUG=1)])


def _closed(shop: Shop) -> object:
    return shop.ledger.close([Closing("c2", "cancelled"), Closing("c1", "cancelled")])


def _extended(shop: Shop) -> object:
    return shop.ledger.extend([hold_until(id, shop.after(60)) for id in ("c2", "c1")])


def _swept(shop: Shop) -> object:
    return shop.ledger.expire_overdue(0)


def _loaded(shop: Shop) -> object:
    return shop.ledger.load_stock([StockRow("CUP", "main", 11), StockRow("MUG", "main", 11)])


def _adjusted(shop: Shop) -> object:
    return shop.ledger.adjust(
        StockAdjustment(adjustment_id="a1", kind="adjust", sku="CUP", quantity=1)
    )


ON_STOCK = [_wanted, _wanted_beside_a_denial, _closed, _swept, _loaded]
ON_RESERVATIONS = [_closed, _extended]


@pytest.mark.parametrize("operation", [*ON_STOCK, _adjusted])
def test_stock_is_waited_for(busy_shop: Shop, operation: Operation) -> None:
    with busy_shop.engine.connect() as stranger:
        _lock(stranger, "stock_items", "sku", "CUP")
        task = partial(operation, busy_shop)
        with waiting_behind(busy_shop.engine, stranger, task) as (answer,):
            assert blocked(busy_shop.engine) == ["stock_items"]
    answer.result()


@pytest.mark.parametrize("operation", ON_STOCK)
@pytest.mark.parametrize(
    ("held", "other", "other_is_free"),
    [
        pytest.param("MUG", "CUP", True, id="waits for the first with the second free"),
        pytest.param("CUP", "MUG", False, id="waits for the second with the first taken"),
    ],
)
def test_stock_items_are_locked_by_id_whatever_order_they_are_named_in(
    busy_shop: Shop, operation: Operation, held: str, other: str, other_is_free: bool
) -> None:
    with busy_shop.engine.connect() as stranger:
        _lock(stranger, "stock_items", "sku", held)
        task = partial(operation, busy_shop)
        with waiting_behind(busy_shop.engine, stranger, task) as (answer,):
            assert is_free(busy_shop.engine, "stock_items", "sku", other) == other_is_free
    answer.result()


@pytest.mark.parametrize("operation", ON_RESERVATIONS)
@pytest.mark.parametrize(
    ("held", "other", "other_is_free"), [("c1", "c2", True), ("c2", "c1", False)]
)
def test_reservations_are_locked_by_id_before_any_stock(
    busy_shop: Shop, operation: Operation, held: str, other: str, other_is_free: bool
) -> None:
    engine = busy_shop.engine
    with engine.connect() as stranger:
        _lock(stranger, "reservations", "checkout_id", held)
        with waiting_behind(engine, stranger, partial(operation, busy_shop)) as (answer,):
            assert blocked(engine) == ["reservations"]
            assert is_free(engine, "reservations", "checkout_id", other) == other_is_free
            assert is_free(engine, "stock_items", "sku", "MUG")
            assert is_free(engine, "stock_items", "sku", "CUP")
    answer.result()


@pytest.mark.parametrize("operation", [_closed, _swept])
def test_reservations_stay_locked_while_stock_is_waited_for(
    busy_shop: Shop, operation: Operation
) -> None:
    engine = busy_shop.engine
    with engine.connect() as stranger:
        _lock(stranger, "stock_items", "sku", "MUG")
        with waiting_behind(engine, stranger, partial(operation, busy_shop)) as (answer,):
            assert not is_free(engine, "reservations", "checkout_id", "c1")
            assert not is_free(engine, "reservations", "checkout_id", "c2")
    answer.result()


@pytest.mark.parametrize("busy", ["c1", "c2"])
def test_the_reconciler_never_waits_for_a_reservation(busy_shop: Shop, busy: str) -> None:
    with busy_shop.engine.connect() as stranger:
        _lock(stranger, "reservations", "checkout_id", busy)
        assert busy_shop.ledger.expire_overdue(0) == 1


def _claim(connection: Connection, checkout_id: str) -> None:
    connection.execute(
        text(
            "INSERT INTO holdfast.reservations (checkout_id, status, created_at, closed_at) "
            "VALUES (:checkout_id, 'cancelled', now(), now())"
        ),
        {"checkout_id": checkout_id},
    )


def _claimed_by_reserve(ledger: Ledger) -> object:
    return ledger.reserve([checkout("n2", MUG=1), checkout("n1", MUG=1)])


def _claimed_by_close(ledger: Ledger) -> object:
    return ledger.close([Closing(id, "cancelled") for id in ("n2", "n1", "c1")])


def _claimed_by_extend(ledger: Ledger) -> object:
    return ledger.extend([hold_until(id, OPENING) for id in ("n2", "n1", "c1")])


@pytest.mark.parametrize("operation", [_claimed_by_reserve, _claimed_by_close, _claimed_by_extend])
@pytest.mark.parametrize(
    ("held", "other", "other_is_free"), [("n1", "n2", True), ("n2", "n1", False)]
)
def test_ids_are_claimed_in_their_order_before_anything_is_locked(
    busy_shop: Shop,
    operation: Callable[[Ledger], object],
    held: str,
    other: str,
    other_is_free: bool,
) -> None:
    """A newcomer who wants the other id waits only if the operation has claimed it already."""
    engine = busy_shop.engine
    with engine.connect() as stranger:
        _claim(stranger, held)
        with waiting_behind(engine, stranger, partial(operation, busy_shop.ledger)) as (answer,):
            assert blocked(engine) == ["an id"]
            assert is_free(engine, "reservations", "checkout_id", "c1")
            assert is_free(engine, "stock_items", "sku", "MUG")
            assert _can_claim(busy_shop, other) == other_is_free
    answer.result()


def _can_claim(shop: Shop, checkout_id: str) -> bool:
    with shop.engine.connect() as newcomer:
        newcomer.execute(text("SET LOCAL lock_timeout = '100ms'"))
        try:
            _claim(newcomer, checkout_id)
        except exc.OperationalError as error:
            if not isinstance(error.orig, LockNotAvailable):
                raise
            return False
        return True


def test_a_page_of_availability_waits_for_nobody(busy_shop: Shop) -> None:
    with busy_shop.engine.connect() as stranger:
        _lock(stranger, "stock_items", "sku", "MUG")
        _lock(stranger, "reservations", "checkout_id", "c1")
        (mug,) = busy_shop.ledger.availability(["MUG"])
        assert busy_shop.ledger.audit() == ()
    assert mug.reserved == 2


def _lock_stock(connection: Connection) -> object:
    wanted = {"skus": ["MUG", "CUP"], "locations": ["main", "main"]}
    return connection.exec_driver_sql(LOCK_STOCK, wanted).all()


def _reserve_what_fits(connection: Connection) -> object:
    return by_hand.reserve_what_fits(connection, ReserveBatch.of([checkout("c3", CUP=1, MUG=1)]))


def _decide(connection: Connection) -> object:
    batch = ReserveBatch.of([checkout("c3", CUP=1, MUG=1)])
    return by_hand.decide(connection, batch)


def _close(connection: Connection) -> object:
    return by_hand.close(connection, [Closing("c1", "cancelled")])


@pytest.mark.parametrize("lock", [_lock_stock, _reserve_what_fits, _decide, _close])
def test_the_lock_on_stock_lets_references_to_it_be_written(
    busy_shop: Shop, lock: Callable[[Connection], object]
) -> None:
    """Were it any stronger, the lines of one reserve would wait for the figures of another."""
    with busy_shop.engine.connect() as first:
        lock(first)
        assert not is_free(busy_shop.engine, "stock_items", "sku", "MUG")
        assert not is_free(busy_shop.engine, "stock_items", "sku", "CUP")
        with busy_shop.engine.connect() as second:
            second.execute(text("SELECT 1 FROM holdfast.stock_items FOR KEY SHARE NOWAIT")).all()


def test_a_deadline_counts_from_the_last_lock_and_not_from_the_asking(shop: Shop) -> None:
    shop.stock(MUG=1)
    shop.stock(CUP=1)
    with shop.engine.connect() as stranger:
        # The first item is locked at once, the second only after half a minute.
        _lock(stranger, "stock_items", "sku", "CUP")
        task = partial(shop.hold, "c1", hold_seconds=60, MUG=1, CUP=1)
        with waiting_behind(shop.engine, stranger, task) as (answer,):
            shop.pass_seconds(30)
    assert answer.result().expires_at == shop.after(60)
