"""Where a key is missing: what waits, what is refused, and what is never done.

A worker without the key leaves a checkout alone until one with the key takes it. A message that
nobody can read is refused, and the checkout goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Final

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.client import Client
from temporalio.common import RawValue
from temporalio.service import RPCError
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, Worker

from activities.checkout import CheckoutActivities
from activities.metrics import LedgerMetrics
from activities.wake_up_plan import WakeUpPlan
from holdfast_client import (
    Cancelled,
    Fulfilled,
    Held,
    HoldfastError,
    InvalidRequest,
    ReservationClient,
    Unavailable,
)
from holdfast_client.transport.encryption import NOT_ENCRYPTING as PLAIN
from holdfast_client.transport.encryption import EncryptionCodec, EncryptionKey, encrypting
from tests.inventory.shop import Figures
from tests.security.keys import NEW, OLD, customer, text_of
from tests.workflows.histories import failed_tasks_of, kinds_of
from tests.workflows.stage import Stage, at_work, open_stage
from tests.workflows.till import Till, failure_of, request
from tests.workflows.waiting import until
from worker.composition import WORKFLOWS, working_ledger
from worker.converter import data_converter
from worker.temporal import connect_temporal
from workflows import payloads, signals

# Temporal lets a failed workflow task rest for some seconds before it is tried again.
ANSWER_SECONDS: Final = 60.0

WITHOUT_ACTIVITIES: Final[dict[str, Any]] = {"workflows": WORKFLOWS, "no_remote_activities": True}


def a_stage(database_url: str, address: str, queue: str, *keys: EncryptionKey) -> Any:
    return open_stage(database_url, address, queue, encryption_keys=text_of(*keys))


async def sealed(message: Any, key: EncryptionKey) -> RawValue:
    """Return a message as somebody with that key sends it, to be sent by somebody without any."""
    plain = encrypting(keys=()).payload_converter.to_payload(message)
    (hidden,) = await EncryptionCodec([key]).encode([plain])
    return RawValue(hidden)


async def _failed_task(client: Client, id: str) -> str:
    """Return why the checkout's first workflow task failed."""
    handle = client.get_workflow_handle(f"checkout/{id}")

    async def failures() -> list[str]:
        try:
            return await failed_tasks_of(handle)
        except RPCError:
            return []  # it is not there yet

    found: list[str] = await until(failures)
    return found[0]


async def test_a_worker_without_the_key_leaves_a_checkout_to_one_with_it(
    session_database_url: str, temporal_address: str, unique: str
):
    shop = await customer(temporal_address, unique, OLD, seconds=ANSWER_SECONDS)
    async with a_stage(session_database_url, temporal_address, unique) as stage:
        stage.stock(unique, 1)
        async with at_work(stage):
            asked = asyncio.create_task(shop.reserve(unique, [(unique, 1)]))
            why = await _failed_task(stage.client, unique)
        assert "key 2025" in why
        assert stage.shop.figures(unique) == Figures(1, 0, 1)
    async with (
        a_stage(session_database_url, temporal_address, unique, OLD) as stage,
        at_work(stage),
    ):
        # Where the task was handed on after more than ten seconds, nobody waits for it any more.
        assert isinstance(await asked, Held | Unavailable)


async def test_a_worker_that_lost_the_key_leaves_an_open_checkout_as_it_is(
    session_database_url: str, temporal_address: str, unique: str
):
    shop = await customer(temporal_address, unique, OLD, seconds=ANSWER_SECONDS)
    async with a_stage(session_database_url, temporal_address, unique, OLD) as stage:
        stage.stock(unique, 1)
        async with at_work(stage):
            assert isinstance(await shop.reserve(unique, [(unique, 1)]), Held)
    async with a_stage(session_database_url, temporal_address, unique, NEW) as stage:
        async with at_work(stage):
            asked = asyncio.create_task(shop.confirm(unique, f"pay-{unique}"))
            why = await _failed_task(stage.client, unique)
        # With keys of its own it tells even that only to those who have them.
        assert why == "Encoded failure"
        assert stage.shop.figures(unique) == Figures(1, 1, 0)
    async with (
        a_stage(session_database_url, temporal_address, unique, OLD) as stage,
        at_work(stage),
    ):
        assert isinstance(await asked, Fulfilled)


