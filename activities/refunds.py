"""The activities about payments that are due back."""

from __future__ import annotations

import structlog
from temporalio import activity

from activities.attempt import attempt_fields, to_its_end
from activities.failures import told_to_temporal
from activities.inventory.async_ledger import AsyncLedger
from holdfast_client.contract.refunds import RefundDone, Refunded, Refunds, RefundsRequest

_log = structlog.get_logger(__name__)


class RefundActivities:
    """What the workflows about refunds ask of the ledger."""

    def __init__(self, ledger: AsyncLedger) -> None:
        self._ledger = ledger

    @activity.defn(name="read_refunds")
    async def read_refunds(self, request: RefundsRequest) -> Refunds:
        """Read which payments are due back."""
        with told_to_temporal():
            return await to_its_end(self._ledger.refunds(request))

    @activity.defn(name="refund_done")
    async def refund_done(self, wish: RefundDone) -> Refunded:
        """A payment that was due back has gone back."""
        with told_to_temporal():
            refunded = await to_its_end(self._ledger.refund(wish))
        _log.info("refund", checkout_id=refunded.checkout_id, **attempt_fields())
        return refunded
