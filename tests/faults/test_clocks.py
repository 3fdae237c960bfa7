"""The database's clock and the worker's are ten minutes apart: a hold lasts as long as asked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, Final

import pytest

from tests.workflows.stage import Stage, at_work
from tests.workflows.till import moment, refusal_of

APART_SECONDS: Final = 600
# How much later than its deadline a hold may end on a machine that is busy with the whole suite.
LATE_SECONDS_MAX: Final = 30

either_way = pytest.mark.parametrize(
    "apart_seconds",
    [
        pytest.param(APART_SECONDS, id="the database is ahead"),
        pytest.param(-APART_SECONDS, id="the database is behind"),
    ],
)


@pytest.fixture
async def skewed(stage: Stage, apart_seconds: int) -> AsyncIterator[Stage]:
    stage.turn_clock(apart_seconds)
    async with at_work(stage):
        yield stage


def _lasted(stage: Stage, checkout_id: str) -> timedelta:
    (row,) = stage.shop.sql(
        "SELECT closed_at - created_at AS lasted FROM holdfast.reservations "
        "WHERE checkout_id = :id",
        id=checkout_id,
    )
    lasted: timedelta = row.lasted
    return lasted


@either_way
async def test_a_hold_ends_by_its_own_timer_after_the_time_asked_for(skewed: Stage, unique: str):
    sku = skewed.stock(unique, 5)
    await skewed.till.reserve(unique, {sku: 2}, hold_seconds=2)
    assert (await skewed.till.result(unique))["status"] == "expired"
    asked = timedelta(seconds=2)
    assert asked <= _lasted(skewed, unique) <= asked + timedelta(seconds=LATE_SECONDS_MAX)
    assert skewed.shop.figures(sku) == (5, 0, 5)


@either_way
async def test_an_extended_hold_ends_at_its_new_deadline(skewed: Stage, unique: str):
    sku = skewed.stock(unique, 5)
    # Long enough for a busy machine to extend it before that.
    held = await skewed.till.reserve(unique, {sku: 2}, hold_seconds=10)
    extended = await skewed.till.extend(unique, 1)
    assert moment(extended["expires_at"]) == moment(held["expires_at"]) + timedelta(seconds=1)
    assert (await skewed.till.result(unique))["status"] == "expired"
    asked = timedelta(seconds=11)
    assert asked <= _lasted(skewed, unique) <= asked + timedelta(seconds=LATE_SECONDS_MAX)


@either_way
async def test_a_live_hold_is_paid_extended_and_left_alone_by_the_reconciler(
    skewed: Stage, unique: str
):
    sku = skewed.stock(unique, 5)
    await skewed.till.reserve(unique, {sku: 2}, hold_seconds=60)
    result: Any = await skewed.client.execute_workflow(
        "ReconcileWorkflow",
        {"grace_seconds": 0},
        id=f"reconcile-{unique}",
        task_queue=skewed.till.task_queue,
    )
    assert result == {"released": 0, "overdue": 0, "drift": []}
    await skewed.till.extend(unique, 60)
    assert (await skewed.till.confirm(unique))["status"] == "fulfilled"
    assert skewed.shop.figures(sku) == (3, 0, 3)


@either_way
async def test_a_hold_past_its_deadline_is_never_revived_and_makes_way_for_the_next_buyer(
    skewed: Stage, unique: str, apart_seconds: int
):
    sku = skewed.stock(unique, 2)
    await skewed.till.reserve(unique, {sku: 2}, hold_seconds=900)
    skewed.turn_clock(apart_seconds + 900)
    assert (await refusal_of(skewed.till.extend(unique, 600))).type == "HoldNotActive"
    assert (await skewed.till.reserve(f"{unique}-next", {sku: 2}))["status"] == "held"
    assert skewed.shop.status(unique) == "expired"