async def test_a_start_that_nobody_could_read_for_long_ends_with_the_reason(
    session_database_url: str, temporal_address: str, unique: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(payloads, "UNREADABLE_START_BUDGET", timedelta(0))
    till = Till(await Client.connect(temporal_address), unique)
    async with a_stage(session_database_url, temporal_address, unique, NEW) as stage:
        hidden = await sealed(request(unique, {unique: 1}), OLD)
        handle = await till.client.start_workflow(
            "CheckoutWorkflow", hidden, id=f"checkout/{unique}", task_queue=unique
        )
        async with at_work(stage):
            reading = Till(await _reader(temporal_address, NEW), unique)
            failure = await failure_of(reading.result(unique))
        assert failure.type == "InvalidRequest"
        assert "key 2025" in failure.message
        assert await failed_tasks_of(handle) == []
        assert stage.shop.sql("SELECT 1 FROM holdfast.reservations WHERE checkout_id = :id",
                              id=unique) == []  # fmt: skip


async def _reader(address: str, key: EncryptionKey) -> Client:
    return await Client.connect(address, data_converter=encrypting(keys=[key]))


async def test_a_message_under_a_key_that_no_worker_has_is_refused_and_the_checkout_goes_on(
    session_database_url: str, temporal_address: str, unique: str
):
    async with (
        a_stage(session_database_url, temporal_address, unique, OLD) as stage,
        at_work(stage),
    ):
        stage.stock(unique, 1)
        shop = await customer(temporal_address, unique, OLD)
        assert isinstance(await shop.reserve(unique, [(unique, 1)]), Held)
        # It can read its own key too, else it could not read the refusal.
        stranger = await customer(temporal_address, unique, NEW, OLD)
        for call in (
            stranger.confirm(unique, f"pay-{unique}"),
            stranger.cancel(unique),
            stranger.extend(unique, 60),
        ):
            with pytest.raises(InvalidRequest, match="key 2026"):
                await call
        till = Till(stage.client, unique)
        for name in ("cancel", "extend"):
            await till.handle(unique).signal(name, await sealed({"reason": "x"}, NEW))
        report = await until(lambda: _ignored(shop, unique))
        assert all("key 2026" in event.reason for event in report)
        handle = stage.client.get_workflow_handle(f"checkout/{unique}")
        assert await failed_tasks_of(handle) == []
        assert isinstance(await shop.confirm(unique, f"pay-{unique}"), Fulfilled)


async def _ignored(shop: Any, id: str) -> list[Any]:
    events = [e for e in (await shop.status(id)).events if e.event == "signal ignored"]
    return events if len(events) == 2 else []


async def test_a_forged_message_under_a_known_key_is_refused_too(
    session_database_url: str, temporal_address: str, unique: str
):
    async with (
        a_stage(session_database_url, temporal_address, unique, OLD) as stage,
        at_work(stage),
    ):
        stage.stock(unique, 1)
        shop = await customer(temporal_address, unique, OLD)
        assert isinstance(await shop.reserve(unique, [(unique, 1)]), Held)
        forged = await sealed({"reason": "x"}, EncryptionKey(OLD.id, NEW.secret))
        plain = RawValue(Payload(metadata={"encoding": b"binary/encrypted"}, data=b"garbage"))
        for message in (forged, plain):
            await stage.client.get_workflow_handle(f"checkout/{unique}").signal("cancel", message)
        await until(lambda: _ignored(shop, unique))
        assert isinstance(await shop.confirm(unique, f"pay-{unique}"), Fulfilled)


async def test_a_client_without_the_key_is_told_so_and_what_it_asked_for_is_done(
    session_database_url: str, temporal_address: str, unique: str
):
    async with (
        a_stage(session_database_url, temporal_address, unique, OLD) as stage,
        at_work(stage),
    ):
        stage.stock(unique, 1)
        keyless = await customer(temporal_address, unique)
        with pytest.raises(HoldfastError, match=r"key 2025.*ask again with the key"):
            await keyless.reserve(unique, [(unique, 1)])
        assert stage.shop.figures(unique) == Figures(1, 1, 0)
        shop = await customer(temporal_address, unique, OLD)
        assert isinstance(await shop.reserve(unique, [(unique, 1)]), Held)
        bare = ReservationClient(stage.client, task_queue=unique)
        with pytest.raises(HoldfastError, match="Are payloads encrypted"):
            await bare.status(unique)


async def test_an_attempt_at_an_activity_on_a_worker_without_the_key_is_made_again(
    session_database_url: str, temporal_address: str, unique: str
):
    shop = await customer(temporal_address, unique, OLD, seconds=ANSWER_SECONDS)
    async with a_stage(session_database_url, temporal_address, unique, OLD) as stage:

        async def attempts() -> bool:
            handle = stage.client.get_workflow_handle(f"checkout/{unique}")
            pending = (await handle.describe()).raw_description.pending_activities
            return bool(pending) and pending[0].attempt > 1

        stage.stock(unique, 1)
        async with _part_worker(stage, OLD, **WITHOUT_ACTIVITIES):
            assert isinstance(await shop.reserve(unique, [(unique, 1)]), Held)
            extending = asyncio.create_task(shop.extend(unique, 10))
            async with _part_worker(stage):
                await until(attempts)
            async with _part_worker(stage, OLD):
                assert isinstance(await extending, Held)
            assert isinstance(await shop.confirm(unique, f"pay-{unique}"), Fulfilled)


@asynccontextmanager
async def _part_worker(stage: Stage, *keys: EncryptionKey, **options: Any) -> AsyncIterator[Worker]:
    """Run a worker for a checkout's calls, or, with options, for something else of it."""
    client = await connect_temporal(stage.client.service_client.config.target_host, keys)
    async with working_ledger(stage.settings) as ledger:
        activities = CheckoutActivities(ledger, LedgerMetrics(), WakeUpPlan())
        calls: list[Any] = [
            activities.reserve,
            activities.fulfil,
            activities.release,
            activities.extend,
        ]
        async with Worker(
            client, task_queue=stage.till.task_queue, activities=calls, **options
        ) as worker:
            yield worker


# --- first a worker without the key, then one with it, and the other way round --------------------


async def test_a_signal_ignored_for_want_of_its_key_stays_ignored_when_the_key_comes(
    session_database_url: str, temporal_address: str, unique: str
):
    shop = await customer(temporal_address, unique, OLD, seconds=ANSWER_SECONDS)
    async with a_stage(session_database_url, temporal_address, unique, OLD) as stage:
        stage.stock(unique, 1)
        handle = stage.client.get_workflow_handle(f"checkout/{unique}")
        async with at_work(stage):
            assert isinstance(await shop.reserve(unique, [(unique, 1)]), Held)
            for name in ("cancel", "extend"):
                await handle.signal(name, await sealed({"reason": "x"}, NEW))
            await until(lambda: _ignored(shop, unique))
    async with (
        a_stage(session_database_url, temporal_address, unique, OLD, NEW) as stage,
        at_work(stage),
    ):
        assert await _ignored(shop, unique)
        assert isinstance(await shop.confirm(unique, f"pay-{unique}"), Fulfilled)
    assert await failed_tasks_of(handle) == []
    for keys in ((OLD,), (OLD, NEW)):
        await _replay(handle, *keys)


async def test_after_many_unread_signals_what_came_encrypted_is_ignored_by_every_worker_alike(
    session_database_url: str, temporal_address: str, unique: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(signals, "UNREAD_SIGNALS_MAX", 1)
    shop = await customer(temporal_address, unique, OLD, seconds=ANSWER_SECONDS)
    async with (
        a_stage(session_database_url, temporal_address, unique, OLD) as stage,
        at_work(stage),
    ):
        stage.stock(unique, 1)
        assert isinstance(await shop.reserve(unique, [(unique, 1)]), Held)
        handle = stage.client.get_workflow_handle(f"checkout/{unique}")
        # The second could be read here, and where the tasks are done again it cannot.
        for key in (NEW, OLD):
            await handle.signal("cancel", await sealed({"reason": "x"}, key))
        await handle.signal("extend", {"seconds": 1})
        unread, ignored = await until(lambda: _ignored(shop, unique))
        assert "key 2026" in unread.reason
        assert "too many messages" in ignored.reason
        await until(lambda: _recorded(handle, "ACTIVITY_TASK_COMPLETED"))
        assert isinstance(await shop.confirm(unique, f"pay-{unique}"), Fulfilled)
    for keys in ((OLD,), (OLD, NEW)):
        await _replay(handle, *keys)


async def _replay(handle: Any, *keys: EncryptionKey) -> None:
    """Do all of a checkout's tasks again, as a worker with these keys does."""
    await Replayer(
        workflows=WORKFLOWS,
        data_converter=data_converter(keys),
        workflow_runner=UnsandboxedWorkflowRunner(),
    ).replay_workflow(await handle.fetch_history())


@pytest.mark.parametrize("kind", ["signal", "update"])
async def test_a_message_that_was_read_is_not_lost_on_a_worker_that_cannot_read_it(
    session_database_url: str, temporal_address: str, unique: str, kind: str
):
    """It waits behind an extension, and is in the history before the worker changes."""
    shop = await customer(temporal_address, unique, OLD, seconds=ANSWER_SECONDS)
    ahead = await customer(temporal_address, unique, NEW, OLD, seconds=ANSWER_SECONDS)
    async with a_stage(session_database_url, temporal_address, unique, OLD, NEW) as stage:
        stage.stock(unique, 1)
        handle = stage.client.get_workflow_handle(f"checkout/{unique}")
        async with _part_worker(stage, OLD, NEW, **WITHOUT_ACTIVITIES):
            assert isinstance(await shop.reserve(unique, [(unique, 1)]), Held)
            extending = asyncio.create_task(shop.extend(unique, 60))
            await until(lambda: _recorded(handle, "ACTIVITY_TASK_SCHEDULED"))
            if kind == "signal":
                await handle.signal("cancel", await sealed({"reason": "x"}, NEW))
                await until(lambda: _last_is_done(handle))
            else:
                cancelling = asyncio.create_task(ahead.cancel(unique, reason="x"))
                await until(lambda: _recorded(handle, "WORKFLOW_EXECUTION_UPDATE_ACCEPTED", 3))
    # It encrypts nothing, so what it says of the failure can be read here.
    async with a_stage(session_database_url, temporal_address, unique, PLAIN, OLD) as stage:
        async with at_work(stage):
            assert "key 2026" in await _failed_task(stage.client, unique)
        assert stage.shop.figures(unique) == Figures(1, 1, 0)
    async with (
        a_stage(session_database_url, temporal_address, unique, OLD, NEW) as stage,
        at_work(stage),
    ):
        assert isinstance(await extending, Held)
        assert isinstance(await shop.confirm(unique, f"pay-{unique}"), Cancelled)
        assert kind == "signal" or isinstance(await cancelling, Cancelled)
        assert stage.shop.figures(unique) == Figures(1, 0, 1)


async def _recorded(handle: Any, kind: str, count: int = 1) -> bool:
    return (await kinds_of(handle)).count(kind) >= count


async def _last_is_done(handle: Any) -> bool:
    """Say whether a worker has dealt with all that the history has."""
    kinds = await kinds_of(handle)
    return "WORKFLOW_EXECUTION_SIGNALED" in kinds and kinds[-1] == "WORKFLOW_TASK_COMPLETED"
