"""What a benchmark asks of a program of shoppers, and what that program tells: one JSON a line."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict

# The stock that whole checkouts buy from: one unit of one of these, in turn.
CATALOGUE_SIZE: Final = 100
UNITS_EACH: Final = 1_000_000
HOLD_SECONDS: Final = 900
READY: Final = "ready"
PEER_DATABASE_VARIABLE: Final = "BENCH_PEER_DATABASE_URL"


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Job(_Message):
    """Checkouts to make: each is reserved and, once that is answered, confirmed.

    Args:
        name: leads the id of each checkout, so it is used once.
        checkouts: how many.
        at_once: how many shoppers share them, each at one checkout at a time.
    """

    name: str
    checkouts: int
    at_once: int


class Tally(_Message):
    """What became of a job, in seconds as the shoppers saw them."""

    seconds: float
    reserve_seconds: tuple[float, ...]
    confirm_seconds: tuple[float, ...]


def catalogue() -> list[str]:
    """Return the SKUs that checkouts buy."""
    return [f"BENCH-{number:03}" for number in range(CATALOGUE_SIZE)]


def sku_of(number: int) -> str:
    """Return what the checkout of this number buys."""
    return f"BENCH-{number % CATALOGUE_SIZE:03}"
