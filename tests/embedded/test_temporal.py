"""The embedded Temporal: workflows outlive it, and it is found where it was asked to be."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
from temporalio import workflow
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from temporalio.testing import TimeSkipper
from temporalio.worker import Worker

from holdfast_client.contract import names
from tests.embedded.processes import kill_from_outside
from tests.limits import HANG_SECONDS
from worker.embedded import DataDirectoryInUse, EmbeddedTemporal, PortInUse, ServerDidNotStart
from worker.embedded import temporal as temporal_module

STATUS = SearchAttributeKey.for_keyword(names.CHECKOUT_STATUS_ATTRIBUTE)
CUSTOMER = SearchAttributeKey.for_keyword(names.CUSTOMER_ID_ATTRIBUTE)
CART = SearchAttributeKey.for_keyword(names.CART_ID_ATTRIBUTE)
SKUS = SearchAttributeKey.for_keyword_list(names.SKUS_ATTRIBUTE)


@workflow.defn(sandboxed=False)
class Sleeper:
    @workflow.run
    async def run(self, seconds: int) -> str:
        workflow.upsert_search_attributes([STATUS.value_set("held"), SKUS.value_set(["MUG-01"])])
        await asyncio.sleep(seconds)
        return "slept"


@pytest.fixture
def temporal(data_dir: Path) -> Iterator[EmbeddedTemporal]:
    with EmbeddedTemporal(data_dir) as server:
        yield server


async def _start_a_workflow(address: str) -> None:
    client = await Client.connect(address)
    await client.start_workflow(
        "NobodyWorksOnIt",
        id="kept",
        task_queue="nobody",
        search_attributes=TypedSearchAttributes(
            [
                SearchAttributePair(STATUS, "held"),
                SearchAttributePair(CUSTOMER, "u-17"),
                SearchAttributePair(CART, "42"),
                SearchAttributePair(SKUS, ["MUG-01", "MUG-02"]),
            ]
        ),
    )


async def _status(address: str) -> WorkflowExecutionStatus | None:
    client = await Client.connect(address)
    return (await client.get_workflow_handle("kept").describe()).status


ENDINGS: dict[str, Callable[[EmbeddedTemporal], None]] = {
    "stopped": lambda temporal: temporal.stop(),
    "killed": lambda temporal: temporal.kill(),
    "killed from outside": kill_from_outside,
}


@pytest.mark.parametrize("ending", ENDINGS)
async def test_a_workflow_is_still_running_however_the_server_ended(
    temporal: EmbeddedTemporal, ending: str
):
    address = temporal.address
    await _start_a_workflow(address)
    ENDINGS[ending](temporal)
    assert temporal.pid is None

    temporal.start()

    assert temporal.address == address
    assert await _status(address) == WorkflowExecutionStatus.RUNNING


def test_every_commit_is_synced_to_a_write_ahead_log(temporal: EmbeddedTemporal, data_dir: Path):
    with closing(sqlite3.connect(data_dir / "temporal.db")) as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    # What a connection of the server's own is told cannot be asked for from outside.
    assert "--sqlite-pragma=synchronous=full" in psutil.Process(temporal.pid).cmdline()


async def test_data_of_a_version_that_kept_no_write_ahead_log_is_taken_over(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
):
    with monkeypatch.context() as earlier:
        earlier.setattr(temporal_module, "_DATABASE_SETTINGS", {})
        with EmbeddedTemporal(data_dir) as temporal:
            await _start_a_workflow(temporal.address)

    with EmbeddedTemporal(data_dir) as temporal:
        assert await _status(temporal.address) == WorkflowExecutionStatus.RUNNING


async def test_a_workflow_is_found_by_each_search_attribute(temporal: EmbeddedTemporal):
    await _start_a_workflow(temporal.address)
    client = await Client.connect(temporal.address)
    query = "CheckoutStatus='held' AND CustomerId='u-17' AND CartId='42' AND Skus='MUG-02'"

    # What is listed follows what is stored by a moment.
    async with asyncio.timeout(HANG_SECONDS):
        while (await client.count_workflows(query)).count != 1:
            await asyncio.sleep(0.02)


async def test_a_workflow_can_set_search_attributes_from_the_first_moment(
    temporal: EmbeddedTemporal,
):
    client = await Client.connect(temporal.address)
    async with Worker(client, task_queue="sleepers", workflows=[Sleeper]):
        ended = await client.execute_workflow(
            Sleeper.run, 0, id="sleeper", task_queue="sleepers", task_timeout=timedelta(seconds=10)
        )
    history = await client.get_workflow_handle("sleeper").fetch_history()

    assert ended == "slept"
    assert not [
        event for event in history.events if event.HasField("workflow_task_failed_event_attributes")
    ]


async def test_a_search_attribute_added_by_a_later_version_arrives_in_old_data(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
):
    with monkeypatch.context() as earlier:
        earlier.setattr(names, "SEARCH_ATTRIBUTE_TYPES", {"CheckoutStatus": "Keyword"})
        with EmbeddedTemporal(data_dir):
            pass

    with EmbeddedTemporal(data_dir) as temporal:
        await _start_a_workflow(temporal.address)
        assert await _status(temporal.address) == WorkflowExecutionStatus.RUNNING


async def test_what_was_queued_before_queues_were_fair_is_served_after(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
):
    with monkeypatch.context() as earlier:
        earlier.setattr(temporal_module, "_SETTINGS", {})
        with EmbeddedTemporal(data_dir) as temporal:
            client = await Client.connect(temporal.address)
            for number in range(5):
                await client.start_workflow(
                    Sleeper.run, 0, id=f"sleeper-{number}", task_queue="sleepers"
                )
            # Known workflows, whose tasks are in the queue only a moment later.
            await asyncio.sleep(2.0)

    with EmbeddedTemporal(data_dir) as temporal:
        client = await Client.connect(temporal.address)
        async with Worker(client, task_queue="sleepers", workflows=[Sleeper]):
            for number in range(5):
                result = client.get_workflow_handle(f"sleeper-{number}").result()
                assert await asyncio.wait_for(result, HANG_SECONDS) == "slept"


async def test_a_day_passes_at_once_for_a_test_that_asks_for_it(data_dir: Path):
    with EmbeddedTemporal(data_dir, time_skipping=True) as temporal:
        skipper = TimeSkipper(await Client.connect(temporal.address))
        async with Worker(skipper.client, task_queue="sleepers", workflows=[Sleeper]):
            ended = await skipper.client.execute_workflow(
                Sleeper.run, 86_400, id="sleeper", task_queue="sleepers"
            )

    assert ended == "slept"


def test_the_web_ui_and_the_metrics_are_where_they_were_asked_to_be(data_dir: Path, free_port: int):
    with EmbeddedTemporal(data_dir, ui_port=free_port, metrics_port=0) as temporal:
        assert temporal.ui_url == f"http://127.0.0.1:{free_port}"
        assert temporal.metrics_url is not None
        assert b"<html" in _page(temporal.ui_url)
        assert b"service_requests" in _page(temporal.metrics_url)


def _page(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=HANG_SECONDS) as answer:
        body: bytes = answer.read()
    return body


def test_there_is_no_web_ui_unless_it_is_asked_for(data_dir: Path):
    assert EmbeddedTemporal(data_dir).ui_url is None


async def test_the_users_own_temporal_settings_do_not_reach_the_server(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("TEMPORAL_ADDRESS", "shop.example:7233")
    monkeypatch.setenv("TEMPORAL_NAMESPACE", "elsewhere")
    monkeypatch.setenv("TEMPORAL_TLS", "true")
    with EmbeddedTemporal(data_dir) as temporal:
        await _start_a_workflow(temporal.address)
        assert await _status(temporal.address) == WorkflowExecutionStatus.RUNNING


def test_a_second_server_on_the_same_directory_is_refused(
    temporal: EmbeddedTemporal, data_dir: Path
):
    with pytest.raises(DataDirectoryInUse, match=str(data_dir)):
        EmbeddedTemporal(data_dir).start()
    assert temporal.pid is not None


def test_another_port_is_taken_when_somebody_grabs_the_chosen_one(
    data_dir: Path, free_port: int, monkeypatch: pytest.MonkeyPatch
):
    with socket.create_server(("127.0.0.1", 0)) as grabber:
        chosen = iter([[grabber.getsockname()[1]], [free_port]])
        monkeypatch.setattr(temporal_module, "choose_ports", lambda _: next(chosen))
        with EmbeddedTemporal(data_dir) as temporal:
            assert temporal.address == f"127.0.0.1:{free_port}"


@pytest.mark.parametrize("which", ["port", "ui_port", "metrics_port"])
def test_a_fixed_port_that_is_taken_is_refused_by_its_number(data_dir: Path, which: str):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortInUse, match=f"Port {port} .* is in use"):
            EmbeddedTemporal(data_dir, **{which: port}).start()


def test_a_server_that_cannot_start_shows_its_log_and_keeps_no_lock(data_dir: Path):
    data_dir.mkdir()
    database = data_dir / "temporal.db"
    database.write_text("this is no database")
    temporal = EmbeddedTemporal(data_dir)

    with pytest.raises(ServerDidNotStart, match="file is not a database"):
        temporal.start()

    database.unlink()
    temporal.start()
    temporal.stop()


Crash = Callable[..., None]

# As Go tells a crash: its reason first, then the stack of each of its threads.
CRASHES = """#!/bin/sh
reason=$(head --lines 1 "{reasons}")
if [ "$1" = server ] && [ -n "$reason" ]; then
    sed --in-place 1d "{reasons}"
    echo "panic: $reason" >&2
    seq --format "goroutine %g [running]:" 5000 >&2
    exit 2
