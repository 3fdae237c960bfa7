"""A shop with reservations in plain Postgres and no engine: what most shops write first.

Each request is one transaction in the process that takes it, and a thread looks every second for
holds that are over and gives back what it can lock (``SKIP LOCKED``). What such a shop lacks: a
request that comes twice, or whose answer was lost, is not told from a new one; nothing waits for
the payment or retries while the database is away; nobody can see a checkout's timeline or send it a
message; a payment that comes late finds nothing; and no movement says where a unit went.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread
from typing import Any, Final, Self

import sqlalchemy as sa
from sqlalchemy.orm import Session

from benchmarks.stack import peer_ledger
from benchmarks.stack.jobs import HOLD_SECONDS, PEER_DATABASE_VARIABLE

_POOL_SIZE: Final = 20
_SWEEP_SECONDS: Final = 1.0
_SWEEP_SIZE: Final = 100


class PlainShop:
    """Reserves and confirms by transactions in the threads of this process."""

    def __init__(self, url: str) -> None:
        self._engine = sa.create_engine(
            url, pool_size=_POOL_SIZE, max_overflow=0, isolation_level="READ COMMITTED"
        )
        self._threads = ThreadPoolExecutor(_POOL_SIZE, "shopper")
        self._over = Event()
        self._sweeper = Thread(target=self._sweep, name="sweeper")
        self._sweeper.start()

    @classmethod
    async def open(cls) -> Self:
        """Open the shop on the database that the environment names."""
        return cls(os.environ[PEER_DATABASE_VARIABLE])

    async def reserve(self, checkout_id: str, sku: str) -> None:
        request = {"lines": [{"sku": sku, "quantity": 1}], "hold_seconds": HOLD_SECONDS}
        await self._ask(peer_ledger.reserve, checkout_id, request, wanted="held")

    async def confirm(self, checkout_id: str) -> None:
        await self._ask(peer_ledger.close, checkout_id, "fulfilled", wanted="fulfilled")

    async def close(self) -> None:
        self._over.set()
        await asyncio.to_thread(self._sweeper.join)
        self._threads.shutdown()
        self._engine.dispose()

    async def _ask(
        self, do: Callable[..., dict[str, Any]], checkout_id: str, argument: Any, *, wanted: str
    ) -> None:
        loop = asyncio.get_running_loop()
        answer = await loop.run_in_executor(self._threads, self._do, do, checkout_id, argument)
        if answer["status"] != wanted:
            raise RuntimeError(f"{checkout_id} was not {wanted}: {answer}")

    def _do(
        self, do: Callable[..., dict[str, Any]], checkout_id: str, argument: Any
    ) -> dict[str, Any]:
        with Session(self._engine) as session, session.begin():
            return do(session, checkout_id, argument)

    def _sweep(self) -> None:
        while not self._over.wait(_SWEEP_SECONDS):
            with Session(self._engine) as session, session.begin():
                peer_ledger.sweep(session, _SWEEP_SIZE)
