"""Requests of the same moment share a transaction, and yet each is answered by itself.

Who shares with whom is brought about by a stranger's lock: while the first transaction waits for
it, everybody else queues behind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

from sqlalchemy import Connection, text

from activities.inventory.database.errors import (
    LedgerFailed,
    LedgerUnavailable,
    ReservationConflict,
)
from activities.inventory.grouping.grouped_ledger import GroupedLedger, Operation
from activities.inventory.records import Closing, HoldExtension, ReservationState
from tests.inventory.crowd import all_at_once, blocked, until
from tests.inventory.shop import Figures, Shop, checkout

WAIT_SECONDS: Final = 20.0
# No second transaction begins beside the first, however long that takes.
ENDLESS_PATIENCE: Final = 60.0


class Queue:
    """A grouped ledger whose transactions are written down, and threads to ask it from."""

    def __init__(self, shop: Shop, threads: ThreadPoolExecutor, **limits: Any) -> None:
        self.transactions: list[tuple[Operation, int]] = []
        self.ledger = GroupedLedger(shop.ledger, observe=self._observe, **limits)
        self._threads = threads

    def _observe(self, operation: Operation, batch_size: int, seconds: float) -> None:
        assert seconds > 0
        self.transactions.append((operation, batch_size))

    def reserve(self, checkout_id: str, **quantities: int) -> Future[ReservationState]:
        return self.ask(self.ledger.reserve, checkout(checkout_id, **quantities))

    def ask(self, operation: Callable[[Any], Any], request: object) -> Future[Any]:
        return self._threads.submit(operation, request)

    def until_waiting(self, count: int) -> None:
        """Return when so many requests queue for a transaction."""
        until(lambda: self.ledger.waiting == count)


@contextmanager
def queue_of(shop: Shop, **limits: Any) -> Iterator[Queue]:
    with ThreadPoolExecutor(40) as threads:
        yield Queue(shop, threads, **limits)


@contextmanager
def locked(shop: Shop, sku: str) -> Iterator[Connection]:
    """Hold a stock item's row, as a stranger would, while the block runs."""
    with shop.engine.begin() as stranger:
        stranger.execute(
            text("SELECT 1 FROM holdfast.stock_items WHERE sku = :sku FOR UPDATE"), {"sku": sku}
        )
        yield stranger


def test_a_lone_request_is_a_transaction_of_its_own(shop: Shop) -> None:
    shop.stock(MUG=5)
    with queue_of(shop) as queue:
        assert queue.ledger.reserve(checkout("c1", MUG=2)).outcome.status == "held"
        closing = Closing("c1", "fulfilled", payment_reference="pay_1")
        assert queue.ledger.close(closing).outcome.status == "fulfilled"
    assert queue.transactions == [("reserve", 1), ("close", 1)]
    assert shop.figures("MUG") == Figures(total=3, reserved=0, available=3)


def test_who_comes_while_a_transaction_is_under_way_shares_the_next(shop: Shop) -> None:
    shop.stock(MUG=5)
    with queue_of(shop, patience_seconds=ENDLESS_PATIENCE) as queue:
        with locked(shop, "MUG"):
            first = queue.reserve("first", MUG=1)
            blocked(shop.engine)
            others = [queue.reserve(f"c{n}", MUG=1) for n in range(20)]
            queue.until_waiting(20)
        statuses = [future.result(WAIT_SECONDS).outcome.status for future in others]
        assert first.result(WAIT_SECONDS).outcome.status == "held"
    assert sorted(queue.transactions) == [("reserve", 1), ("reserve", 20)]
    assert (statuses.count("held"), statuses.count("denied")) == (4, 16)
    assert shop.figures("MUG") == Figures(total=5, reserved=5, available=0)
    assert shop.ledger.audit() == ()


def test_a_different_request_under_a_used_id_fails_alone(shop: Shop) -> None:
    shop.stock(MUG=50)
    shop.hold("taken", MUG=1)
    with queue_of(shop, patience_seconds=ENDLESS_PATIENCE) as queue:
        with locked(shop, "MUG"):
            queue.reserve("first", MUG=1)
            blocked(shop.engine)
            conflicting = queue.reserve("taken", MUG=2)
            others = [queue.reserve(f"c{n}", MUG=1) for n in range(5)]
            queue.until_waiting(6)
        assert {future.result(WAIT_SECONDS).outcome.status for future in others} == {"held"}
        assert isinstance(conflicting.exception(WAIT_SECONDS), ReservationConflict)
    assert ("reserve", 6) in queue.transactions


