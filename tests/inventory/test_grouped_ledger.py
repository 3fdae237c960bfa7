"""Requests of the same moment share a transaction, and yet each is answered by itself.

Who shares with whom is brought about by a stranger's lock: while the first transaction waits for
it, everybody else queues behind.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

import pytest
from sqlalchemy import Connection, text

from activities.inventory.async_ledger import AsyncLedger
from activities.inventory.database.errors import (
    LedgerFailed,
    LedgerUnavailable,
    ReservationConflict,
)
from activities.inventory.grouping.grouped_ledger import GroupedLedger, Operation
from activities.inventory.records import Closing, ReservationState
from tests.inventory.crowd import blocked
from tests.inventory.pools import opened_pool
from tests.inventory.shop import Figures, Shop, checkout, hold_until
from tests.workflows.waiting import until

# One transaction at a time, however long it takes.
ONE_BY_ONE: Final[dict[str, Any]] = {"in_turn": 1, "patience_seconds": 60.0}


class Queue:
    """A grouped ledger whose transactions are written down."""

    def __init__(self, ledger: AsyncLedger, **limits: Any) -> None:
        self.transactions: list[tuple[Operation, int]] = []
        self.ledger = GroupedLedger(ledger, observe=self._observe, **limits)

    def _observe(self, operation: Operation, batch_size: int, seconds: float) -> None:
        assert seconds > 0
        self.transactions.append((operation, batch_size))

    def reserve(self, checkout_id: str, **quantities: int) -> asyncio.Task[ReservationState]:
        return asyncio.create_task(self.ledger.reserve(checkout(checkout_id, **quantities)))

    async def until_waiting(self, count: int) -> None:
        """Return when so many requests queue for a transaction."""
        await until(lambda: self.ledger.waiting == count)


@asynccontextmanager
async def queue_of(shop: Shop, **limits: Any) -> AsyncIterator[Queue]:
    async with opened_pool(shop.engine) as pool:
        yield Queue(AsyncLedger(pool), **limits)


@contextmanager
def locked(shop: Shop, sku: str) -> Iterator[Connection]:
    """Hold a stock item's row, as a stranger would, while the block runs."""
    with shop.engine.begin() as stranger:
        stranger.execute(
            text("SELECT 1 FROM holdfast.stock_items WHERE sku = :sku FOR UPDATE"), {"sku": sku}
        )
        yield stranger


async def until_blocked(shop: Shop, sessions: int = 1) -> None:
    await asyncio.to_thread(blocked, shop.engine, sessions)


async def statuses_of(asked: list[asyncio.Task[ReservationState]]) -> list[str]:
    return [state.outcome.status for state in await asyncio.gather(*asked)]


async def test_a_lone_request_is_a_transaction_of_its_own(shop: Shop) -> None:
    shop.stock(MUG=5)
    async with queue_of(shop) as queue:
        assert (await queue.reserve("c1", MUG=2)).outcome.status == "held"
        closing = Closing("c1", "fulfilled", payment_reference="pay_1")
        assert (await queue.ledger.close(closing)).outcome.status == "fulfilled"
    assert queue.transactions == [("reserve", 1), ("close", 1)]
    assert shop.figures("MUG") == Figures(total=3, reserved=0, available=3)


async def test_who_comes_while_a_transaction_is_under_way_shares_the_next(shop: Shop) -> None:
    shop.stock(MUG=5)
    async with queue_of(shop, **ONE_BY_ONE) as queue:
        with locked(shop, "MUG"):
            first = queue.reserve("first", MUG=1)
            await until_blocked(shop)
            others = [queue.reserve(f"c{n}", MUG=1) for n in range(20)]
            await queue.until_waiting(20)
        statuses = await statuses_of(others)
        assert (await first).outcome.status == "held"
    assert sorted(queue.transactions) == [("reserve", 1), ("reserve", 20)]
    assert (statuses.count("held"), statuses.count("denied")) == (4, 16)
    assert shop.figures("MUG") == Figures(total=5, reserved=5, available=0)
    assert shop.ledger.audit() == ()


