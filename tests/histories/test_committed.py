"""Histories of every release and every path replay with the present code, sandboxed or not."""

from __future__ import annotations

import getpass
import json
import re
import socket
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner
from temporalio.workflow import NondeterminismError

from tests.histories.changed import PatchedCheckout, UnguardedCheckout
from tests.histories.shelf import files, label, take, texts
from worker.composition import WORKFLOWS
from workflows.adjust_stock import AdjustStockWorkflow
from workflows.payloads import DATA_CONVERTER
from workflows.private_checkout import PrivateCheckoutWorkflow
from workflows.reconcile import ReconcileWorkflow
from workflows.settlement import SettlementWorkflow

OTHERS = (AdjustStockWorkflow, ReconcileWorkflow, SettlementWorkflow)
RUNNERS: dict[str, WorkflowRunner] = {
    "sandboxed": SandboxedWorkflowRunner(),
    "unsandboxed": UnsandboxedWorkflowRunner(),
}
# What every release is to leave behind, so that no path is forgotten.
PATHS = {
    "abandoned", "adjustment-applied", "adjustment-conflict", "adjustment-invalid",
    "adjustment-refused", "amended-then-paid", "amended-too-late", "asked-again",
    "cancelled-before-the-reserve", "cancelled-by-signal", "cancelled-by-temporal",
    "cancelled-by-update", "cancelled-in-an-outage", "committed-first-run",
    "committed-last-run", "committed-then-amended", "committed-then-cancelled",
    "committed-then-shipped", "conflict", "continued-first-run", "continued-last-run", "denied",
    "expired", "extended-before-the-reserve", "extended-then-paid", "extension-over-cap",
    "extension-too-late", "from-cart", "from-empty-cart", "given-back-then-paid", "held",
    "invalid-start", "paid", "paid-in-an-outage", "paid-too-late", "paid-twice",
    "payment-ended-too-late", "payment-in-flight", "reconcile", "reinstated", "rest-given-back",
    "resumed-then-shipped", "settled", "settlement-cancel", "settlement-due-back",
    "settlement-forwarded", "settlement-payment-ended", "settlement-resume", "signals-ignored",
    "superseded", "superseding",
    "timer-too-early", "told-that-it-is-due-back", "unavailable",
}  # fmt: skip
# Where no hold is ended by a message or its deadline, so that the changed copies change nothing.
UNTOUCHED = {
    "abandoned", "adjustment-applied", "adjustment-conflict", "adjustment-invalid",
    "adjustment-refused", "amended-too-late", "committed-last-run", "conflict",
    "continued-first-run", "denied", "extension-too-late", "from-empty-cart", "held",
    "invalid-start", "payment-ended-too-late", "reconcile", "resumed-then-shipped", "settled",
    "settlement-cancel", "settlement-due-back", "settlement-forwarded", "settlement-payment-ended",
    "settlement-resume",
    "unavailable",
}  # fmt: skip
# What no history may say of the machine that it was recorded on: paths, addresses, names.
NAMING = re.compile(r"/(home|root|work|tmp|usr|var)/|\d+\.\d+\.\d+\.\d+|\.py\b|@")

every_history = pytest.mark.parametrize("file", files(), ids=label)
# The sandbox imports everything anew for each history, which is not for the fast lane.
every_runner = pytest.mark.parametrize(
    "runner",
    [
        pytest.param(runner, id=name, marks=[pytest.mark.slow] if name == "sandboxed" else [])
        for name, runner in RUNNERS.items()
    ],
)


async def replay(
    history: WorkflowHistory, checkout: type = WORKFLOWS[0], runner: WorkflowRunner | None = None
) -> None:
    await Replayer(
        workflows=(checkout, *OTHERS),
        data_converter=DATA_CONVERTER,
        workflow_runner=runner or RUNNERS["unsandboxed"],
    ).replay_workflow(history)


def test_every_path_was_recorded_for_every_release():
    releases = {file.parent for file in files()}
    assert releases
    for release in releases:
        assert {file.stem for file in release.glob("*.json")} >= PATHS


@every_runner
@every_history
async def test_a_history_replays(file: Path, runner: WorkflowRunner):
    await replay(take(file), runner=runner)


@every_history
async def test_a_history_replays_where_metadata_is_to_be_private(file: Path):
    await replay(take(file), PrivateCheckoutWorkflow)


@every_history
def test_a_history_names_no_machine_and_nobody(file: Path):
    own = {socket.gethostname(), getpass.getuser()} - {""}
    for text in texts(json.loads(file.read_text())):
        assert not NAMING.search(text), text
        assert not any(re.search(rf"\b{re.escape(name)}\b", text) for name in own), text


# --- a change of the workflow --------------------------------------------------------------------


@every_runner
@every_history
async def test_a_change_that_is_patched_replays_what_was_before_it(
    file: Path, runner: WorkflowRunner
):
    await replay(take(file), PatchedCheckout, runner)


@every_history
async def test_the_same_change_without_the_patch_is_noticed(file: Path):
    """The control: these replays can fail, and do where the change makes a difference."""
    if file.stem in UNTOUCHED:
        await replay(take(file), UnguardedCheckout)
    else:
        with pytest.raises(NondeterminismError):
            await replay(take(file), UnguardedCheckout)
