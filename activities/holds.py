"""The activity that lists open holds."""

from __future__ import annotations

from activities.attempt import ledger_call
from activities.failures import told_to_temporal
from activities.inventory.ledger import Ledger
from holdfast_client.contract.holds import Holds, HoldsRequest


class HoldsActivities:
    """What the workflow that lists holds asks of the ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    @ledger_call("read_holds")
    def read_holds(self, request: HoldsRequest) -> Holds:
        """Read who holds what, and until when."""
        with told_to_temporal():
            return self._ledger.holds(request)
