"""Any operations in any order: the ledger and its oracle agree after each step.

A longer run: ``make soak OPERATIONS=1000000``, with ``SEED=n`` to have one again. It comes in
rounds, each with a seed of its own: Hypothesis keeps in memory what it has tried within one.
"""

from __future__ import annotations

import json
import math
import os
import random
import time
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.inventory.machine_late import LateMachine
from tests.inventory.shop import Shop

OPERATIONS = int(os.environ.get("HOLDFAST_SOAK_OPERATIONS") or 0)
EXAMPLES, STEPS = (200, 50) if OPERATIONS else (80, 30)
# What one round asks for at the least; a batch is as many operations as it has wishes.
ROUNDS = max(1, math.ceil(OPERATIONS / (EXAMPLES * STEPS)))
FIRST_SEED = int(os.environ.get("HOLDFAST_SOAK_SEED") or random.randrange(10**6))
# A long run tells what it found as it is, at once. A short one after it finds the same in
# Hypothesis' own store, and makes it small, which takes minutes.
PHASES = set(Phase) - ({Phase.shrink, Phase.explain} if OPERATIONS else set())
# Reading all that stands takes longer than the step before it.
COMPARED_EVERY = 10 if OPERATIONS else 1
# Where a long run writes what each round has asked for, a JSON document a line.
TALLY = os.environ.get("HOLDFAST_SOAK_TALLY")


@pytest.mark.timeout(max(120, EXAMPLES * STEPS))
@pytest.mark.parametrize("number", range(ROUNDS))
def test_the_ledger_and_its_oracle_agree_whatever_is_asked_in_whatever_order(
    shop: Shop, number: int
) -> None:
    machine = partial(LateMachine, shop, COMPARED_EVERY)
    print(f"SEED={FIRST_SEED + number}")
    LateMachine.asked.clear()
    began = time.monotonic()
    run_state_machine_as_test(
        seed(FIRST_SEED + number)(machine),  # type: ignore[arg-type]  # it makes machines
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            phases=PHASES,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    _tell(FIRST_SEED + number, time.monotonic() - began)


def _tell(seed_of_round: int, took_seconds: float) -> None:
    if TALLY:
        asked = LateMachine.asked
        told = {"seed": seed_of_round, "operations": asked.total(), "seconds": took_seconds}
        with Path(TALLY).open("a", encoding="utf-8") as tally:
            print(json.dumps(told | {"asked": asked}), file=tally)
