"""What one run of a checkout hands to the next."""

from __future__ import annotations

from holdfast_client.contract.fields import Answer, UtcTime
from holdfast_client.contract.outcomes import (
    CheckoutEvent,
    OpenOutcome,
    PaymentReport,
    ShipmentReport,
)


class CarriedState(Answer):
    """What one run of a checkout's workflow hands to the next."""

    held: OpenOutcome
    # None of what is committed, which waits for no deadline.
    wake_at: UtcTime | None
    payments: tuple[PaymentReport, ...] = ()
    payments_left_out: int = 0
    shipments: tuple[ShipmentReport, ...] = ()
    shipments_left_out: int = 0
    events: tuple[CheckoutEvent, ...]
    events_left_out: int = 0
    attempt: int = 1
    # None from a worker of 0.1.0, which does not count them.
    extend_signals: int | None = None

    @property
    def signals_counted(self) -> int:
        """A number that no extend signal so far had a higher one than.

        Where the count was lost, each of them has left an entry among the events at least.
        """
        if self.extend_signals is None:
            return len(self.events) + self.events_left_out
        return self.extend_signals
