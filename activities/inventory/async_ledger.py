"""The ledger for coroutines: what workers ask of it, and nobody's thread waits."""

from __future__ import annotations

import time
from collections.abc import Callable

from activities.inventory.asking import AskedByCoroutines
from activities.inventory.database.async_carrier import carry_out
from activities.inventory.database.calls import ResultT, Steps
from activities.inventory.database.errors import ConnectionLost
from activities.inventory.database.pool import LedgerPool
from activities.inventory.database.repeats import REPEAT_WITHIN_SECONDS
from activities.inventory.ledger_operations import (
    HOLD_SECONDS_CAP_DEFAULT,
    PAYMENT_GRACE_CAP_DEFAULT,
    LedgerOperations,
)


class AsyncLedger(LedgerOperations, AskedByCoroutines):
    """Stock and reservations in Postgres, for the coroutines of one event loop.

    Args:
        pool: the connections.
        hold_seconds_cap: as of :class:`~activities.inventory.ledger_operations.LedgerOperations`.
        payment_grace_cap: as there.
    """

    def __init__(
        self,
        pool: LedgerPool,
        *,
        hold_seconds_cap: int = HOLD_SECONDS_CAP_DEFAULT,
        payment_grace_cap: int = PAYMENT_GRACE_CAP_DEFAULT,
    ) -> None:
        super().__init__(hold_seconds_cap, payment_grace_cap)
        self._pool = pool

    async def _ask(self, begin: Callable[[], Steps[ResultT]]) -> ResultT:
        began = time.monotonic()
        try:
            return await carry_out(self._pool, begin())
        except ConnectionLost:
            if time.monotonic() - began > REPEAT_WITHIN_SECONDS:
                raise
        return await carry_out(self._pool, begin())
