"""A checkout begins anew while the database is away: what was decided before stands."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from tests.workflows.stage import Stage, at_work
from tests.workflows.test_resets import reset
from tests.workflows.waiting import until
from workflows import policies


@pytest.fixture
def short_budgets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policies, "LOCAL_TRY_BUDGET", timedelta(seconds=0.5))
    monkeypatch.setattr(policies, "RESERVE_RETRY_BUDGET", timedelta(seconds=0.5))


@pytest.fixture
async def stage(idle_stage: Stage, short_budgets: None) -> AsyncIterator[Stage]:
    async with at_work(idle_stage, sandboxed=False):
        yield idle_stage


@contextmanager
def without_tables(stage: Stage) -> Iterator[None]:
    """The database does not answer: its tables have another name meanwhile."""
    stage.shop.sql("ALTER SCHEMA holdfast RENAME TO away")
    try:
        yield
    finally:
        stage.shop.sql("ALTER SCHEMA away RENAME TO holdfast")


async def begin_anew_by_reset(stage: Stage, checkout_id: str, sku: str) -> None:
    await reset(stage, checkout_id)


async def begin_anew_under_its_id(stage: Stage, checkout_id: str, sku: str) -> None:
    await stage.till.handle(checkout_id).terminate("by hand")
    await stage.till.start(checkout_id, {sku: 2})


Begin = Callable[[Stage, str, str], Awaitable[None]]


@pytest.mark.parametrize("begin_anew", [begin_anew_by_reset, begin_anew_under_its_id])
@pytest.mark.parametrize("is_old", [False, True])
async def test_a_paid_checkout_that_begins_anew_without_a_database_stays_paid(
    stage: Stage, unique: str, monkeypatch: pytest.MonkeyPatch, begin_anew: Begin, is_old: bool
):
    till, sku = stage.till, stage.stock(unique, 5)
    await till.reserve(unique, {sku: 2})
    await till.commit(unique)
    if is_old:
        monkeypatch.setattr(policies, "RESERVE_BUDGET", timedelta(0))
    with without_tables(stage):
        await begin_anew(stage, unique, sku)
        await until(lambda: _is_waiting(stage, unique))
    await until(lambda: _stands(stage, unique, "committed"))
    assert stage.shop.status(unique) == "committed"
    assert stage.shop.payment(f"pay-{unique}") == (unique, "settled", "")
    await till.ship(unique, "s-1")
    assert (await till.result(unique))["status"] == "fulfilled"
    assert stage.shop.figures(sku) == (3, 0, 3)
    # Who comes when nobody waits any more gives nothing up.
    assert ("unavailable" in await till.events(unique)) is not is_old


async def _is_waiting(stage: Stage, checkout_id: str) -> bool:
    """Say whether the checkout waits for the database, as long as it takes."""
    described = await stage.till.handle(checkout_id).describe()
    names = {a.activity_type.name for a in described.raw_description.pending_activities}
    return bool(names & {"abandon", "release"})


async def _stands(stage: Stage, checkout_id: str, status: str) -> bool:
    return bool((await stage.till.status(checkout_id))["status"] == status)
