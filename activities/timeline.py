"""The activity that reads the timeline of a checkout."""

from __future__ import annotations

from temporalio import activity

from activities.attempt import to_its_end
from activities.failures import told_to_temporal
from activities.inventory.async_ledger import AsyncLedger
from holdfast_client.contract.timeline import Timeline, TimelineRequest


class TimelineActivities:
    """What the timeline's workflow asks of the ledger."""

    def __init__(self, ledger: AsyncLedger) -> None:
        self._ledger = ledger

    @activity.defn(name="read_timeline")
    async def read_timeline(self, request: TimelineRequest) -> Timeline | None:
        """Read what the database has on a checkout; None where it has nothing."""
        with told_to_temporal():
            return await to_its_end(self._ledger.timeline(request.checkout_id))
