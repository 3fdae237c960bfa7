"""Who gets what: the one rule that decides whether a cart is held, with no I/O in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

StockKey = tuple[str, str]
"""SKU and location."""


@dataclass(frozen=True, slots=True)
class StockLevel:
    """What a stock item has, read under its lock."""

    item_id: int
    active: bool
    available: int


@dataclass(frozen=True, slots=True)
class Demand:
    """What one reservation wants: each stock item at most once, quantities 1 or more."""

    reservation_id: str
    lines: Mapping[StockKey, int]


@dataclass(frozen=True, slots=True)
class Shortfall:
    """Why one stock item cannot be given."""

    key: StockKey
    requested: int
    available: int
    reason: Literal["insufficient", "unknown_sku", "inactive"]


@dataclass(frozen=True, slots=True)
class Allocation:
    """The decision on one demand: all of its lines, or none because of ``shortfalls``."""

    demand: Demand
    shortfalls: tuple[Shortfall, ...]

    @property
    def granted(self) -> bool:
        return not self.shortfalls


def allocate(
    demands: Sequence[Demand], stock: Mapping[StockKey, StockLevel]
) -> tuple[Allocation, ...]:
    """Decide each demand in the order given, all of its lines or none.

    What one demand gets is gone for those behind it; a refused demand takes nothing.

    Args:
        demands: first come first.
        stock: the level of every stock item that exists among those demanded.
    """
    free = {key: level.available for key, level in stock.items()}
    decisions = []
    for demand in demands:
        shortfalls = _shortfalls(demand, stock, free)
        if not shortfalls:
            for key, quantity in demand.lines.items():
                free[key] -= quantity
        decisions.append(Allocation(demand, shortfalls))
    return tuple(decisions)


def _shortfalls(
    demand: Demand, stock: Mapping[StockKey, StockLevel], free: Mapping[StockKey, int]
) -> tuple[Shortfall, ...]:
    found = (
        _shortfall(key, quantity, stock.get(key), free)
        for key, quantity in sorted(demand.lines.items())
    )
    return tuple(shortfall for shortfall in found if shortfall)


def _shortfall(
    key: StockKey, quantity: int, level: StockLevel | None, free: Mapping[StockKey, int]
) -> Shortfall | None:
    if level is None:
        return Shortfall(key, quantity, 0, "unknown_sku")
    if not level.active:
        return Shortfall(key, quantity, 0, "inactive")
    if free[key] < quantity:
        return Shortfall(key, quantity, free[key], "insufficient")
    return None
