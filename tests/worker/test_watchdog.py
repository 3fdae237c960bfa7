"""A worker that is stuck ends, whatever it is stuck in; one that is merely busy does not."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner

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
from worker.watchdog import WatchedWorkflows

# More than the SDK pauses between two tries to end a workflow that does not let it.
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
            return await client.confirm(checkout_id, f"pay-{checkout_id}")
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
    # Else the next test's worker would take its task, and stand still by it.
    temporal = await Client.connect(operator.environment["TEMPORAL_ADDRESS"])
    await temporal.get_workflow_handle(f"checkout/{unique}").terminate("the test is over")


# --- the event loop ------------------------------------------------------------------------------

_WATCHED: Final = """
import asyncio, ctypes, time
from temporalio.common import MetricMeter
from worker.watchdog import WatchedWorkflows, Watchdog

async def main():
    with Watchdog(3, WatchedWorkflows(), MetricMeter.noop).watching():
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


class Workflow:
    """A workflow as the runner below it makes one; what it does is said from outside."""

    def __init__(self) -> None:
        self.does: Callable[[Activation], None] = lambda _: None

    def activate(self, activation: Activation) -> None:
        self.does(activation)


@pytest.fixture
def workflow(monkeypatch: pytest.MonkeyPatch) -> Workflow:
    made = Workflow()
    monkeypatch.setattr(UnsandboxedWorkflowRunner, "create_instance", lambda *_: made)
    return made


def test_a_task_counts_until_it_is_done(workflow: Workflow):
    workflows, seen = WatchedWorkflows(), list[str]()
    workflow.does = lambda _: seen.append(workflows.oldest()[0])
    watched: Any = workflows.create_instance(Any)  # type: ignore[arg-type]
    watched.activate(Activation())
    assert seen == ["run-1"]
    assert workflows.oldest() == ("", 0.0)


def test_a_run_that_does_not_let_itself_be_ended_counts_until_it_does(workflow: Workflow):
    workflows, done = WatchedWorkflows(), workflow.does

    def refuse(_: Activation) -> None:
        raise RuntimeError("1 tasks remain")

    workflow.does = refuse
    watched: Any = workflows.create_instance(Any)  # type: ignore[arg-type]
    for _ in range(2):
        with pytest.raises(RuntimeError):
            watched.activate(Activation())
    first = workflows.oldest()
    assert first[0] == "run-1"
    with pytest.raises(RuntimeError):
        watched.activate(Activation())
    assert workflows.oldest()[1] >= first[1]
    workflow.does = done
    watched.activate(Activation())
    assert workflows.oldest() == ("", 0.0)
