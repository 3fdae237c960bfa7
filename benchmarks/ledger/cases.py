"""The cases of this room, in the order in which they are run."""

from __future__ import annotations

from typing import Final

from benchmarks.case import Case
from benchmarks.ledger import adoption, contention, growth, loading, sweep

CASES: Final[tuple[Case, ...]] = (
    contention.HOT,
    contention.WIDE,
    growth.CLOSED,
    growth.OPEN,
    sweep.SWEEP,
    sweep.START,
    loading.Loading(),
    adoption.Adopting(),
    adoption.Adopted(),
)
