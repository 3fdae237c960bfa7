"""When which fault strikes, drawn from a seed; and a record of every strike."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import psycopg
from temporalio.service import RPCError

from soak.faults import SERVER_FAULTS, lock_stock
from soak.shop import Shop
from soak.site import Site
from soak.workflow_faults import WORKFLOW_FAULTS

LOCK_FAULT: Final = "stock locked by a stranger"
_PAUSE_SECONDS: Final = (1.0, 4.0)
_BLOW_PAUSE_SECONDS: Final = (0.3, 3.0)
_LOCK_PAUSE_SECONDS: Final = (2.0, 6.0)
_SECOND_FAULT_SHARE: Final = 0.25
_TEND_SECONDS: Final = 0.5
# Faults that break the same thing, which the second would mend too early for the first.
_TARGETS: Final = {
    "a worker killed": "workers",
    "all workers killed": "workers",
    "workers restarted in turn": "workers",
    "Postgres crashed": "postgres",
    "Postgres frozen": "postgres",
    "Postgres blackholed": "line",
    "Postgres refused": "line",
    "Postgres slow": "line",
    "Temporal killed": "temporal",
}


@dataclass(slots=True)
class Strike:
    """One fault: when it struck, when it was mended, and what it broke."""

    kind: str
    began: float
    mended: float

    @property
    def breaks_servers(self) -> bool:
        return self.kind in SERVER_FAULTS


class Storm:
    """All faults of a run.

    Args:
        site: what they break.
        shop: whose checkouts they break.
        seed: of everything that is drawn.
        announce: told of each fault of the servers.
    """

    def __init__(self, site: Site, shop: Shop, seed: int, announce: Callable[[str], None]) -> None:
        self._site = site
        self._shop = shop
        self._seed = seed
        self._announce = announce
        self.strikes: list[Strike] = []
        # Blows that were struck, but may have missed a checkout that was just over.
        self.missed = 0

    @property
    def has_had_its_turn(self) -> bool:
        """Whether each kind of fault of the servers has struck and was mended."""
        mended = {strike.kind for strike in self.strikes if strike.mended < float("inf")}
        return mended >= set(SERVER_FAULTS)

    async def rage(self) -> None:
        """Strike until the shop closes; when it returns everything is mended."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._break_servers(self._chance("servers")))
            tasks.create_task(self._break_workflows(self._chance("workflows")))
            tasks.create_task(self._lock_stock(self._chance("locks")))

    async def tend(self) -> None:
        """Replace workers that end by themselves, for as long as the run lasts."""
        while True:
            self._site.fleet.tend()
            await asyncio.sleep(_TEND_SECONDS)

    async def _break_servers(self, chance: random.Random) -> None:
        for kinds in _bag(chance):
            if not await self._pause(chance.uniform(*_PAUSE_SECONDS)):
                return
            self._announce(f"fault: {' and '.join(kinds)}")
            await asyncio.gather(*(self._strike(kind, chance) for kind in kinds))

    async def _strike(self, kind: str, chance: random.Random) -> None:
        strike = Strike(kind, time.monotonic(), float("inf"))
        self.strikes.append(strike)
        await SERVER_FAULTS[kind](self._site, chance)
        strike.mended = time.monotonic()

    async def _break_workflows(self, chance: random.Random) -> None:
        while await self._pause(chance.uniform(*_BLOW_PAUSE_SECONDS)):
            kind = chance.choice(list(WORKFLOW_FAULTS))
            busy = sorted(self._shop.in_hand)
            if not busy:
                continue
            began = time.monotonic()
            try:
                await WORKFLOW_FAULTS[kind](
                    self._site.client, chance.choice(busy), self._shop.testimony, chance
                )
            except RPCError:
                # Not begun yet, over already, or Temporal is away.
                self.missed += 1
            else:
                self.strikes.append(Strike(kind, began, time.monotonic()))

    async def _lock_stock(self, chance: random.Random) -> None:
        while await self._pause(chance.uniform(*_LOCK_PAUSE_SECONDS)):
            began = time.monotonic()
            try:
                async with asyncio.timeout(20):
                    await lock_stock(self._site, chance)
            except (psycopg.OperationalError, TimeoutError):
                self.missed += 1
            else:
                self.strikes.append(Strike(LOCK_FAULT, began, time.monotonic()))

    async def _pause(self, seconds: float) -> bool:
        """Wait; False when the shop closes meanwhile."""
        try:
            await asyncio.wait_for(self._shop.closing.wait(), seconds)
        except TimeoutError:
            return True
        return False

    def _chance(self, of: str) -> random.Random:
        return random.Random(f"{self._seed}-{of}")  # noqa: S311  # faults, not secrets


def _bag(chance: random.Random) -> Iterator[tuple[str, ...]]:
    """Draw all kinds in turn, again and again, sometimes two at once that do not share a target."""
    while True:
        kinds = chance.sample(list(SERVER_FAULTS), len(SERVER_FAULTS))
        while kinds:
            first = kinds.pop()
            others = [kind for kind in kinds if _TARGETS[kind] != _TARGETS[first]]
            if others and chance.random() < _SECOND_FAULT_SHARE:
                second = chance.choice(others)
                kinds.remove(second)
                yield first, second
            else:
                yield (first,)
