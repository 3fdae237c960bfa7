"""What a checkout's workflow knows of the payments that were named for it. Pure data."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from activities.inventory.payment_records import Pause
from activities.inventory.records import ReservationState
from holdfast_client.contract.outcomes import (
    PAYMENTS_KEPT_MAX,
    Cancelled,
    Committed,
    Fulfilled,
    KnownOutcome,
    PaymentReport,
    PaymentState,
    RefundDue,
    Unavailable,
)


def refund_due(payment_reference: str, state: ReservationState) -> RefundDue:
    """Return the answer to a payment that is due back, as the ledger says.

    A checkout that was unavailable is a tombstone there, and stands as its shopper was told.
    """
    standing = Unavailable() if state.refund_due == "unavailable" else None
    return RefundDue(
        payment_reference=payment_reference,
        reason=state.refund_due or "",
        shortages=state.shortages,
        standing=state.outcome if state.is_known else standing,
    )


@dataclass(slots=True)
class Payments:
    """Each payment once, as it stands; of very many the first are left out, and counted."""

    told: list[PaymentReport] = field(default_factory=list)
    left_out: int = 0

    def note(self, reference: str, state: PaymentState, now: datetime, reason: str = "") -> None:
        """Take over what became of a payment."""
        for place, known in enumerate(self.told):
            if known.payment_reference == reference:
                if (known.state, known.reason) != (state, reason):
                    self.told[place] = _report(reference, state, now, reason)
                return
        self.told.append(_report(reference, state, now, reason))
        if len(self.told) > PAYMENTS_KEPT_MAX:
            del self.told[0]
            self.left_out += 1

    def follow_pause(self, pause: Pause, now: datetime) -> None:
        """Take over that a payment is in flight, or has come to nothing."""
        known = {payment.payment_reference: payment.state for payment in self.told}
        state = known.get(pause.payment_reference)
        if pause.kind == "payment_started":
            if state is None:
                self.note(pause.payment_reference, "started", now)
        elif state in {"started", "failed"}:
            self.note(pause.payment_reference, "failed", now, pause.result or "")

    def follow(self, before: KnownOutcome | None, after: KnownOutcome, now: datetime) -> None:
        """Take over what an outcome says of the payment that settled the checkout."""
        if isinstance(after, Committed | Fulfilled):
            self.note(after.payment_reference, "settled", now)
        elif isinstance(before, Committed) and isinstance(after, Cancelled):
            self.note(before.payment_reference, "refund_due", now, "cancelled")


def _report(reference: str, state: PaymentState, now: datetime, reason: str) -> PaymentReport:
    return PaymentReport(payment_reference=reference, state=state, reason=reason, at=now)
