"""The rule that decides whether a cart is held: all of its wants, or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from activities.inventory.allocation.places import place_of
from activities.inventory.allocation.wants import (
    Demand,
    Pick,
    Shortfall,
    StockKey,
    StockLevel,
    Want,
)


@dataclass(frozen=True, slots=True)
class Allocation:
    """The decision on one demand: ``picks`` for all of its wants, or none because of shortfalls."""

    demand: Demand
    picks: tuple[Pick, ...] = ()
    shortfalls: tuple[Shortfall, ...] = ()

    @property
    def granted(self) -> bool:
        return not self.shortfalls


def allocate(
    demands: Sequence[Demand], stock: Mapping[StockKey, StockLevel]
) -> tuple[Allocation, ...]:
    """Decide each demand in the order given, all of its wants or none.

    What one demand gets is gone for those behind it; a refused demand takes nothing.

    Args:
        demands: first come first.
        stock: the level of every stock item that exists among those demanded.
    """
    free = {key: level.for_sale + level.own for key, level in stock.items()}
    decisions = []
    for demand in demands:
        decision = _decide(demand, stock, free)
        for pick in decision.picks:
            free[pick.key] -= pick.quantity
        decisions.append(decision)
    return tuple(decisions)


def _decide(
    demand: Demand, stock: Mapping[StockKey, StockLevel], free: Mapping[StockKey, int]
) -> Allocation:
    wants = sorted(demand.wants, key=lambda want: (want.sku, place_of(want)))
    shortfalls = [found for want in wants if (found := _shortfall(want, stock, free))]
    if shortfalls:
        return Allocation(demand, shortfalls=tuple(shortfalls))
    return Allocation(demand, tuple(_pick(want, stock) for want in wants))


def _shortfall(
    want: Want, stock: Mapping[StockKey, StockLevel], free: Mapping[StockKey, int]
) -> Shortfall | None:
    key = (want.sku, place_of(want))
    level = stock.get(key)
    if level is None:
        return Shortfall(key, want.quantity, 0, "unknown_sku")
    if want.quantity <= level.own:
        return None
    if not level.active:
        return Shortfall(key, want.quantity, level.own, "inactive")
    if free[key] < want.quantity:
        return Shortfall(key, want.quantity, free[key], "insufficient")
    return None


def _pick(want: Want, stock: Mapping[StockKey, StockLevel]) -> Pick:
    key = (want.sku, place_of(want))
    return Pick(stock[key].item_id, key, want.quantity)
