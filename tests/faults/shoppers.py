"""Shoppers who keep buying while something breaks, and remember what they were told."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from holdfast_client.client import ReservationClient
from holdfast_client.contract.errors import OutcomeUnknown
from holdfast_client.contract.outcomes import Held, Outcome
from tests.inventory.shop import Shop
from tests.workflows.waiting import until

_ASKS_MAX: Final = 60
_PAUSE_SECONDS: Final = 0.1


@dataclass
class Shoppers:
    """Reserve, then pay or give back, one checkout after the other.

    Who gets no answer asks again with the same id, as the client's error tells him to.

    Args:
        client: through which they shop.
        sku: what they all want, one unit at a time.
        prefix: of their checkout ids.
    """

    client: ReservationClient
    sku: str
    prefix: str
    answers: dict[str, list[Outcome]] = field(default_factory=dict)
    reserved_at: list[float] = field(default_factory=list)
    unanswered: int = 0

    @asynccontextmanager
    async def shopping(self, count: int) -> AsyncIterator[None]:
        """So many shop while the block runs; each finishes what he has begun."""
        leaving = asyncio.Event()
        crowd = [asyncio.create_task(self._shop(number, leaving)) for number in range(count)]
        try:
            yield
        finally:
            leaving.set()
            await asyncio.gather(*crowd)

    async def until_served(self, count: int) -> None:
        """Wait until so many more reserves were answered."""
        wanted = len(self.reserved_at) + count
        await until(lambda: len(self.reserved_at) >= wanted)

    @property
    def longest_stall_seconds(self) -> float:
        """The longest time in which no reserve of anybody was answered."""
        pairs = zip(self.reserved_at, self.reserved_at[1:], strict=False)
        return max((later - earlier for earlier, later in pairs), default=0.0)

    def check(self, shop: Shop, opening_total: int) -> None:
        """Compare what everybody was told with what the database has."""
        sold = 0
        for checkout_id, told in self.answers.items():
            last = told[-1].status
            if last == "unavailable":
                # Once the tombstone stands; before that there is no row at all.
                assert shop.movements(checkout_id) in ([], [("reserve", 0, 1), ("cancel", 0, -1)])
                continue
            assert shop.status(checkout_id) == last, checkout_id
            finals = [outcome for outcome in told if not isinstance(outcome, Held)]
            assert all(outcome == finals[0] for outcome in finals), checkout_id
            kinds = [kind for kind, _, _ in shop.movements(checkout_id)]
            assert kinds.count("fulfil") == (last == "fulfilled"), checkout_id
            sold += last == "fulfilled"
        assert shop.ledger.audit() == ()
        assert shop.figures(self.sku).total == opening_total - sold

    async def _shop(self, shopper: int, leaving: asyncio.Event) -> None:
        chance = random.Random(shopper)
        number = 0
        while not leaving.is_set():
            number += 1
            await self._check_out(f"{self.prefix}-{shopper}-{number}", pays=chance.random() < 0.7)

    async def _check_out(self, checkout_id: str, *, pays: bool) -> None:
        told = self.answers[checkout_id] = []
        for _ in range(_ASKS_MAX):
            try:
                if not told:
                    told.append(await self.client.reserve(checkout_id, [(self.sku, 1)]))
                    self.reserved_at.append(time.monotonic())
                if not isinstance(told[-1], Held):
                    return
                told.append(await self._end(checkout_id, pays=pays))
            except OutcomeUnknown:
                self.unanswered += 1
                await asyncio.sleep(_PAUSE_SECONDS)
        raise AssertionError(f"{checkout_id} had no outcome after {_ASKS_MAX} questions")

    async def _end(self, checkout_id: str, *, pays: bool) -> Outcome:
        if pays:
            return await self.client.confirm(checkout_id, f"pay-{checkout_id}")
        return await self.client.cancel(checkout_id)
