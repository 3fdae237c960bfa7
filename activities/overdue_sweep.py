"""Thousands of holds that end together, as after an outage, are ended together.

Each has a workflow whose timer ends it, but these are served one by one, and their stock should not
wait for the last. So whoever ends a hold that is over looks, now and then, for others that are over
by more than a moment, and ends these too. Their workflows then find them ended, as after any race.
"""

from __future__ import annotations

import time
from typing import Final

import structlog

from activities.inventory.async_ledger import AsyncLedger
from activities.inventory.database.errors import LedgerError
from activities.inventory.ledger_operations import BATCH_SIZE_MAX

# A payment in the last moment is not to lose against a stranger's timer: for so long after the
# deadline only the hold's own workflow ends it, or a buyer who needs the stock.
SWEEP_GRACE_SECONDS: Final = 2.0
SWEEP_INTERVAL_SECONDS: Final = 0.5
SWEEP_BATCHES_MAX: Final = 2
SWEEP_ACTOR: Final = "sweep"

_log = structlog.get_logger(__name__)


class OverdueSweep:
    """Ends holds that are over, at most once an interval in this process.

    Args:
        ledger: whose holds.
        interval_seconds: the least time from one sweep to the next.
        grace_seconds: how long a hold must be over.
    """

    def __init__(
        self,
        ledger: AsyncLedger,
        *,
        interval_seconds: float = SWEEP_INTERVAL_SECONDS,
        grace_seconds: float = SWEEP_GRACE_SECONDS,
    ) -> None:
        self._ledger = ledger
        self._interval_seconds = interval_seconds
        self._grace_seconds = grace_seconds
        self._is_at_it = False
        self._next_at = 0.0

    async def run_if_due(self) -> int:
        """End up to ``SWEEP_BATCHES_MAX`` batches, unless it is too soon or somebody is at it.

        A sweep that fails changes nothing, and is nobody's failure: the next will do.

        Returns:
            How many holds were ended.
        """
        if self._is_at_it or time.monotonic() < self._next_at:
            return 0
        self._is_at_it = True
        try:
            return await self._sweep()
        finally:
            self._is_at_it = False
            self._next_at = time.monotonic() + self._interval_seconds

    async def _sweep(self) -> int:
        ended = 0
        try:
            for _ in range(SWEEP_BATCHES_MAX):
                batch = await self._ledger.expire_overdue(self._grace_seconds, actor=SWEEP_ACTOR)
                ended += batch
                if batch < BATCH_SIZE_MAX:
                    break
        except LedgerError as error:
            _log.info("sweep_failed", reason=str(error))
        if ended:
            _log.info("sweep", ended=ended)
        return ended
