"""A checkout whose history grows long goes on in a new run, and nobody notices."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowHandle, WorkflowUpdateFailedError
from temporalio.common import SearchAttributeKey
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

from tests.workflows.histories import details_of, events_of, failed_tasks_of, kinds_of
from tests.workflows.stage import Stage, at_work, open_stage
from tests.workflows.test_settlement import settle
from tests.workflows.till import moment
from tests.workflows.waiting import until
from worker.composition import WORKFLOWS
from workflows import policies
from workflows.payloads import DATA_CONVERTER

HISTORY_EVENTS_MAX = 20
# With these a flood of extensions fills a run in a moment.
REFUSING, SENDERS, ROUNDS = 100, 10, 12
# What is served and written after the run refuses: ten in flight, each with the events of its own.
ROOM = 400


@pytest.fixture
async def short_stage(
    monkeypatch: pytest.MonkeyPatch,
    session_database_url: str,
    temporal_address: str,
    unique: str,
) -> AsyncIterator[Stage]:
    """A stage whose runs are short. Not in the sandbox, which has policies of its own."""
    monkeypatch.setattr(policies, "HISTORY_EVENTS_MAX", HISTORY_EVENTS_MAX)
    monkeypatch.setattr(policies, "HISTORY_EVENTS_REFUSING", REFUSING)
    async with (
        open_stage(session_database_url, temporal_address, unique) as stage,
        at_work(stage, sandboxed=False),
    ):
        yield stage


async def _lengthen(stage: Stage, checkout_id: str) -> WorkflowHandle[Any, Any]:
    """Extend a hold, second by second, until it goes on in another run; return the first."""
    first = stage.till.handle(checkout_id)
    first_run = (await first.describe()).run_id
    for _ in range(HISTORY_EVENTS_MAX):
        await stage.till.extend(checkout_id, 1)
        if (await first.describe()).run_id != first_run:
            break
    handle = stage.client.get_workflow_handle(f"checkout/{checkout_id}", run_id=first_run)
    await until(lambda: _continued(handle))
    return handle


async def _continued(handle: WorkflowHandle[Any, Any]) -> bool:
    return (await kinds_of(handle))[-1] == "WORKFLOW_EXECUTION_CONTINUED_AS_NEW"


async def test_hold_deadline_and_events_are_carried_over(short_stage: Stage, unique: str):
    till = short_stage.till
    request = {short_stage.stock(unique, 5): 2}
    held = await till.reserve(unique, request, customer_id="u-17")
    first = await _lengthen(short_stage, unique)
    report = await till.status(unique)
    extensions = [event["event"] for event in report["events"]].count("extended")
    assert report["events"][0]["event"] == "held"
    later = moment(report["expires_at"]) - moment(held["expires_at"])
    assert later == timedelta(seconds=extensions) > timedelta(0)
    again = await till.reserve(unique, request, customer_id="u-17")
    assert again == {**held, "expires_at": report["expires_at"]}
    assert not await failed_tasks_of(first)


async def test_the_new_run_is_found_and_shown_as_the_old_one_was(short_stage: Stage, unique: str):
    till, sku = short_stage.till, short_stage.stock(unique, 5)
    await till.reserve(unique, {sku: 2}, customer_id="u-17")
    await _lengthen(short_stage, unique)
    handle = till.handle(unique)
    found = (await handle.describe()).typed_search_attributes
    assert found.get(SearchAttributeKey.for_keyword("CheckoutStatus")) is None
    assert found[SearchAttributeKey.for_keyword("CustomerId")] == "u-17"
    assert "**held**" in await details_of(handle)


async def test_what_went_on_after_its_workflow_was_gone_is_found_in_its_new_run_too(
    short_stage: Stage, unique: str
):
    till, sku = short_stage.till, short_stage.stock(unique, 5)
    await till.reserve(unique, {sku: 2}, customer_id="u-17")
    await till.handle(unique).terminate("by hand")
    await settle(short_stage, unique, "resume")
    await _lengthen(short_stage, unique)
    found = (await till.handle(unique).describe()).typed_search_attributes
    assert found[SearchAttributeKey.for_keyword("CustomerId")] == "u-17"
    assert found[SearchAttributeKey.for_keyword_list("Skus")] == [sku]


async def test_the_new_run_takes_payments(short_stage: Stage, unique: str):
    till, sku = short_stage.till, short_stage.stock(unique, 5)
    await till.reserve(unique, {sku: 2})
    await _lengthen(short_stage, unique)
    answer = await till.confirm(unique)
    assert answer["status"] == "fulfilled"
    assert await till.result(unique) == answer
    assert short_stage.shop.figures(sku) == (3, 0, 3)


async def test_the_new_run_ends_at_the_deadline(short_stage: Stage, unique: str):
    till, sku = short_stage.till, short_stage.stock(unique, 5)
    await till.reserve(unique, {sku: 2}, hold_seconds=900)
    await _lengthen(short_stage, unique)
    short_stage.shop.sql(
        "UPDATE holdfast.reservations SET expires_at = holdfast.clock() WHERE checkout_id = :id",
        id=unique,
    )
    await short_stage.pass_time(till.handle(unique), 930)
    assert (await till.result(unique))["status"] == "expired"
    assert short_stage.shop.figures(sku) == (5, 0, 5)


async def _insist(stage: Stage, checkout_id: str) -> list[str]:
    """Extend a hold again and again; return what was said to it."""
    said = []
    for _ in range(ROUNDS):
        try:
            said.append((await stage.till.extend(checkout_id, 1))["status"])
        except WorkflowUpdateFailedError as error:
            said.append(getattr(error.cause, "type", ""))
    return said


async def _lengths_of_runs(stage: Stage, checkout_id: str) -> list[int]:
    """Follow a checkout from its last run to its first; return how long each history is."""
    handle, lengths = stage.till.handle(checkout_id), []
    while True:
        events = await events_of(handle)
        lengths.append(len(events))
        before = events[0].workflow_execution_started_event_attributes.continued_execution_run_id
        if not before:
            return lengths
        handle = stage.client.get_workflow_handle(f"checkout/{checkout_id}", run_id=before)


async def test_extensions_that_never_cease_cannot_keep_a_run_from_its_end(
    short_stage: Stage, unique: str
):
    till, sku = short_stage.till, short_stage.stock(unique, 5)
    held = await till.reserve(unique, {sku: 2})
    crowd = await asyncio.gather(*(_insist(short_stage, unique) for _ in range(SENDERS)))
    said = [word for words in crowd for word in words]
    assert set(said) <= {"held", "TooManyMessages"}
    report = await till.status(unique)
    later = moment(report["expires_at"]) - moment(held["expires_at"])
    assert later == timedelta(seconds=said.count("held"))
    lengths = await _lengths_of_runs(short_stage, unique)
    assert len(lengths) > 1
    assert max(lengths) < REFUSING + ROOM
    assert (await till.confirm(unique))["status"] == "fulfilled"


async def test_both_runs_replay(short_stage: Stage, unique: str):
    await short_stage.till.reserve(unique, {short_stage.stock(unique, 5): 2})
    first = await _lengthen(short_stage, unique)
    await short_stage.till.cancel(unique)
    await short_stage.till.result(unique)
    replayer = Replayer(
        workflows=WORKFLOWS,
        data_converter=DATA_CONVERTER,
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    for run in (first, short_stage.till.handle(unique)):
        await replayer.replay_workflow(await run.fetch_history())
