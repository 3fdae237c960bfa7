"""Two minutes of shoppers and faults on servers of their own, and every promise kept."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from soak.faults import SERVER_FAULTS

ROOT = Path(__file__).parents[2]
SEED = 20_240
MINUTES = 2
# Fewer than this on a machine with two cores would say little.
CHECKOUTS_MIN = 100
# The faults, the calm after them, the verdict, and a machine that is busy with other things.
RUN_SECONDS_MAX = 900


@pytest.mark.servers
@pytest.mark.timeout(RUN_SECONDS_MAX + 30)
def test_in_two_minutes_of_faults_no_promise_is_broken() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "soak", "--json", *_options()],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS_MAX,
        check=False,
    )
    assert ended.stdout, ended.stderr[-5_000:]
    figures = json.loads(ended.stdout)
    print(json.dumps(figures, indent=1))
    assert figures["violations"] == [], ended.stderr[-5_000:]
    assert ended.returncode == 0
    assert {fault["kind"] for fault in figures["faults"]} >= set(SERVER_FAULTS)
    assert figures["checkouts"] >= CHECKOUTS_MIN


def _options() -> tuple[str, ...]:
    return ("--minutes", str(MINUTES), "--seed", str(SEED))
