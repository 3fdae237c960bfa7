"""Thousands of messages at one checkout keep nobody from paying, and no worker from its work.

What a message costs must not grow with what is there already, and what is needed once is done once.
"""

from __future__ import annotations

import asyncio
import cProfile
import pstats
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any, Final

import pytest
from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.client import WorkflowUpdateFailedError
from temporalio.common import RawValue, WorkflowIDConflictPolicy
from temporalio.service import RPCError
from temporalio.worker import UnsandboxedWorkflowRunner, WorkflowInstanceDetails

from tests.directories import NewDirectory
from tests.limits import HANG_SECONDS
from tests.messages.crowd import at_once, refusal_type
from tests.messages.inside import Inside, learn_details
from tests.messages.mutations import as_json, bad_messages, legal
from tests.workflows.blockade import blockade
from tests.workflows.histories import events_of, kind, kinds_of
from tests.workflows.stage import Stage, at_work, open_stage
from tests.workflows.till import request
from tests.workflows.waiting import until
from worker.composition import build_worker, working_ledger
from worker.embedded.temporal import EmbeddedTemporal
from worker.temporal import connect_temporal
from workflows import current_details, policies
from workflows.checkout import CheckoutWorkflow
from workflows.policies import EVENTS_KEPT_MAX, UNREAD_SIGNALS_MAX, WAITING_MESSAGES_MAX

with workflow.unsafe.imports_passed_through():
    from holdfast_client.contract.names import CHECKOUT_WORKFLOW

# As many as Temporal takes in one run.
SIGNALS_MAX: Final = 10_000
# Enough for a task of seconds, where each had cost as much as all its events.
SIGNALS_SENT: Final = 5_000
SENDERS: Final = 50
_GARBAGE: Final = [arguments for _, arguments in bad_messages(12, ("extend",), 500)]


def under_key(key_id: str) -> RawValue:
    """Return what no worker can read, though its label says that one with that key could."""
    labels = {"encoding": b"binary/encrypted", "encryption-key-id": key_id.encode()}
    return RawValue(Payload(metadata=labels, data=b"\0" * 40))


SIGNALS: Final[dict[str, Callable[[int], tuple[str, list[RawValue]]]]] = {
    "extensions": lambda _: ("extend", legal("extend")),
    "cancellations": lambda _: ("cancel", legal("cancel")),
    "garbage": lambda number: ("extend", _GARBAGE[number % len(_GARBAGE)]),
    "unknown": lambda _: ("no_such", legal("cancel")),
    "unreadable": lambda number: ("extend", [under_key(f"key-{number}")]),
}
_REQUEST: Final = as_json({"checkout_id": "cart-42", "lines": [{"sku": "MUG-01", "quantity": 2}]})


# --- what one task does --------------------------------------------------------------------------


@pytest.fixture(scope="module")
async def details() -> WorkflowInstanceDetails:
    return await learn_details(CHECKOUT_WORKFLOW)


def calls_of(deed: Callable[[], Any]) -> int:
    """Return how many functions are called: what it costs, whatever the machine."""
    profile = cProfile.Profile()
    profile.runcall(deed)
    return int(pstats.Stats(profile).total_calls)  # type: ignore[attr-defined]


def held(details: WorkflowInstanceDetails) -> Inside:
    checkout = Inside(details)
    checkout.hold()
    return checkout


def flood(sort: str, count: int) -> Iterator[tuple[str, list[RawValue]]]:
    return (SIGNALS[sort](number) for number in range(count))


