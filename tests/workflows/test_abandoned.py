"""Workers that were away for long: what nobody waits for any more holds nothing."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from tests.limits import HANG_SECONDS
from tests.workflows.histories import details_of, failed_tasks_of
from tests.workflows.stage import Stage, at_work
from tests.workflows.test_resets import reset
from workflows import policies

SHORT = timedelta(seconds=0.3)


@pytest.fixture
def short_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shoppers who are gone after a moment, so that no test waits for ten seconds."""
    monkeypatch.setattr(policies, "RESERVE_BUDGET", SHORT)


async def _gone(stage: Stage, checkout_id: str, sku: str) -> None:
    """Start a checkout and wait until its shopper is gone; no worker is there."""
    await stage.till.start(checkout_id, {sku: 2})
    await asyncio.sleep(2 * SHORT.total_seconds())


@pytest.mark.usefixtures("short_budget")
async def test_a_checkout_whose_shopper_is_gone_holds_nothing(idle_stage: Stage, unique: str):
    till, sku = idle_stage.till, idle_stage.stock(unique, 5)
    await _gone(idle_stage, unique, sku)
    async with at_work(idle_stage):
        assert await till.result(unique) == {"status": "unavailable"}
        assert "nobody waited for the decision any more" in await details_of(till.handle(unique))
        assert not await failed_tasks_of(till.handle(unique))
    assert idle_stage.shop.figures(sku) == (5, 0, 5)
    assert idle_stage.shop.status(unique) == "expired"


async def test_within_the_budget_it_is_held(
    idle_stage: Stage, unique: str, monkeypatch: pytest.MonkeyPatch
):
    """The control: the budget alone makes the difference."""
    # Enough for a busy machine to begin a worker.
    monkeypatch.setattr(policies, "RESERVE_BUDGET", timedelta(seconds=HANG_SECONDS))
    till, sku = idle_stage.till, idle_stage.stock(unique, 5)
    await _gone(idle_stage, unique, sku)
    async with at_work(idle_stage):
        assert (await till.reserve(unique, {sku: 2}))["status"] == "held"


async def test_a_reset_of_an_old_hold_leaves_it_held(
    idle_stage: Stage, unique: str, monkeypatch: pytest.MonkeyPatch
):
    till, sku = idle_stage.till, idle_stage.stock(unique, 5)
    async with at_work(idle_stage):
        held = await till.reserve(unique, {sku: 2})
    monkeypatch.setattr(policies, "RESERVE_BUDGET", timedelta(0))
    async with at_work(idle_stage):
        await reset(idle_stage, unique)
        assert await till.reserve(unique, {sku: 2}) == held
        assert (await till.confirm(unique))["status"] == "fulfilled"
    assert idle_stage.shop.figures(sku) == (3, 0, 3)


@pytest.mark.usefixtures("short_budget")
async def test_a_cancellation_that_waits_goes_before_it(idle_stage: Stage, unique: str):
    till, sku = idle_stage.till, idle_stage.stock(unique, 5)
    await _gone(idle_stage, unique, sku)
    await till.signal(unique, "cancel", {"reason": "gone"})
    async with at_work(idle_stage):
        assert (await till.result(unique))["status"] == "cancelled"