fi
exec "{program}" "$@"
"""


@pytest.fixture
def crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Crash:
    """Let the first servers crash, each for a reason."""
    program = temporal_module._temporal_program()

    def crash(*reasons: str) -> None:
        script, left = tmp_path / "temporal", tmp_path / "reasons"
        left.write_text("".join(f"{reason}\n" for reason in reasons))
        script.write_text(CRASHES.format(reasons=left, program=program))
        script.chmod(0o700)
        monkeypatch.setattr(temporal_module, "_temporal_program", lambda: script)

    return crash


@pytest.mark.parametrize("others", [0, 5])
def test_a_server_that_crashes_by_chance_is_started_again(
    data_dir: Path, crash: Crash, others: int
):
    # A real one may crash once more.
    taken = "failed assigning ephemeral port: listen tcp: bind: address already in use"
    crash(*[taken] * others, "what nobody has seen yet")
    with EmbeddedTemporal(data_dir) as temporal:
        assert temporal.pid is not None


def test_of_one_that_crashes_each_time_the_reason_is_shown_and_not_the_end_of_the_stacks(
    data_dir: Path, crash: Crash
):
    crash(*["the disk is on fire"] * 3)
    with pytest.raises(ServerDidNotStart, match="panic: the disk is on fire"):
        EmbeddedTemporal(data_dir).start()
