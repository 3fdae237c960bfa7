"""Workers of two releases on one task queue: every checkout ends as it should.

The steps are those of docs/versioning.md: a release that has learned the new way but does not begin
it, one that begins it, one that has forgotten the old way. Where a checkout is handed over, the
worker that had it stops, and the next one does its task from the history alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from temporalio.worker import PatchActivationInput, UnsandboxedWorkflowRunner

from tests.histories.changed import PAUSE, PatchedCheckout, SettledCheckout
from tests.histories.test_committed import OTHERS, replay
from tests.limits import HANG_SECONDS
from tests.workflows.histories import events_of, failed_tasks_of, kind, kinds_of
from tests.workflows.stage import Stage, open_stage
from tests.workflows.till import Till
from tests.workflows.waiting import until
from worker.composition import WORKFLOWS, build_worker, working_ledger
from worker.temporal import connect_temporal
from workflows import patches, policies

ROUNDS = 4


@dataclass(frozen=True)
class Release:
    """What the workers of one release do.

    Args:
        workflows: its code.
        learned: changes that it knows and does not begin.
    """

    workflows: Sequence[type]
    learned: frozenset[str] = frozenset()


BEFORE = Release(WORKFLOWS)
LEARNING = Release((PatchedCheckout, *OTHERS), frozenset({PAUSE}))
MAKING = Release((PatchedCheckout, *OTHERS))
SETTLED = Release((SettledCheckout, *OTHERS))


@pytest.fixture
async def rollout(
    package_database_url: str, temporal_address: str, unique: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Stage]:
    """A stage without a worker, on a task queue that says that its histories are not ours.

    Its shoppers wait for as long as a busy machine takes for two workers.
    """
    monkeypatch.setattr(policies, "RESERVE_BUDGET", timedelta(seconds=HANG_SECONDS))
    async with open_stage(package_database_url, temporal_address, f"changed-{unique}") as stage:
        yield stage


@asynccontextmanager
async def at_work(stage: Stage, release: Release) -> AsyncIterator[None]:
    def makes_change(change: PatchActivationInput) -> bool:
        return change.patch_id not in release.learned

    client = await connect_temporal(stage.client.service_client.config.target_host)
    async with (
        working_ledger(stage.settings) as ledger,
        build_worker(
            client,
            ledger,
            stage.settings,
            task_queue=stage.till.task_queue,
            workflow_runner=UnsandboxedWorkflowRunner(),
            workflows=release.workflows,
            makes_change=makes_change,
        ),
    ):
        yield


async def takes_the_new_way(till: Till, checkout_id: str) -> bool:
    """Say whether a checkout's history says that it goes the new way."""
    return any(
        kind(event) == "MARKER_RECORDED"
        and event.marker_recorded_event_attributes.marker_name == "core_patch"
        for event in await events_of(till.handle(checkout_id))
    )


async def shop_around(stage: Stage, prefix: str, sku: str) -> list[str]:
    """Live through every ending at once; return the checkouts."""
    till = stage.till
    ids = {way: f"{prefix}-{way}" for way in ("paid", "cancelled", "signalled", "expired")}
    await asyncio.gather(
        *(
            till.reserve(id, {sku: 1}, hold_seconds=1 if way == "expired" else 900)
            for way, id in ids.items()
        )
    )
    await till.extend(ids["paid"], 60)
    await till.signal(ids["signalled"], "cancel", {})
    await asyncio.gather(till.confirm(ids["paid"]), till.cancel(ids["cancelled"]))
    endings = {way: (await till.result(id))["status"] for way, id in ids.items()}
    assert endings == {
        "paid": "fulfilled",
        "cancelled": "cancelled",
        "signalled": "cancelled",
        "expired": "expired",
    }
    return list(ids.values())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(BEFORE, LEARNING, id="a release that learns the change beside the one before"),
        pytest.param(LEARNING, MAKING, id="a release that makes it beside the one that learned it"),
        pytest.param(
            MAKING, SETTLED, id="a release without the old way beside the one that made it"
        ),
    ],
)
async def test_two_releases_side_by_side_finish_every_checkout_and_fail_no_task(
    rollout: Stage, unique: str, old: Release, new: Release
):
    sku = rollout.stock(unique, 100)
    async with at_work(rollout, old), at_work(rollout, new):
        rounds = [shop_around(rollout, f"{unique}-{number}", sku) for number in range(ROUNDS)]
        ids = [id for several in await asyncio.gather(*rounds) for id in several]
    for checkout_id in ids:
        assert not await failed_tasks_of(rollout.till.handle(checkout_id))
    assert rollout.shop.figures(sku) == (100 - ROUNDS, 0, 100 - ROUNDS)


@pytest.mark.parametrize(
    ("old", "new"), [(BEFORE, LEARNING), (LEARNING, MAKING), (MAKING, SETTLED)]
)
async def test_a_checkout_is_handed_from_release_to_release_and_back(
    rollout: Stage, unique: str, old: Release, new: Release
):
    till, sku = rollout.till, rollout.stock(unique, 5)
    for first, second, checkout_id in ((old, new, f"{unique}-on"), (new, old, f"{unique}-back")):
        async with at_work(rollout, first):
            await till.reserve(checkout_id, {sku: 1})
        async with at_work(rollout, second):
            await till.extend(checkout_id, 60)
        async with at_work(rollout, first):
            assert (await till.confirm(checkout_id))["status"] == "fulfilled"
        async with at_work(rollout, second):
            assert (await till.status(checkout_id))["status"] == "fulfilled"
        assert not await failed_tasks_of(till.handle(checkout_id))
    assert rollout.shop.figures(sku) == (3, 0, 3)


async def test_a_checkout_goes_the_way_of_the_release_that_it_began_under(
    rollout: Stage, unique: str
):
    till, sku = rollout.till, rollout.stock(unique, 5)
    ids = {BEFORE: f"{unique}-0", LEARNING: f"{unique}-1", MAKING: f"{unique}-2"}
    for release, checkout_id in ids.items():
        async with at_work(rollout, release):
            await till.reserve(checkout_id, {sku: 1})
    async with at_work(rollout, MAKING):
        for checkout_id in ids.values():
            await till.confirm(checkout_id)
            await till.result(checkout_id)
    ways = [await takes_the_new_way(till, checkout_id) for checkout_id in ids.values()]
    assert ways == [False, False, True]
    for checkout_id in ids.values():
        await replay(await till.handle(checkout_id).fetch_history(), PatchedCheckout)


async def test_without_the_learning_release_tasks_fail_until_a_new_worker_gets_them(
    rollout: Stage, unique: str
):
    """Why there are two steps. Nothing is lost even so."""
    till, sku = rollout.till, rollout.stock(unique, 5)
    handle = till.handle(unique)
    async with at_work(rollout, MAKING):
        await till.reserve(unique, {sku: 1})
    async with at_work(rollout, BEFORE):
        await till.signal(unique, "cancel", {})
        await until(lambda: _failed_a_task(handle))
    async with at_work(rollout, MAKING):
        assert (await till.result(unique))["status"] == "cancelled"
    assert rollout.shop.figures(sku) == (5, 0, 5)


async def _failed_a_task(handle: Any) -> bool:
    return "WORKFLOW_TASK_FAILED" in await kinds_of(handle)


def test_this_release_begins_every_change_that_it_does_not_only_know():
    assert frozenset() == patches.LEARNED
