"""The activity that reads the timeline of a checkout."""

from __future__ import annotations

from activities.attempt import ledger_call
from activities.failures import told_to_temporal
from activities.inventory.ledger import Ledger
from holdfast_client.contract.timeline import Timeline, TimelineRequest


class TimelineActivities:
    """What the timeline's workflow asks of the ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    @ledger_call("read_timeline")
    def read_timeline(self, request: TimelineRequest) -> Timeline | None:
        """Read what the database has on a checkout; None where it has nothing."""
        with told_to_temporal():
            return self._ledger.timeline(request.checkout_id)
