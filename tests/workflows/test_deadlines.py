"""Deadlines to the second: the database's clock decides, however early or late a timer is.

Time is skipped for one workflow at a time, and the database's clock is turned separately, so a
test can let either be ahead.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from temporalio.client import WorkflowHandle

from tests.workflows.histories import failed_tasks_of, kinds_of
from tests.workflows.stage import Stage
from tests.workflows.till import moment, refusal_of
from tests.workflows.waiting import until


async def test_a_hold_of_15_minutes_ends_after_15_minutes(own_stage: Stage, unique: str):
    till, sku = own_stage.till, own_stage.stock(unique, 5)
    held = await till.reserve(unique, {sku: 2}, hold_seconds=900)
    own_stage.turn_clock(900)
    await own_stage.pass_time(till.handle(unique), 900)
    result = await till.result(unique)
    assert result["status"] == "expired"
    assert moment(result["at"]) >= moment(held["expires_at"])
    assert own_stage.shop.figures(sku) == (5, 0, 5)


async def test_an_extended_hold_ends_at_its_new_deadline_and_not_at_the_old_one(
    own_stage: Stage, unique: str
):
    till, sku = own_stage.till, own_stage.stock(unique, 5)
    held = await till.reserve(unique, {sku: 2}, hold_seconds=900)
    await till.extend(unique, 600)
    own_stage.turn_clock(900)
    await own_stage.pass_time(till.handle(unique), 900)
    assert (await till.status(unique))["status"] == "held"
    own_stage.turn_clock(1_500)
    await own_stage.pass_time(till.handle(unique), 600)
    result = await till.result(unique)
    assert result["status"] == "expired"
    assert moment(result["at"]) >= moment(held["expires_at"]) + timedelta(seconds=600)


async def _waits_again(handle: WorkflowHandle[Any, Any]) -> bool:
    return (await kinds_of(handle)).count("TIMER_STARTED") == 2


async def test_a_timer_that_is_early_ends_nothing_and_waits_again(own_stage: Stage, unique: str):
    till, sku = own_stage.till, own_stage.stock(unique, 5)
    held = await till.reserve(unique, {sku: 2}, hold_seconds=900)
    handle = till.handle(unique)
    await own_stage.pass_time(handle, 901)
    await until(lambda: _waits_again(handle))
    report = await till.status(unique)
    assert (report["status"], report["expires_at"]) == ("held", held["expires_at"])
    assert own_stage.shop.figures(sku) == (5, 2, 3)
    own_stage.turn_clock(900)
    await own_stage.pass_time(handle, 900)
    assert (await till.result(unique))["status"] == "expired"
    assert not await failed_tasks_of(handle)


async def test_a_hold_extended_beside_its_workflow_is_waited_for(own_stage: Stage, unique: str):
    till, sku = own_stage.till, own_stage.stock(unique, 5)
    held = await till.reserve(unique, {sku: 2}, hold_seconds=900)
    later = moment(held["expires_at"]) + timedelta(seconds=300)
    own_stage.shop.extend(unique, later)
    own_stage.turn_clock(900)
    await own_stage.pass_time(till.handle(unique), 900)
    await until(lambda: _waits_again(till.handle(unique)))
    report = await till.status(unique)
    assert report["status"] == "held"
    assert moment(report["expires_at"]) == later


async def test_a_buyer_does_not_wait_for_a_timer_that_is_late(own_stage: Stage, unique: str):
    till, sku = own_stage.till, own_stage.stock(unique, 2)
    await till.reserve(unique, {sku: 2}, hold_seconds=900)
    own_stage.turn_clock(900)
    assert (await till.reserve(f"{unique}-next", {sku: 2}))["status"] == "held"
    assert own_stage.shop.status(unique) == "expired"


async def test_a_payment_after_the_hold_expired_is_told_so(own_stage: Stage, unique: str):
    till, sku = own_stage.till, own_stage.stock(unique, 2)
    await till.reserve(unique, {sku: 2}, hold_seconds=900)
    own_stage.turn_clock(900)
    await till.reserve(f"{unique}-next", {sku: 2})
    answer = await till.confirm(unique)
    assert answer["status"] == "expired"
    assert await till.result(unique) == answer
    assert "too late to be fulfilled" in await till.events(unique)


async def test_a_payment_a_moment_late_still_counts_while_nobody_took_the_stock(
    own_stage: Stage, unique: str
):
    till, sku = own_stage.till, own_stage.stock(unique, 2)
    await till.reserve(unique, {sku: 2}, hold_seconds=900)
    own_stage.turn_clock(901)
    assert (await till.confirm(unique))["status"] == "fulfilled"


async def test_an_extension_never_revives_a_hold_that_is_past_its_deadline(
    own_stage: Stage, unique: str
):
    till, sku = own_stage.till, own_stage.stock(unique, 2)
    await till.reserve(unique, {sku: 2}, hold_seconds=900)
    own_stage.turn_clock(901)
    assert (await refusal_of(till.extend(unique, 600))).type == "HoldNotActive"
    assert (await till.result(unique))["status"] == "expired"
