"""The activities of a checkout: each one call of the ledger, its failures told to Temporal."""

from __future__ import annotations

import structlog

from activities.attempt import attempt_fields, ledger_call
from activities.failures import told_to_temporal
from activities.inventory.errors import ReservationConflict
from activities.inventory.ledger import Ledger
from activities.inventory.records import (
    Closing,
    ExtensionAnswer,
    HoldExtension,
    ReservationState,
)
from holdfast_client.messages import CheckoutRequest

_log = structlog.get_logger(__name__)


class CheckoutActivities:
    """What a checkout's workflow asks of the ledger.

    Every failure may be retried, because every operation gives its first answer again; only a
    conflict is final.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    @ledger_call("reserve")
    def reserve(self, request: CheckoutRequest) -> ReservationState:
        """Hold all lines or none."""
        with told_to_temporal():
            (answer,) = self._ledger.reserve([request])
            if isinstance(answer, ReservationConflict):
                raise answer
        _log.info(
            "reserve",
            checkout_id=request.checkout_id,
            decision=answer.outcome.status,
            **attempt_fields(),
        )
        return answer

    @ledger_call("fulfil")
    def fulfil(self, closing: Closing) -> ReservationState:
        """The hold was paid: its stock leaves."""
        return self._close(closing)

    @ledger_call("release")
    def release(self, closing: Closing) -> ReservationState:
        """The hold was cancelled or is over: its stock is free again."""
        return self._close(closing)

    @ledger_call("extend")
    def extend(self, extension: HoldExtension) -> ExtensionAnswer:
        """Move the deadline of a live hold."""
        with told_to_temporal():
            (answer,) = self._ledger.extend([extension])
        _log.info(
            "extend", checkout_id=extension.checkout_id, decision=answer.verdict, **attempt_fields()
        )
        return answer

    def _close(self, closing: Closing) -> ReservationState:
        with told_to_temporal():
            (state,) = self._ledger.close([closing])
        _log.info(
            "close",
            checkout_id=closing.checkout_id,
            asked=closing.status,
            decision=state.outcome.status,
            **attempt_fields(),
        )
        return state
