"""The one timer of a run, kept as long as it may be: each that is started is billed."""

from __future__ import annotations

import asyncio
from datetime import datetime

from temporalio import workflow


class KeptTimer:
    """Rings at a moment by the workflow's clock; one that is given up costs nothing."""

    def __init__(self) -> None:
        self._sleep: asyncio.Task[None] | None = None
        self._rings_at: datetime | None = None

    @property
    def rang(self) -> bool:
        """Whether the moment that was set last has come."""
        return self._sleep is not None and self._sleep.done()

    def ring_at(self, moment: datetime, summary: str) -> None:
        """Ring at a moment; a timer that rings then already goes on as it is.

        Args:
            moment: later than now.
            summary: what the Web UI says of a new one.
        """
        if self._waits_for(moment):
            return
        self.give_up()
        self._rings_at = moment
        self._sleep = asyncio.create_task(workflow.sleep(moment - workflow.now(), summary=summary))

    def ring_by(self, moment: datetime, summary: str) -> None:
        """Ring at a moment, or earlier where a timer goes on that does."""
        if self._rings_at is None or self.rang or self._rings_at > moment:
            self.ring_at(moment, summary)

    def give_up(self) -> None:
        """Ring no more.

        Before a run ends, too: Temporal refuses an end that meets a timer which has just rung, and
        whatever is answered with it, but not where the timer is given up with it.
        """
        if self._sleep:
            self._sleep.cancel()

    def _waits_for(self, moment: datetime) -> bool:
        return self._sleep is not None and not self.rang and self._rings_at == moment