async def test_a_different_request_under_a_used_id_fails_alone(shop: Shop) -> None:
    shop.stock(MUG=50)
    shop.hold("taken", MUG=1)
    async with queue_of(shop, **ONE_BY_ONE) as queue:
        with locked(shop, "MUG"):
            first = queue.reserve("first", MUG=1)
            await until_blocked(shop)
            conflicting = queue.reserve("taken", MUG=2)
            others = [queue.reserve(f"c{n}", MUG=1) for n in range(5)]
            await queue.until_waiting(6)
        assert set(await statuses_of([first, *others])) == {"held"}
        with pytest.raises(ReservationConflict):
            await conflicting
    assert ("reserve", 6) in queue.transactions


async def test_a_request_that_the_database_refuses_fails_alone(fragile_shop: Shop) -> None:
    shop = fragile_shop
    shop.stock(MUG=50, POISON=50)
    shop.sql(
        "ALTER TABLE holdfast.stock_items ADD CONSTRAINT no_poison "
        "CHECK (sku <> 'POISON' OR reserved_quantity = 0)"
    )
    async with queue_of(shop, **ONE_BY_ONE) as queue:
        with locked(shop, "MUG"):
            first = queue.reserve("first", MUG=1)
            await until_blocked(shop)
            poisoned = queue.reserve("poisoned", POISON=1)
            others = [queue.reserve(f"c{n}", MUG=1) for n in range(5)]
            await queue.until_waiting(6)
        assert set(await statuses_of([first, *others])) == {"held"}
        with pytest.raises(LedgerFailed):
            await poisoned
    assert sorted(queue.transactions) == [("reserve", 1)] * 7 + [("reserve", 6)]
    assert shop.figures("MUG") == Figures(total=50, reserved=6, available=44)
    assert shop.figures("POISON") == Figures(total=50, reserved=0, available=50)


async def test_a_transaction_that_waits_for_a_stranger_holds_up_nobody_else(shop: Shop) -> None:
    shop.stock(MUG=5, CUP=50)
    async with queue_of(shop) as queue:
        with locked(shop, "MUG"):
            stuck = [queue.reserve("stuck", MUG=1)]
            await until_blocked(shop)
            stuck.append(queue.reserve("stuck-too", MUG=1))
            await until_blocked(shop, 2)
            others = [queue.reserve(f"c{n}", CUP=1) for n in range(20)]
            assert set(await statuses_of(others)) == {"held"}
            assert not any(each.done() for each in stuck)
        assert set(await statuses_of(stuck)) == {"held"}


async def test_a_request_whose_turn_does_not_come_is_never_run(shop: Shop) -> None:
    shop.stock(MUG=5)
    limits = {"patience_seconds": 0.005, "turn_seconds_max": 0.05, "groups_max": 1, "in_turn": 1}
    async with queue_of(shop, **limits) as queue:
        with locked(shop, "MUG"):
            first = queue.reserve("first", MUG=1)
            await until_blocked(shop)
            with pytest.raises(LedgerUnavailable):
                await queue.reserve("late", MUG=1)
        # One after the other: on a busy machine the turn of the second would be over, too.
        assert await statuses_of([first]) == ["held"]
        assert await statuses_of([queue.reserve("after", MUG=1)]) == ["held"]
    assert shop.ledger.reservations(["first", "late", "after"]).keys() == {"first", "after"}


async def test_fifty_at_once_do_everything_and_the_ledger_adds_up(shop: Shop) -> None:
    shop.stock(MUG=30, CUP=1_000)

    async def whole_checkout(queue: Queue, n: int) -> str:
        ledger, id = queue.ledger, f"c{n}"
        state = await ledger.reserve(checkout(id, MUG=1, CUP=1 + n % 3))
        if state.outcome.status != "held":
            return state.outcome.status
        await ledger.extend(hold_until(id, shop.after(1_000 + n)))
        if n % 3:
            closing = Closing(id, "cancelled", actor="shopper")
        else:
            closing = Closing(id, "fulfilled", payment_reference=f"pay_{n}")
        return (await ledger.close(closing)).outcome.status

    async with queue_of(shop) as queue:
        statuses = await asyncio.gather(*(whole_checkout(queue, n) for n in range(50)))
    assert set(statuses) <= {"fulfilled", "cancelled", "denied"}
    assert len(queue.transactions) < 50 * 3
    sold = statuses.count("fulfilled")
    assert shop.figures("MUG") == Figures(total=30 - sold, reserved=0, available=30 - sold)
    assert shop.ledger.audit() == ()
