"""What is wanted, what there is, and what comes of it: the words of the rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

StockKey = tuple[str, str]
"""SKU and location."""


@dataclass(frozen=True, slots=True)
class Want:
    """So many units of a SKU, 1 or more, at a place or wherever; ``place`` None says wherever."""

    sku: str
    place: str | None
    quantity: int


@dataclass(frozen=True, slots=True)
class Demand:
    """What one checkout wants; no two of its wants are alike."""

    checkout_id: str
    wants: tuple[Want, ...]


@dataclass(frozen=True, slots=True)
class StockLevel:
    """What a stock item has for new holds, in units, read under its lock.

    ``own`` is what the checkout that wants it has of it already: that never counts against it.
    """

    item_id: int
    active: bool
    for_sale: int
    own: int = 0


@dataclass(frozen=True, slots=True)
class Pick:
    """So many units of one stock item, chosen for a want."""

    item_id: int
    key: StockKey
    quantity: int


@dataclass(frozen=True, slots=True)
class Shortfall:
    """Why a want cannot be had."""

    key: StockKey
    requested: int
    available: int
    reason: Literal["insufficient", "unknown_sku", "inactive"]
