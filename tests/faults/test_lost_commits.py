"""A commit of which nobody hears: made or not, asking again gives one answer and one change."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from tests.faults.lines import behind, proxy_to
from tests.faults.proxy import Lost, Proxy
from tests.inventory.databases import fresh_database
from tests.workflows.stage import Stage, at_work, open_stage
from tests.workflows.till import moment


@dataclass(frozen=True)
class Scene:
    """A worker that reaches its database through a proxy."""

    stage: Stage
    proxy: Proxy


@pytest.fixture(scope="module")
async def scene(postgres_url: str, template: str, temporal_address: str) -> AsyncIterator[Scene]:
    with fresh_database(postgres_url, template) as url, proxy_to(url) as proxy:
        async with (
            open_stage(url, temporal_address, "lost-commits") as stage,
            at_work(behind(proxy, stage)),
        ):
            yield Scene(stage, proxy)


each_loss = pytest.mark.parametrize("lost", ["answer", "request"])


@each_loss
async def test_a_reserve_is_made_once(scene: Scene, unique: str, lost: Lost):
    sku, losses = scene.stage.stock(unique, 5), scene.proxy.lost
    scene.proxy.lose_next_commit(lost)
    assert (await scene.stage.till.reserve(unique, {sku: 2}))["status"] == "held"
    assert scene.proxy.lost == losses + 1
    assert scene.stage.shop.movements(unique) == [("reserve", 0, 2)]


@each_loss
async def test_a_denial_stays_a_denial(scene: Scene, unique: str, lost: Lost):
    sku, losses = scene.stage.stock(unique, 1), scene.proxy.lost
    scene.proxy.lose_next_commit(lost, in_transactions_only=True)
    assert (await scene.stage.till.reserve(unique, {sku: 2}))["status"] == "denied"
    assert scene.proxy.lost == losses + 1
    assert scene.stage.shop.status(unique) == "denied"


@each_loss
async def test_a_payment_sells_once(scene: Scene, unique: str, lost: Lost):
    till, sku, losses = scene.stage.till, scene.stage.stock(unique, 5), scene.proxy.lost
    await till.reserve(unique, {sku: 2})
    scene.proxy.lose_next_commit(lost)
    answer = await till.confirm(unique)
    assert scene.proxy.lost == losses + 1
    assert answer["status"] == "fulfilled"
    assert await till.result(unique) == answer
    assert scene.stage.shop.movements(unique) == [("reserve", 0, 2), ("fulfil", -2, -2)]
    assert scene.stage.shop.figures(sku) == (3, 0, 3)


@each_loss
async def test_a_cancellation_gives_back_once(scene: Scene, unique: str, lost: Lost):
    till, sku, losses = scene.stage.till, scene.stage.stock(unique, 5), scene.proxy.lost
    await till.reserve(unique, {sku: 2})
    scene.proxy.lose_next_commit(lost)
    answer = await till.cancel(unique)
    assert scene.proxy.lost == losses + 1
    assert answer["status"] == "cancelled"
    assert scene.stage.shop.movements(unique) == [("reserve", 0, 2), ("cancel", 0, -2)]
    assert scene.stage.shop.figures(sku) == (5, 0, 5)


@each_loss
async def test_an_expiry_is_made_once(scene: Scene, unique: str, lost: Lost):
    till, sku, losses = scene.stage.till, scene.stage.stock(unique, 5), scene.proxy.lost
    # The loss must lie in wait before the timer rings, or it would meet the next test.
    await till.reserve(unique, {sku: 2}, hold_seconds=10)
    scene.proxy.lose_next_commit(lost)
    assert (await till.result(unique))["status"] == "expired"
    assert scene.proxy.lost == losses + 1
    assert scene.stage.shop.movements(unique) == [("reserve", 0, 2), ("expire", 0, -2)]


@each_loss
async def test_an_extension_moves_the_deadline_once(scene: Scene, unique: str, lost: Lost):
    till, sku, losses = scene.stage.till, scene.stage.stock(unique, 5), scene.proxy.lost
    held = await till.reserve(unique, {sku: 2})
    scene.proxy.lose_next_commit(lost)
    extended = await till.extend(unique, 600)
    assert scene.proxy.lost == losses + 1
    moved = moment(extended["expires_at"]) - moment(held["expires_at"])
    assert moved.total_seconds() == 600
    await till.cancel(unique)


@each_loss
async def test_a_delivery_counts_once(scene: Scene, unique: str, lost: Lost):
    sku, losses = scene.stage.stock(unique, 5), scene.proxy.lost
    scene.proxy.lose_next_commit(lost)
    result = await scene.stage.client.execute_workflow(
        "AdjustStockWorkflow",
        {"adjustment_id": unique, "sku": sku, "kind": "receive", "quantity": 7},
        id=f"stock/{unique}",
        task_queue=scene.stage.till.task_queue,
    )
    assert scene.proxy.lost == losses + 1
    assert (result["status"], result["total"]) == ("applied", 12)
    assert scene.stage.shop.figures(sku) == (12, 0, 12)
    assert scene.stage.ledger.audit() == ()
