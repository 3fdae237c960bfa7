"""What is bought: one item that everybody wants, or a few of a wide catalogue."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

Basket = Sequence[str]
"""SKUs, each wanted once, none twice."""

STOCK_AMPLE: Final = 100_000_000


@dataclass(frozen=True, slots=True)
class Assortment:
    """What a shop has, and how many different items each of its customers wants."""

    skus: tuple[str, ...]
    lines: int

    def customer(self, seed: str) -> Callable[[], Basket]:
        """Return a customer who names a basket each time; the same ones for the same seed."""
        choice = random.Random(seed)  # noqa: S311  # baskets, no secrets

        def basket() -> Basket:
            return choice.sample(self.skus, self.lines)

        return basket


HOT_SKU: Final = Assortment(("DROP-01",), lines=1)
WIDE_CATALOGUE: Final = Assortment(tuple(f"ITEM-{n:04}" for n in range(1_000)), lines=3)
