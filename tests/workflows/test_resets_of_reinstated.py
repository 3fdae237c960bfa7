"""A reset of a reinstated checkout: what its first attempt was told changes no later one."""

from __future__ import annotations

from typing import Any

import pytest

from tests.workflows.histories import kinds_of
from tests.workflows.stage import Stage
from tests.workflows.test_committed import line
from tests.workflows.test_resets import reset
from tests.workflows.test_settlement import pay, settle
from tests.workflows.till import Till
from tests.workflows.waiting import until


def expire(stage: Stage, checkout_id: str) -> None:
    """End a hold of which its workflow learns later, as the sweep does."""
    stage.shop.sql(
        "UPDATE holdfast.reservations SET expires_at = holdfast.clock() WHERE checkout_id = :id",
        id=checkout_id,
    )
    stage.shop.expire(checkout_id)


async def reinstated(till: Till, checkout_id: str) -> Any:
    message = {"payment_reference": f"pay-{checkout_id}", "settle": "commit", "late": "reinstate"}
    return await till.update(checkout_id, "confirm", message)


async def answered(till: Till, checkout_id: str, updates: int) -> None:
    """Wait until so many updates have their answers in the history of the last run."""

    async def are_told() -> bool:
        kinds = await kinds_of(till.handle(checkout_id))
        return kinds.count("WORKFLOW_EXECUTION_UPDATE_COMPLETED") >= updates

    await until(are_told)


async def test_what_was_made_of_the_first_attempt_is_not_made_of_the_second(
    stage: Stage, unique: str
):
    till, sku = stage.till, stage.stock(unique, 9)
    await till.reserve(unique, {sku: 3})
    await till.amend(unique, {sku: 4})
    await till.give_back(unique, {sku: 2})
    await till.extend(unique, 60)
    expire(stage, unique)
    paid = await reinstated(till, unique)
    assert (paid["lines"], paid["reinstated"]) == ([line(sku, 2)], True)
    movements = stage.shop.movements(unique)
    await reset(stage, unique)
    await answered(till, unique, 5)
    assert stage.shop.movements(unique) == movements
    assert (await till.status(unique))["lines"] == [line(sku, 2)]
    # What comes after that is of the second attempt.
    assert (await till.give_back(unique, {sku: 1}))["lines"] == [line(sku, 1)]
    assert (await till.ship(unique, "s-1"))["status"] == "fulfilled"
    assert stage.ledger.audit() == ()


async def test_a_cancellation_of_the_first_attempt_ends_no_later_one(stage: Stage, unique: str):
    till, sku = stage.till, stage.stock(unique, 9)
    await till.reserve(unique, {sku: 4})
    await till.give_back(unique, {sku: 1})
    expire(stage, unique)
    first = (await till.handle(unique).describe()).run_id
    assert (await till.cancel(unique))["status"] == "expired"
    assert (await till.result(unique))["status"] == "expired"
    paid = await pay(stage, unique, settle="commit", late="reinstate")
    assert (paid["status"], paid["reinstated"]) == ("committed", True)
    await reset(stage, unique, run_id=first)
    await answered(till, unique, 3)
    assert stage.shop.figures(sku) == (9, 3, 6)
    assert (await till.status(unique))["status"] == "committed"
    assert (await till.ship(unique, "s-1"))["status"] == "fulfilled"


@pytest.mark.parametrize("runs", ["first", "second"])
async def test_a_settled_cancellation_that_came_too_late_is_told_the_same_after_a_reset(
    stage: Stage, unique: str, runs: str
):
    till, sku = stage.till, stage.stock(unique, 9)
    await till.reserve(unique, {sku: 4})
    if runs == "second":
        await till.handle(unique).terminate("by hand")
    expire(stage, unique)
    told = await settle(stage, unique, "cancel", reason="gone", actor="sam")
    assert told["status"] == "expired"
    paid = await pay(stage, unique, settle="commit", late="reinstate")
    assert (paid["status"], paid["reinstated"]) == ("committed", True)
    settlement = f"settlement/{unique}/cancel-1"
    await reset(stage, unique, workflow_id=settlement)
    assert await stage.client.get_workflow_handle(settlement).result() == told
    assert stage.shop.figures(sku) == (9, 4, 5)
    assert (await till.status(unique))["status"] == "committed"
    assert (await till.ship(unique, "s-1"))["status"] == "fulfilled"
