"""The activity that lists open holds."""

from __future__ import annotations

from temporalio import activity

from activities.attempt import to_its_end
from activities.failures import told_to_temporal
from activities.inventory.async_ledger import AsyncLedger
from holdfast_client.contract.holds import Holds, HoldsRequest


class HoldsActivities:
    """What the workflow that lists holds asks of the ledger."""

    def __init__(self, ledger: AsyncLedger) -> None:
        self._ledger = ledger

    @activity.defn(name="read_holds")
    async def read_holds(self, request: HoldsRequest) -> Holds:
        """Read who holds what, and until when."""
        with told_to_temporal():
            return await to_its_end(self._ledger.holds(request))