@pytest.mark.slow
@pytest.mark.parametrize("sort", SIGNALS)
def test_a_signal_costs_as_much_among_ten_thousand_as_among_a_thousand(
    details: WorkflowInstanceDetails, sort: str
):
    few = calls_of(lambda: held(details).signals(flood(sort, SIGNALS_MAX // 10)))
    many = calls_of(lambda: held(details).signals(flood(sort, SIGNALS_MAX)))
    assert many < few * 11


@pytest.mark.slow
@pytest.mark.parametrize("sort", SIGNALS)
def test_no_signal_has_the_events_put_into_words(
    details: WorkflowInstanceDetails, monkeypatch: pytest.MonkeyPatch, sort: str
):
    told: list[Any] = []
    monkeypatch.setattr(current_details, "details", told.append)
    checkout = held(details)
    checkout.signals(flood(sort, SIGNALS_MAX))
    (command,) = checkout.query("status", [])
    answer = command.respond_to_query.succeeded.response.data
    assert answer.count(b'"event"') <= EVENTS_KEPT_MAX
    assert told == []


def test_signals_that_nobody_can_read_are_put_on_record_up_to_a_bound(
    details: WorkflowInstanceDetails,
):
    commands = held(details).signals(flood("unreadable", UNREAD_SIGNALS_MAX + 10))
    records = [command for command in commands if command.HasField("set_patch_marker")]
    assert len(records) == UNREAD_SIGNALS_MAX


def test_who_waits_for_the_decision_makes_no_other_message_cost_more(
    details: WorkflowInstanceDetails,
):
    def cost_beside(crowd: int) -> int:
        checkout = Inside(details)
        checkout.start([_REQUEST])
        checkout.updates([("reserved", [_REQUEST])] * crowd)
        return calls_of(lambda: checkout.signal("no_such", []))

    assert cost_beside(1_000) == cost_beside(1)


# --- what waits goes on --------------------------------------------------------------------------


@pytest.fixture
def patient_shoppers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shoppers who wait for a decision as long as a busy machine takes to send the signals."""
    for budget in ("RESERVE_BUDGET", "RESERVE_RETRY_BUDGET", "RESERVE_GUARD"):
        monkeypatch.setattr(policies, budget, timedelta(seconds=HANG_SECONDS))


async def send_signals(stage: Stage, checkout_id: str, count: int, *sorts: str) -> Counter[str]:
    """Send so many signals, of the sorts in turn; return what Temporal said to them."""
    handle = stage.till.handle(checkout_id)

    async def send(number: int) -> str:
        name, arguments = SIGNALS[sorts[number % len(sorts)]](number)
        try:
            await handle.signal(name, args=arguments)
        except RPCError as error:
            return error.status.name
        return "taken"

    return Counter(await at_once(SENDERS, range(count), send))


async def tasks_failed(stage: Stage, checkout_id: str) -> bool:
    """Say whether any task failed or took too long, be it for want of a processor."""
    return "WORKFLOW_TASK_FAILED" in await kinds_of(stage.till.handle(checkout_id))


async def test_a_payment_behind_thousands_of_signals_is_taken(
    package_database_url: str, temporal_address: str, unique: str
):
    async with open_stage(package_database_url, temporal_address, unique) as stage:
        till, sku = stage.till, stage.stock(unique, 5)
        async with at_work(stage, sandboxed=False):
            await till.reserve(unique, {sku: 2})
        sorts = ("extensions", "garbage", "unknown", "unreadable")
        said = await send_signals(stage, unique, SIGNALS_SENT, *sorts)
        assert said == {"taken": SIGNALS_SENT}
        async with at_work(stage, sandboxed=False):
            began = time.monotonic()
            assert (await till.confirm(unique))["status"] == "fulfilled"
            print(f"paid {time.monotonic() - began:.2f} s after {SIGNALS_SENT:,} signals")
            assert (await till.result(unique))["status"] == "fulfilled"
        assert not await tasks_failed(stage, unique)
        assert stage.shop.figures(sku) == (3, 0, 3)


async def test_a_payment_behind_more_cancellations_than_may_wait_is_told_that_it_was_cancelled(
    package_database_url: str, temporal_address: str, unique: str
):
    async with open_stage(package_database_url, temporal_address, unique) as stage:
        till, sku = stage.till, stage.stock(unique, 5)
        async with at_work(stage, sandboxed=False):
            await till.reserve(unique, {sku: 2})
        said = await send_signals(stage, unique, WAITING_MESSAGES_MAX + 1, "cancellations")
        assert said == {"taken": WAITING_MESSAGES_MAX + 1}
        async with at_work(stage, sandboxed=False):
            assert (await till.confirm(unique))["status"] == "cancelled"
        assert stage.shop.figures(sku) == (5, 0, 5)


@pytest.mark.usefixtures("patient_shoppers")
async def test_a_payment_goes_before_extensions_that_wait(
    package_database_url: str, temporal_address: str, unique: str
):
    async with open_stage(package_database_url, temporal_address, unique) as stage:
        till, sku = stage.till, stage.stock(unique, 5)
        handle = await till.start(unique, {sku: 2})
        for _ in range(WAITING_MESSAGES_MAX + 1):
            await handle.signal("extend", {"seconds": 1})
        paid = asyncio.ensure_future(
            handle.execute_update("confirm", {"payment_reference": f"pay-{unique}"}, id="p")
        )
        await until(lambda: till.is_known(unique, "p"))
        async with at_work(stage, sandboxed=False):
            assert (await paid)["status"] == "fulfilled"
            events = await till.events(unique)
        assert "extended" not in events
        assert "ACTIVITY_TASK_SCHEDULED" not in await kinds_of(handle)


@pytest.mark.usefixtures("patient_shoppers")
async def test_an_update_that_finds_no_room_leaves_nothing_and_may_be_asked_again(
    package_database_url: str, temporal_address: str, unique: str
):
    patience = {"lock_timeout_ms": 60_000, "statement_timeout_ms": 60_000}
    async with (
        open_stage(package_database_url, temporal_address, unique, **patience) as stage,
        at_work(stage, sandboxed=False),
    ):
        till, sku = stage.till, stage.stock(unique, 5)
        with blockade(stage.shop, sku) as block:
            handle = await till.start(unique, {sku: 2})
            await block.until_waiting()
            for _ in range(WAITING_MESSAGES_MAX):
                await handle.signal("extend", {"seconds": 1})
            with pytest.raises(WorkflowUpdateFailedError) as caught:
                await handle.execute_update("extend_hold", args=legal("extend_hold"), id="again")
            assert refusal_type(caught.value) == "TooManyMessages"
            assert "WORKFLOW_EXECUTION_UPDATE_ACCEPTED" not in await kinds_of(handle)
            block.lift()
        await till.until_event(unique, "extended")
        answer = await handle.execute_update("extend_hold", args=legal("extend_hold"), id="again")
        assert answer["status"] == "held"
        await till.cancel(unique)


@asynccontextmanager
async def signals_that_do_not_cease(stage: Stage, checkout_id: str) -> AsyncIterator[None]:
    """Keep a few senders at it until the checkout is over; and at the end they must have been."""
    handle, sent = stage.till.handle(checkout_id), 0

    async def send() -> None:
        nonlocal sent
        with suppress(RPCError):
            while True:
                await handle.signal("no_such", {})
                sent += 1

    flooding = asyncio.gather(*(send() for _ in range(5)))
    await until(lambda: sent > 100)
    yield
    await flooding


async def test_a_payment_is_answered_while_signals_do_not_cease(stage: Stage, unique: str):
    till, sku = stage.till, stage.stock(unique, 5)
    await till.reserve(unique, {sku: 2})
    async with signals_that_do_not_cease(stage, unique):
        # Asked once, not again and again as a client does: the answer itself must come through.
        answer = await till.confirm(unique)
    assert answer["status"] == "fulfilled"
    assert await till.result(unique) == answer


async def test_the_same_start_again_and_again_keeps_nobody_from_paying(stage: Stage, unique: str):
    till, sku = stage.till, stage.stock(unique, 5)
    await till.reserve(unique, {sku: 2})

    async def start(_: int) -> str | None:
        handle = await stage.client.start_workflow(
            CHECKOUT_WORKFLOW,
            request(unique, {sku: 2}),
            id=f"checkout/{unique}",
            task_queue=till.task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        )
        return handle.first_execution_run_id

    before = len(await kinds_of(till.handle(unique)))
    runs = await at_once(SENDERS, range(1_000), start)
    assert len(set(runs)) == 1
    assert len(await kinds_of(till.handle(unique))) == before
    assert (await till.confirm(unique))["status"] == "fulfilled"


# --- more than Temporal takes ---------------------------------------------------------------------

FEW_SIGNALS: Final = 300


class FewSignals(EmbeddedTemporal):
    """A server that takes few signals in one run, as any takes ten thousand."""

    def __init__(self, data_dir: Any) -> None:
        super().__init__(data_dir, ui_port=None, time_skipping=True)
        self._settings = self._settings | {"history.maximumSignalsPerExecution": str(FEW_SIGNALS)}


@pytest.mark.usefixtures("patient_shoppers")
async def test_what_is_more_than_temporal_takes_is_refused_and_the_hold_ends_like_any_other(
    package_database_url: str, new_directory: NewDirectory, unique: str
):
    with FewSignals(new_directory("temporal")) as server:
        async with open_stage(package_database_url, server.address, unique) as stage:
            till, sku = stage.till, stage.stock(unique, 5)
            for ending, seconds in (("paid", 900), ("abandoned", 1)):
                await till.start(f"{unique}-{ending}", {sku: 1}, hold_seconds=seconds)
                checkout_id, sent = f"{unique}-{ending}", FEW_SIGNALS + 10
                said = await send_signals(stage, checkout_id, sent, "garbage", "unknown")
                assert said == {"taken": FEW_SIGNALS, "INVALID_ARGUMENT": 10}
            async with at_work(stage, sandboxed=False):
                assert (await till.confirm(f"{unique}-paid"))["status"] == "fulfilled"
                assert (await till.result(f"{unique}-abandoned"))["status"] == "expired"
            assert stage.shop.figures(sku) == (4, 0, 4)


# --- a task that takes long ----------------------------------------------------------------------


@workflow.defn(name=CHECKOUT_WORKFLOW)
class SlowToRead(CheckoutWorkflow):
    """Takes as long for one message as ten thousand take on a busy machine."""

    @workflow.init
    def __init__(self, *payloads: RawValue) -> None:
        super().__init__(*payloads)

    @workflow.run
    async def run(self, *payloads: RawValue) -> Any:
        return await super().run(*payloads)

    @workflow.signal(name="slow")
    def slow(self) -> None:
        time.sleep(4)


async def test_a_task_of_seconds_is_not_taken_for_one_that_stands_still(
    package_database_url: str, temporal_address: str, unique: str
):
    async with open_stage(package_database_url, temporal_address, unique) as stage:
        till, client = stage.till, await connect_temporal(temporal_address)
        async with (
            working_ledger(stage.settings) as ledger,
            build_worker(
                client,
                ledger,
                stage.settings,
                task_queue=till.task_queue,
                workflow_runner=UnsandboxedWorkflowRunner(),
                workflows=[SlowToRead],
            ),
        ):
            await till.reserve(unique, {stage.stock(unique, 5): 2})
            await till.handle(unique).signal("slow")
            assert (await till.confirm(unique))["status"] == "fulfilled"
        assert "WORKFLOW_TASK_FAILED" not in [
            kind(event) for event in await events_of(till.handle(unique))
        ]
