"""CheckoutStatus is set only where a checkout is not as usual: what that costs, and finds."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from functools import partial
from typing import Final

import pytest

from holdfast_client import SummaryStatus
from holdfast_client.client import ReservationClient
from tests.limits import HANG_SECONDS
from tests.workflows.blockade import blockade
from tests.workflows.histories import kinds_of
from tests.workflows.stage import Stage, at_work
from tests.workflows.till import Till
from tests.workflows.waiting import until
from workflows import policies

# What Temporal's cloud bills of a history. A marker stands for the local activities of one task.
_BILLED: Final = (
    "WORKFLOW_EXECUTION_STARTED",
    "WORKFLOW_EXECUTION_UPDATE_ACCEPTED",
    "WORKFLOW_EXECUTION_SIGNALED",
    "MARKER_RECORDED",
    "ACTIVITY_TASK_SCHEDULED",
    "TIMER_STARTED",
    "UPSERT_WORKFLOW_SEARCH_ATTRIBUTES",
)


async def actions_of(till: Till, checkout_id: str) -> int:
    kinds = Counter(await kinds_of(till.handle(checkout_id)))
    return sum(kinds[each] for each in _BILLED)


async def status_of(till: Till, checkout_id: str) -> object:
    description = await till.handle(checkout_id).describe()
    pairs = {pair.key.name: pair.value for pair in description.typed_search_attributes}
    return pairs.get("CheckoutStatus")


def client_of(stage: Stage) -> ReservationClient:
    return ReservationClient(
        stage.client, task_queue=stage.till.task_queue, answer_timeout_seconds=HANG_SECONDS
    )


@pytest.fixture
async def patient_stage(idle_stage: Stage, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    """A stage where a reserve waits for the database as long as the test takes."""
    for budget in ("RESERVE_RETRY_BUDGET", "RESERVE_GUARD"):
        monkeypatch.setattr(policies, budget, timedelta(seconds=HANG_SECONDS))
    async with at_work(idle_stage, sandboxed=False):
        yield idle_stage


async def test_what_a_paid_checkout_costs(stage: Stage, unique: str):
    client = client_of(stage)
    await client.reserve(unique, [(stage.stock(unique, 5), 1)], customer_id="u-1")
    await client.confirm(unique, f"pay-{unique}")
    await stage.till.result(unique)
    assert await actions_of(stage.till, unique) == 6
    assert await status_of(stage.till, unique) is None


async def test_what_a_denied_checkout_costs(stage: Stage, unique: str):
    await client_of(stage).reserve(unique, [(stage.stock(unique, 5), 6)])
    await stage.till.result(unique)
    assert await actions_of(stage.till, unique) == 4
    assert await status_of(stage.till, unique) == "denied"


async def test_what_an_abandoned_checkout_costs(stage: Stage, unique: str):
    await client_of(stage).reserve(unique, [(stage.stock(unique, 5), 1)], hold_seconds=1)
    await stage.till.result(unique)
    assert await actions_of(stage.till, unique) == 6
    assert await status_of(stage.till, unique) == "expired"


async def test_what_a_checkout_costs_that_is_committed_and_shipped_in_one(
    stage: Stage, unique: str
):
    await client_of(stage).reserve(unique, [(stage.stock(unique, 5), 1)])
    await stage.till.commit(unique)
    assert await status_of(stage.till, unique) == "committed"
    await stage.till.ship(unique, "s-1")
    await stage.till.result(unique)
    assert await actions_of(stage.till, unique) == 9
    # To take it back would cost one more, and it is found all the same.
    assert await status_of(stage.till, unique) == "committed"


async def test_it_says_pending_while_the_database_is_slow_and_no_longer_once_it_is_held(
    patient_stage: Stage, unique: str
):
    stage, client = patient_stage, client_of(patient_stage)
    sku = stage.stock(unique, 5)
    with blockade(stage.shop, sku) as block:
        reserve = asyncio.create_task(client.reserve(unique, [(sku, 1)]))
        await block.until_waiting()
        await until(lambda: _is_shown(stage, unique, "pending"))
        await until(lambda: _are_listed(client, sku, "pending", [unique]))
        assert await client.list(sku=sku, status="held") == []
        block.lift()
        assert (await reserve).status == "held"
    assert await status_of(stage.till, unique) is None
    await until(lambda: _are_listed(client, sku, "held", [unique]))


async def test_each_is_listed_where_it_stands_and_nowhere_else(stage: Stage, unique: str):
    client, sku = client_of(stage), stage.stock(unique, 10)
    ids: dict[SummaryStatus, str] = {
        status: f"{unique}-{status}"
        for status in ("held", "committed", "fulfilled", "cancelled", "denied", "expired")
    }
    for status, id in ids.items():
        quantity, seconds = (99 if status == "denied" else 1), (1 if status == "expired" else 900)
        await client.reserve(id, [(sku, quantity)], hold_seconds=seconds)
    shipped, gone = f"{unique}-shipped", f"{unique}-gone"
    for id in (shipped, gone):
        await client.reserve(id, [(sku, 1)])
    for id in (ids["committed"], shipped):
        await stage.till.commit(id, f"pay-{id}")
    await stage.till.ship(shipped, "s-1")
    await client.confirm(ids["fulfilled"], f"pay-{unique}")
    await client.cancel(ids["cancelled"])
    await stage.till.handle(gone).terminate("by support")
    await stage.till.result(ids["expired"])
    wanted: dict[SummaryStatus, list[str]] = {status: [id] for status, id in ids.items()}
    wanted |= {"fulfilled": [ids["fulfilled"], shipped], "interrupted": [gone], "pending": []}
    for status, found in wanted.items():
        await until(partial(_are_listed, client, sku, status, found))
    assert len(await client.list(sku=sku)) == len(ids) + 2


async def test_one_that_no_worker_has_taken_is_pending_and_not_held(idle_stage: Stage, unique: str):
    await idle_stage.client.start_workflow(
        "CheckoutWorkflow",
        {"checkout_id": unique, "lines": [{"sku": "MUG", "quantity": 1}]},
        id=f"checkout/{unique}",
        task_queue=f"nobody-{unique}",
    )
    client = client_of(idle_stage)

    async def listed(status: SummaryStatus | None) -> list[str]:
        rows = await client.list(status=status, limit=100)
        return [row.status for row in rows if row.checkout_id == unique]

    for status in (None, "pending"):
        assert await until(partial(listed, status)) == ["pending"]
    assert await listed("held") == []


async def _is_shown(stage: Stage, checkout_id: str, status: str) -> bool:
    return await status_of(stage.till, checkout_id) == status


async def _are_listed(
    client: ReservationClient, sku: str, status: SummaryStatus, ids: Sequence[str]
) -> bool:
    rows = await client.list(sku=sku, status=status)
    return sorted((row.checkout_id, row.status) for row in rows) == sorted(
        (id, status) for id in ids
    )
