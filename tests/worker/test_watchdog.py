"""A worker that is stuck ends, whatever it is stuck in; one that is merely busy does not."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from temporalio.client import Client

from activities.inventory.ledger import Ledger
from activities.inventory.records import StockRow
from holdfast_client.client import ReservationClient
from holdfast_client.contract.errors import OutcomeUnknown
from holdfast_client.contract.outcomes import Fulfilled, Held, Outcome
from tests.limits import HANG_SECONDS
from tests.worker import standing_still
from tests.worker.conftest import Operator
from tests.worker.test_processes import running
from tests.workflows.waiting import until
from worker.watchdog import WorkflowTasks

# More than the SDK waits, so that it gives up first, and keeps the corpse.
STUCK_SECONDS: Final = "12"
# Only whatever hangs for ever takes longer.
ways = pytest.mark.parametrize("way", ["sleep", "stay"])


def until_line(process: subprocess.Popen[str], words: str, times: int = 1) -> None:
    """Read on in what a worker writes until so many lines have the words."""
    assert process.stderr is not None
    for line in process.stderr:
        times -= words in line
        if not times:
            return
    pytest.fail(f"it ended with {process.wait()} and never said: {words}")


async def stand_still(
    operator: Operator, checkout_id: str, way: str, directory: Path
) -> ReservationClient:
    """Hold something with a checkout and have it stand still; return who can pay for it."""
    temporal = await Client.connect(operator.environment["TEMPORAL_ADDRESS"])
    client = ReservationClient(temporal, answer_timeout_seconds=HANG_SECONDS)
    assert isinstance(await client.reserve(checkout_id, [(checkout_id, 1)]), Held)
    await temporal.get_workflow_handle(f"checkout/{checkout_id}").signal(way)
    await until(lambda: standing_still.has_begun(directory))
    return client


async def paid(client: ReservationClient, checkout_id: str) -> Outcome:
    """Pay, however long there is no answer."""

    async def answer() -> Outcome | None:
        try:
            return await client.confirm(checkout_id, "pay_1")
        except OutcomeUnknown:
            return None

    outcome: Outcome = await until(answer)
    return outcome


@ways
async def test_a_worker_that_is_stuck_is_replaced_and_its_checkout_goes_on(
    operator: Operator, ledger: Ledger, unique: str, tmp_path: Path, way: str
):
    ledger.load_stock([StockRow(unique, "main", 5)])
    changes = standing_still.environment(tmp_path)
    with running(
        operator, "--processes", "2", HOLDFAST_STUCK_SECONDS=STUCK_SECONDS, **changes
    ) as parent:
        await asyncio.to_thread(until_line, parent, "worker ready", 2)
        client = await stand_still(operator, unique, way, tmp_path)
        await asyncio.to_thread(until_line, parent, "worker_stuck")
        await asyncio.to_thread(until_line, parent, "ended with exit code 1; starting another")
        assert isinstance(await paid(client, unique), Fulfilled)
        parent.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(parent.wait, HANG_SECONDS) == 0


@ways
async def test_a_worker_that_is_stuck_ends_when_it_is_told_to_stop(
    operator: Operator, ledger: Ledger, unique: str, tmp_path: Path, way: str
):
    ledger.load_stock([StockRow(unique, "main", 5)])
    changes = standing_still.environment(tmp_path)
    with running(operator, HOLDFAST_STUCK_SECONDS=STUCK_SECONDS, **changes) as process:
        await asyncio.to_thread(until_line, process, "worker ready")
        await stand_still(operator, unique, way, tmp_path)
        await asyncio.to_thread(until_line, process, "worker_stuck")
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, HANG_SECONDS) == 1


# --- the event loop ------------------------------------------------------------------------------

_WATCHED: Final = """
import asyncio, ctypes, time
from temporalio.common import MetricMeter
from worker.watchdog import Watchdog, WorkflowTasks

async def main():
    with Watchdog(3, WorkflowTasks(1), MetricMeter.noop).watching():
        await asyncio.sleep(0.1)
        {what}

asyncio.run(main())
"""


def watched(what: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _WATCHED.format(what=what)],
        cwd=standing_still.ROOT,
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "what",
    [
        pytest.param("time.sleep(3_600)", id="a call that does not return"),
        pytest.param("while True: pass", id="a loop without an end"),
        pytest.param("ctypes.PyDLL(None).sleep(3_600)", id="a call that stops all of Python"),
    ],
)
def test_a_process_whose_loop_stands_still_ends_and_says_where_it_was(what: str):
    ended = watched(what)
    assert ended.returncode == 1
    assert "in main" in ended.stderr


@pytest.mark.slow
def test_a_process_whose_loop_goes_on_does_not_end():
    assert watched("await asyncio.sleep(6)").returncode == 0


# --- what counts ---------------------------------------------------------------------------------


class Activation:
    run_id = "run-1"


def test_a_task_counts_until_it_is_done():
    tasks, seen = WorkflowTasks(1), []
    tasks.submit(lambda _: seen.append(tasks.oldest()[0]), Activation()).result()
    assert seen == ["run-1"]
    assert tasks.oldest() == ("", 0.0)


def test_a_run_that_does_not_let_itself_be_ended_counts_until_it_does():
    tasks = WorkflowTasks(1)

    def refuse(_: Activation) -> None:
        raise RuntimeError("1 tasks remain")

    for _ in range(2):
        assert tasks.submit(refuse, Activation()).exception()
    first = tasks.oldest()
    assert first[0] == "run-1"
    assert tasks.submit(refuse, Activation()).exception()
    assert tasks.oldest()[1] >= first[1]
    tasks.submit(lambda _: None, Activation()).result()
    assert tasks.oldest() == ("", 0.0)
