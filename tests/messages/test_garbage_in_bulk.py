"""Thousands of bad messages through a real worker, and none of them does anything.

6,800 cases: 3,600 signals, 2,000 updates, 1,000 queries and 200 starts. Another 12,000 go through
the same workflow code without a server, in `test_garbage_in_process`.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import pytest

from tests.messages.crowd import (
    UPDATES_IN_FLIGHT_MAX,
    answer_of,
    at_once,
    failed_tasks_of_all_runs,
)
from tests.messages.mutations import (
    MODELS,
    SIGNALS,
    STARTS,
    UPDATES,
    bad_messages,
    longest,
)
from tests.workflows.histories import details_of
from tests.workflows.stage import Stage, at_work, open_stage
from tests.workflows.till import failure_of
from tests.workflows.waiting import queried, until

SEED = 8
CHECKOUTS = 4
SIGNALS_SENT, UPDATES_SENT, QUERIES_SENT, STARTS_SENT = 3_600, 2_000, 1_000, 200
SENDERS = 50
STARTERS = 16
# With these one history is longer than Temporal's own suggestion to go on in a new one (4 MiB).
MEGABYTES_SENT = 12


@pytest.fixture
async def victims(stage: Stage, unique: str) -> list[str]:
    """Held checkouts that will get it all."""
    ids = [f"{unique}-{number}" for number in range(CHECKOUTS)]
    for checkout_id in ids:
        await stage.till.reserve(checkout_id, {stage.stock(checkout_id, 5): 2})
    return ids


async def is_unharmed(stage: Stage, checkout_id: str) -> bool:
    """Say whether a checkout is held as before, failed no task, and can still be paid."""
    report = await stage.till.status(checkout_id)
    assert report["status"] == "held"
    assert stage.shop.figures(checkout_id) == (5, 2, 3)
    assert not await failed_tasks_of_all_runs(stage.client, f"checkout/{checkout_id}")
    assert (await stage.till.confirm(checkout_id))["status"] == "fulfilled"
    assert stage.shop.figures(checkout_id) == (3, 0, 3)
    return True


async def noted(stage: Stage, checkout_id: str) -> int:
    """Return how many signals a checkout has noted as bad, by its details in the Web UI.

    That shows the last twenty entries and says how many came before; the very first is the hold.
    """
    details = await details_of(stage.till.handle(checkout_id))
    earlier = re.search(r"after ([0-9,]+) earlier", details)
    shown = details.count("signal ignored")
    return shown + (int(earlier[1].replace(",", "")) - 1 if earlier else 0)


async def test_bad_signals_by_the_thousand_change_nothing(stage: Stage, victims: list[str]):
    cases = enumerate(bad_messages(SEED, SIGNALS, SIGNALS_SENT))

    async def send(case: tuple[int, tuple[str, list[Any]]]) -> None:
        number, (name, arguments) = case
        await stage.till.handle(victims[number % CHECKOUTS]).signal(name, args=arguments)

    await at_once(SENDERS, cases, send)
    for checkout_id in victims:
        await until(partial(_is_noted, stage, checkout_id, SIGNALS_SENT // CHECKOUTS))
        assert await is_unharmed(stage, checkout_id)


async def test_bad_updates_by_the_thousand_are_each_refused(stage: Stage, victims: list[str]):
    cases = enumerate(bad_messages(SEED + 1, UPDATES, UPDATES_SENT))

    async def send(case: tuple[int, tuple[str, list[Any]]]) -> Any:
        number, (name, arguments) = case
        handle = stage.till.handle(victims[number % CHECKOUTS])
        return await answer_of(handle, name, arguments, f"bad-{number}")

    answers = await at_once(CHECKOUTS * UPDATES_IN_FLIGHT_MAX // 2, cases, send)
    assert answers == ["InvalidRequest"] * UPDATES_SENT
    for checkout_id in victims:
        assert await is_unharmed(stage, checkout_id)


async def test_a_query_is_answered_by_the_thousand_whatever_it_carries(
    stage: Stage, victims: list[str]
):
    cases = enumerate(bad_messages(SEED + 2, UPDATES, QUERIES_SENT))

    async def send(case: tuple[int, tuple[str, list[Any]]]) -> Any:
        number, (_, arguments) = case
        handle = stage.till.handle(victims[number % CHECKOUTS])
        return (await queried(handle, args=arguments))["status"]

    assert await at_once(SENDERS, cases, send) == ["held"] * QUERIES_SENT
    for checkout_id in victims:
        assert await is_unharmed(stage, checkout_id)


async def test_bad_starts_by_the_hundred_fail_at_once_and_say_why(stage: Stage, unique: str):
    cases = enumerate(bad_messages(SEED + 3, STARTS, STARTS_SENT))

    async def send(case: tuple[int, tuple[str, list[Any]]]) -> Any:
        number, (name, arguments) = case
        workflow_id = f"checkout/{unique}-{number}"
        handle = await stage.client.start_workflow(
            name, args=arguments, id=workflow_id, task_queue=stage.till.task_queue
        )
        failure = await failure_of(handle.result())
        return failure.type, await failed_tasks_of_all_runs(stage.client, workflow_id)

    assert await at_once(STARTERS, cases, send) == [("InvalidRequest", [])] * STARTS_SENT


@pytest.mark.parametrize("name", MODELS)
async def test_a_megabyte_of_text_is_refused_wherever_it_is_sent(
    stage: Stage, victims: list[str], name: str
):
    handle, arguments = stage.till.handle(victims[0]), longest(name)
    if name in UPDATES:
        assert await answer_of(handle, name, arguments, "long") == "InvalidRequest"
    elif name in SIGNALS:
        await handle.signal(name, args=arguments)
        await stage.till.until_event(victims[0], "signal ignored")
    else:
        start = await stage.client.start_workflow(
            name, args=arguments, id=f"{victims[0]}-long", task_queue=stage.till.task_queue
        )
        assert (await failure_of(start.result())).type == "InvalidRequest"
    assert (await queried(handle, args=arguments))["status"] == "held"
    assert await is_unharmed(stage, victims[0])


async def test_megabytes_of_signals_make_a_checkout_go_on_in_a_new_run(
    stage: Stage, victims: list[str]
):
    handle = stage.till.handle(victims[0])
    first_run = (await handle.describe()).run_id
    for _ in range(MEGABYTES_SENT):
        await handle.signal("cancel", args=longest("cancel"))

    async def has_gone_on() -> bool:
        return (await handle.describe()).run_id != first_run

    await until(has_gone_on)
    await until(lambda: _is_noted(stage, victims[0], MEGABYTES_SENT))
    assert await is_unharmed(stage, victims[0])


async def test_megabytes_that_wait_for_a_worker_keep_nobody_from_paying(
    package_database_url: str, temporal_address: str, unique: str
):
    async with open_stage(package_database_url, temporal_address, unique) as stage:
        till, sku = stage.till, stage.stock(unique, 5)
        handle = await till.start(unique, {sku: 2})
        for _ in range(MEGABYTES_SENT):
            await handle.signal("cancel", args=longest("cancel"))
        async with at_work(stage, sandboxed=False):
            assert (await till.confirm(unique))["status"] == "fulfilled"
        assert not await failed_tasks_of_all_runs(stage.client, f"checkout/{unique}")


async def _is_noted(stage: Stage, checkout_id: str, times: int) -> bool:
    return await noted(stage, checkout_id) == times
