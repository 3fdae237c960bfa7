"""The script that has Temporal do its work again stops where Temporal does not do as it should.

That it does what it is for is in test_restore.py.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from tests.docs.pages import ROOT
from tests.limits import HANG_SECONDS

REPLAY: Final = ROOT / "deploy/restore/replay-since.sh"
# Answers as the command line of Temporal does, but for one command; notes what it was asked.
TEMPORAL: Final = """#!/bin/sh
echo "$*" >>"$CALLS"
case "$*" in
  "$FAILING"*) exit 1 ;;
  "workflow count"*) echo "Total: 2" ;;
  "workflow reset"*) echo "Start batch? y/N yes"; echo "Started batch for job ID: job-1" ;;
  "batch list"*) echo "  JobId   State"; echo "  job-0  Completed" ;;
  "batch describe --job-id job-1"*) printf "  State           %s\\n" "$STATE"
    echo "  CompletedCount  2/2" ;;
esac
"""

Replay = Callable[..., tuple[int, list[str]]]


@pytest.fixture
def replay(tmp_path: Path) -> Replay:
    """Runs the script and returns its exit code, and what Temporal was asked."""
    program, calls = tmp_path / "temporal", tmp_path / "calls"
    program.write_text(TEMPORAL)
    program.chmod(0o755)
    return partial(_run, calls)


def _run(
    calls: Path, *, failing: str = "nothing", state: str = "Completed"
) -> tuple[int, list[str]]:
    ended = subprocess.run(
        ["/bin/sh", str(REPLAY), "2031-03-14T09:00:00Z"],
        env={
            "PATH": f"{calls.parent}:{os.environ['PATH']}",
            "HOLDFAST_WORKER": "true",
            "CALLS": str(calls),
            "FAILING": failing,
            "STATE": state,
        },
        capture_output=True,
        timeout=HANG_SECONDS,
        check=False,
    )
    return ended.returncode, calls.read_text().splitlines()


def _resets(asked: list[str]) -> int:
    return sum(each.startswith("workflow reset") for each in asked)


def test_each_kind_waits_for_the_batch_of_the_one_before(replay: Replay):
    code, asked = replay()
    assert code == 0
    commands = [" ".join(each.split()[:2]) for each in asked]
    assert commands == ["workflow count", "batch list", "workflow reset", "batch describe"] * 3


@pytest.mark.parametrize(
    ("failing", "resets"),
    [("workflow count", 0), ("batch list", 0), ("workflow reset", 1), ("batch describe", 1)],
)
def test_a_temporal_that_does_not_answer_has_not_said_that_no_batch_runs(
    replay: Replay, failing: str, resets: int
):
    code, asked = replay(failing=failing)
    assert code == 1
    assert _resets(asked) == resets


@pytest.mark.parametrize("state", ["Failed", "Unspecified"])
def test_after_a_batch_that_did_not_go_through_no_other_begins(replay: Replay, state: str):
    code, asked = replay(state=state)
    assert code == 1
    assert _resets(asked) == 1