def test_a_request_that_the_database_refuses_fails_alone(fragile_shop: Shop) -> None:
    shop = fragile_shop
    shop.stock(MUG=50, POISON=50)
    shop.sql(
        "ALTER TABLE holdfast.stock_items ADD CONSTRAINT no_poison "
        "CHECK (sku <> 'POISON' OR reserved_quantity = 0)"
    )
    with queue_of(shop, patience_seconds=ENDLESS_PATIENCE) as queue:
        with locked(shop, "MUG"):
            queue.reserve("first", MUG=1)
            blocked(shop.engine)
            poisoned = queue.reserve("poisoned", POISON=1)
            others = [queue.reserve(f"c{n}", MUG=1) for n in range(5)]
            queue.until_waiting(6)
        assert {future.result(WAIT_SECONDS).outcome.status for future in others} == {"held"}
        assert isinstance(poisoned.exception(WAIT_SECONDS), LedgerFailed)
    assert sorted(queue.transactions) == [("reserve", 1)] * 7 + [("reserve", 6)]
    assert shop.figures("MUG") == Figures(total=50, reserved=6, available=44)
    assert shop.figures("POISON") == Figures(total=50, reserved=0, available=50)


def test_a_transaction_that_waits_for_a_stranger_holds_up_nobody_else(shop: Shop) -> None:
    shop.stock(MUG=5, CUP=50)
    with queue_of(shop) as queue, locked(shop, "MUG"):
        stuck = queue.reserve("stuck", MUG=1)
        blocked(shop.engine)
        others = [queue.reserve(f"c{n}", CUP=1) for n in range(20)]
        assert {future.result(WAIT_SECONDS).outcome.status for future in others} == {"held"}
        assert not stuck.done()
    assert stuck.result(WAIT_SECONDS).outcome.status == "held"


def test_a_request_whose_turn_does_not_come_is_never_run(shop: Shop) -> None:
    shop.stock(MUG=5)
    limits = {"patience_seconds": 0.005, "turn_seconds_max": 0.05, "groups_max": 1}
    with queue_of(shop, **limits) as queue:
        with locked(shop, "MUG"):
            first = queue.reserve("first", MUG=1)
            blocked(shop.engine)
            late = queue.reserve("late", MUG=1)
            assert isinstance(late.exception(WAIT_SECONDS), LedgerUnavailable)
        assert first.result(WAIT_SECONDS).outcome.status == "held"
        assert queue.ledger.reserve(checkout("after", MUG=1)).outcome.status == "held"
    assert shop.ledger.reservations(["first", "late", "after"]).keys() == {"first", "after"}


def test_fifty_threads_do_everything_at_once_and_the_ledger_adds_up(shop: Shop) -> None:
    shop.stock(MUG=30, CUP=1_000)

    def whole_checkout(queue: Queue, n: int) -> str:
        ledger, id = queue.ledger, f"c{n}"
        state = ledger.reserve(checkout(id, MUG=1, CUP=1 + n % 3))
        if state.outcome.status != "held":
            return state.outcome.status
        ledger.extend(HoldExtension(id, shop.after(1_000 + n)))
        if n % 3:
            return ledger.close(Closing(id, "cancelled", actor="shopper")).outcome.status
        closing = Closing(id, "fulfilled", payment_reference=f"pay_{n}")
        return ledger.close(closing).outcome.status

    with queue_of(shop) as queue:
        statuses = all_at_once([partial(whole_checkout, queue, n) for n in range(50)])
    assert set(statuses) <= {"fulfilled", "cancelled", "denied"}
    assert len(queue.transactions) < 50 * 3
    sold = statuses.count("fulfilled")
    assert shop.figures("MUG") == Figures(total=30 - sold, reserved=0, available=30 - sold)
    assert shop.ledger.audit() == ()
