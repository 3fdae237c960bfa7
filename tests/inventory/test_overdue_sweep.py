"""Whoever ends a hold that is over looks, now and then, for others, and ends these too."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest
from sqlalchemy import text

from activities import overdue_sweep
from activities.inventory import ledger_operations
from activities.inventory.async_ledger import AsyncLedger
from activities.inventory.database.errors import LedgerUnavailable
from activities.inventory.operations.close import OVERDUE
from activities.overdue_sweep import SWEEP_BATCHES_MAX, OverdueSweep
from tests.inventory.shop import Shop


def _sweep(ledger: AsyncLedger, interval_seconds: float = 0.0) -> OverdueSweep:
    return OverdueSweep(ledger, interval_seconds=interval_seconds, grace_seconds=2.0)


@pytest.mark.parametrize(("seconds_over", "ended"), [(2.0, 0), (2.001, 1), (3_600, 1)])
async def test_a_sweep_leaves_the_first_moments_to_whoever_pays_late(
    shop: Shop, async_ledger: AsyncLedger, seconds_over: float, ended: int
) -> None:
    shop.stock(MUG=1)
    shop.hold("c1", hold_seconds=60, MUG=1)
    shop.pass_seconds(60 + seconds_over)
    assert await _sweep(async_ledger).run_if_due() == ended
    assert shop.figures("MUG").reserved == 1 - ended


async def test_a_sweep_says_who_ended_a_hold(shop: Shop, async_ledger: AsyncLedger) -> None:
    shop.stock(MUG=1)
    shop.hold("c1", hold_seconds=60, MUG=1)
    shop.pass_seconds(100)
    await _sweep(async_ledger).run_if_due()
    (row,) = shop.sql("SELECT status, reason, actor FROM holdfast.reservations")
    assert tuple(row) == ("expired", OVERDUE, "sweep")


async def test_a_sweep_comes_at_most_once_an_interval(
    shop: Shop, async_ledger: AsyncLedger
) -> None:
    shop.stock(MUG=2)
    sweep = _sweep(async_ledger, interval_seconds=3_600)
    shop.hold("c1", hold_seconds=60, MUG=1)
    shop.pass_seconds(100)
    assert await sweep.run_if_due() == 1
    shop.hold("c2", hold_seconds=60, MUG=1)
    shop.pass_seconds(100)
    assert await sweep.run_if_due() == 0
    assert shop.figures("MUG").reserved == 1


async def test_a_sweep_ends_so_many_batches_and_leaves_the_rest_to_the_next(
    shop: Shop, async_ledger: AsyncLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overdue_sweep, "BATCH_SIZE_MAX", 3)
    batch_of_three = partial(async_ledger.expire_overdue, batch_size_max=3)
    monkeypatch.setattr(async_ledger, "expire_overdue", batch_of_three)
    shop.stock(MUG=10)
    for number in range(10):
        shop.hold(f"c{number}", hold_seconds=60, MUG=1)
    shop.pass_seconds(100)
    sweep = _sweep(async_ledger)
    assert [await sweep.run_if_due() for _ in range(3)] == [3 * SWEEP_BATCHES_MAX, 4, 0]
    assert shop.ledger.audit() == ()


async def test_of_many_who_come_at_once_one_sweeps(shop: Shop, async_ledger: AsyncLedger) -> None:
    shop.stock(MUG=20)
    for number in range(20):
        shop.hold(f"c{number}", hold_seconds=60, MUG=1)
    shop.pass_seconds(100)
    sweep = _sweep(async_ledger, interval_seconds=3_600)
    ended = await asyncio.gather(*(sweep.run_if_due() for _ in range(20)))
    assert sorted(ended) == [0] * 19 + [20]


async def test_a_sweep_that_fails_is_nobodys_failure_and_the_next_one_sweeps(
    shop: Shop, async_ledger: AsyncLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.stock(MUG=1)
    shop.hold("c1", hold_seconds=60, MUG=1)
    shop.pass_seconds(100)
    sweep = _sweep(async_ledger)

    def unavailable(*_: object, **__: object) -> int:
        raise LedgerUnavailable("the database gave up")

    with monkeypatch.context() as outage:
        outage.setattr(ledger_operations, "expire_overdue", unavailable)
        assert await sweep.run_if_due() == 0
    assert await sweep.run_if_due() == 1


async def test_a_sweep_passes_over_what_somebody_is_just_confirming(
    shop: Shop, async_ledger: AsyncLedger
) -> None:
    shop.stock(MUG=5)
    shop.hold("c1", hold_seconds=60, MUG=1)
    shop.hold("c2", hold_seconds=60, MUG=1)
    shop.pass_seconds(100)
    with shop.engine.begin() as stranger:
        stranger.execute(
            text("SELECT 1 FROM holdfast.reservations WHERE checkout_id = 'c1' FOR UPDATE")
        )
        assert await _sweep(async_ledger).run_if_due() == 1
    assert (shop.status("c1"), shop.status("c2")) == ("held", "expired")
    assert shop.fulfil("c1").status == "fulfilled"
