"""A new checkout that takes over the units of an old one, whose workflow is told."""

from __future__ import annotations

import pytest
from temporalio import workflow

from holdfast_client.contract.messages import CheckoutRequest
from tests.workflows.histories import failed_tasks_of, kinds_of
from tests.workflows.stage import Stage, at_work
from tests.workflows.test_committed import line
from tests.workflows.test_resets import reset
from tests.workflows.till import failure_of, refusal_of, request
from workflows import ledger_task

CUSTOMER = {"customer_id": "u-17"}


async def test_the_old_one_ends_and_its_workflow_with_it(stage: Stage, unique: str):
    till, sku = stage.till, stage.stock(unique, 3)
    old, new = f"{unique}-old", f"{unique}-new"
    await till.reserve(old, {sku: 3}, **CUSTOMER)
    held = await till.reserve(new, {sku: 2}, supersedes=old, **CUSTOMER)
    assert (held["status"], held["lines"]) == ("held", [line(sku, 2)])
    result = await till.result(old)
    assert (result["status"], result["reason"]) == ("cancelled", f"superseded by {new}")
    assert result["superseded_by"] == new
    assert stage.shop.figures(sku) == (3, 2, 1)
    await till.confirm(new)
    for checkout_id in (old, new):
        assert not await failed_tasks_of(till.handle(checkout_id))


async def test_a_denied_one_leaves_the_old_one_held(stage: Stage, unique: str):
    till, sku = stage.till, stage.stock(unique, 3)
    old, new = f"{unique}-old", f"{unique}-new"
    held = await till.reserve(old, {sku: 3}, **CUSTOMER)
    assert (await till.reserve(new, {sku: 4}, supersedes=old, **CUSTOMER))["status"] == "denied"
    assert await till.reserve(old, {sku: 3}, **CUSTOMER) == held


async def test_somebody_elses_is_a_conflict(stage: Stage, unique: str):
    till, sku = stage.till, stage.stock(unique, 3)
    old, new = f"{unique}-old", f"{unique}-new"
    await till.reserve(old, {sku: 3}, customer_id="u-1")
    await till.start(new, {sku: 1}, supersedes=old, **CUSTOMER)
    failure = await failure_of(till.result(new))
    assert (failure.type, failure.details[0]) == ("CheckoutConflict", {"differs": ["supersedes"]})
    assert stage.shop.figures(sku) == (3, 3, 0)


async def test_that_the_old_workflow_is_gone_is_no_failure(stage: Stage, unique: str):
    till, sku = stage.till, stage.stock(unique, 3)
    old, new = f"{unique}-old", f"{unique}-new"
    await till.reserve(old, {sku: 3}, **CUSTOMER)
    await till.handle(old).terminate()
    held = await till.reserve(new, {sku: 3}, supersedes=old, **CUSTOMER)
    assert held["status"] == "held"
    assert (await till.confirm(new))["status"] == "fulfilled"
    assert not await failed_tasks_of(till.handle(new))


async def test_itself_cannot_be_superseded(stage: Stage, unique: str):
    till, sku = stage.till, stage.stock(unique, 3)
    await till.start(unique, {sku: 1}, supersedes=unique, **CUSTOMER)
    failure = await failure_of(till.result(unique))
    assert (failure.type, failure.details[0]) == ("InvalidRequest", "supersedes")


async def test_a_repeated_request_is_compared_with_what_it_supersedes(stage: Stage, unique: str):
    till, sku = stage.till, stage.stock(unique, 3)
    held = await till.reserve(unique, {sku: 1}, supersedes="nobody", **CUSTOMER)
    assert await till.reserve(unique, {sku: 1}, supersedes="nobody", **CUSTOMER) == held
    refusal = await refusal_of(till.reserve(unique, {sku: 1}, **CUSTOMER))
    assert refusal.details[0] == {"differs": ["supersedes"]}


async def test_a_reset_takes_nothing_over_again(stage: Stage, unique: str):
    till, sku = stage.till, stage.stock(unique, 3)
    old, new = f"{unique}-old", f"{unique}-new"
    await till.reserve(old, {sku: 3}, **CUSTOMER)
    held = await till.reserve(new, {sku: 2}, supersedes=old, **CUSTOMER)
    await till.result(old)
    await reset(stage, new)
    assert await till.reserve(new, {sku: 2}, supersedes=old, **CUSTOMER) == held
    assert stage.shop.figures(sku) == (3, 2, 1)
    assert (await till.confirm(new))["status"] == "fulfilled"
    assert await failed_tasks_of(till.handle(new)) == ["by hand"]


async def test_one_that_supersedes_nobody_tells_nobody(stage: Stage, unique: str):
    till, sku = stage.till, stage.stock(unique, 3)
    await till.reserve(unique, {sku: 1}, supersedes="nobody", **CUSTOMER)
    kinds = await kinds_of(till.handle(unique))
    assert not [kind for kind in kinds if kind.startswith("SIGNAL_EXTERNAL")]


async def test_the_old_workflow_is_told_though_the_worker_that_asked_died_and_nobody_waits(
    idle_stage: Stage, unique: str, monkeypatch: pytest.MonkeyPatch
):
    till, sku = idle_stage.till, idle_stage.stock(unique, 3)
    old, new = f"{unique}-old", f"{unique}-new"
    async with at_work(idle_stage):
        await till.reserve(old, {sku: 3}, **CUSTOMER)
    # It has the answer of the ledger, and Temporal never hears of it.
    wanted = request(new, {sku: 2}, supersedes=old, **CUSTOMER)
    idle_stage.ledger.reserve_alone(CheckoutRequest.model_validate(wanted))
    await till.start(new, {sku: 2}, supersedes=old, **CUSTOMER)
    monkeypatch.setattr(
        ledger_task, "is_awaited", lambda: workflow.info().workflow_id.endswith("-old")
    )
    async with at_work(idle_stage, sandboxed=False):
        assert (await till.result(old))["superseded_by"] == new
        assert (await till.status(new))["status"] == "held"
