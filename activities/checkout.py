"""The activities of a checkout: each one call of the ledger, its failures told to Temporal."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Final

import structlog
from temporalio import activity

from activities.attempt import attempt_fields, to_its_end
from activities.failures import told_to_temporal
from activities.inventory.amendment_records import AmendmentAnswer, HoldAmendment
from activities.inventory.database.errors import LedgerError, PaymentConflict
from activities.inventory.grouping.grouped_ledger import GroupedLedger
from activities.inventory.operations.reinstate import is_undecided
from activities.inventory.operations.reserve import ReserveAnswer
from activities.inventory.payment_records import Pause, PauseAnswer
from activities.inventory.records import (
    Closing,
    ExtensionAnswer,
    HoldExtension,
    Part,
    PartAnswer,
    ReservationState,
)
from activities.metrics import LedgerMetrics
from activities.overdue_sweep import OverdueSweep
from activities.wake_up_plan import WakeUpPlan
from holdfast_client.contract.messages import CheckoutRequest
from holdfast_client.contract.outcomes import Cancelled, Expired

_log = structlog.get_logger(__name__)

_PAID: Final = frozenset({"fulfilled", "committed"})


class CheckoutActivities:
    """What a checkout's workflow asks of the ledger.

    Every failure may be retried, because every operation gives its first answer again; only a
    conflict is final.

    Args:
        ledger: what is asked.
        metrics: what counts the calls, and what came of them.
        plan: when the workflows of holds are to wake.
    """

    def __init__(self, ledger: GroupedLedger, metrics: LedgerMetrics, plan: WakeUpPlan) -> None:
        self._ledger = ledger
        self._plan = plan
        self._sweep = OverdueSweep(ledger.ungrouped)
        self._metrics = metrics

    @activity.defn(name="reserve")
    async def reserve(self, request: CheckoutRequest) -> ReservationState:
        """Hold all lines or none."""
        with told_to_temporal(), self._metrics.attempt("reserve"):
            answer = await self._reserved(request)
        if isinstance(answer.outcome, Cancelled | Expired):
            self._metrics.count_tombstone_hit()
        _log.info(
            "reserve",
            checkout_id=request.checkout_id,
            decision=answer.outcome.status,
            **attempt_fields(),
        )
        return self._planned(request.checkout_id, answer)

    @activity.defn(name="abandon")
    async def abandon(self, request: CheckoutRequest) -> ReservationState:
        """Nobody waits for it any more: hold nothing, unless it was decided before."""
        with told_to_temporal(), self._metrics.lone_transaction("abandon"):
            answer = _unless_refused(await to_its_end(self._ledger.ungrouped.abandon(request)))
        _log.info(
            "abandon",
            checkout_id=request.checkout_id,
            decision=answer.outcome.status,
            **attempt_fields(),
        )
        return self._planned(request.checkout_id, answer)

    @activity.defn(name="fulfil")
    async def fulfil(self, closing: Closing) -> ReservationState:
        """The hold was paid: its stock leaves."""
        return await self._close(closing)

    @activity.defn(name="commit")
    async def commit(self, closing: Closing) -> ReservationState:
        """The hold was paid: its stock stays reserved until it is shipped."""
        return await self._close(closing)

    @activity.defn(name="ship")
    async def ship(self, part: Part) -> PartAnswer:
        """Units of a committed checkout have left the shelf."""
        return await self._part(part)

    @activity.defn(name="give_back")
    async def give_back(self, part: Part) -> PartAnswer:
        """Units of a hold or of a committed checkout are free again."""
        return await self._part(part)

    @activity.defn(name="amend")
    async def amend(self, change: HoldAmendment) -> AmendmentAnswer:
        """These lines are to be all that is open of a hold or of a committed checkout."""
        with told_to_temporal(), self._metrics.lone_transaction("amend"):
            answer = await to_its_end(self._ledger.ungrouped.amend(change))
        self._metrics.count_amendment(answer.verdict)
        _log.info(
            "amend", checkout_id=change.checkout_id, decision=answer.verdict, **attempt_fields()
        )
        return replace(answer, state=self._planned(change.checkout_id, answer.state))

    @activity.defn(name="pause")
    async def pause(self, pause: Pause) -> PauseAnswer:
        """A payment of a hold is in flight, or has come to nothing."""
        with told_to_temporal(), self._metrics.lone_transaction("pause"):
            answer = await to_its_end(self._ledger.ungrouped.pause(pause))
        _log.info(
            "pause",
            checkout_id=pause.checkout_id,
            asked=pause.kind,
            decision=answer.verdict,
            **attempt_fields(),
        )
        return replace(answer, state=self._planned(pause.checkout_id, answer.state))

    @activity.defn(name="release")
    async def release(self, closing: Closing) -> ReservationState:
        """The hold was cancelled or is over: its stock is free again."""
        state = await self._close(closing)
        if closing.status == "expired":
            self._metrics.count_swept_holds(await to_its_end(self._sweep.run_if_due()))
        return state

    @activity.defn(name="extend")
    async def extend(self, extension: HoldExtension) -> ExtensionAnswer:
        """Move the deadline of a live hold."""
        with told_to_temporal(), self._metrics.attempt("extend"):
            answer = await self._ledger.extend(extension)
        _log.info(
            "extend", checkout_id=extension.checkout_id, decision=answer.verdict, **attempt_fields()
        )
        return replace(answer, state=self._planned(extension.checkout_id, answer.state))

    async def _reinstated(self, closing: Closing) -> ReservationState:
        answer = await self._ledger.ungrouped.reinstate(closing)
        if isinstance(answer, PaymentConflict):
            raise answer
        return answer

    def _planned(self, checkout_id: str, state: ReservationState) -> ReservationState:
        return replace(state, wake_late_seconds=self._plan.late_seconds(checkout_id, state))

    async def _reserved(self, request: CheckoutRequest) -> ReservationState:
        if request.supersedes is not None or request.from_cart:
            # By itself: what has a cart to read is decided, and would make a group be decided.
            return _unless_refused(await to_its_end(self._ledger.ungrouped.reserve_alone(request)))
        return await self._ledger.reserve(request)

    async def _part(self, part: Part) -> PartAnswer:
        with told_to_temporal(), self._metrics.lone_transaction("part"):
            answer = await to_its_end(self._ledger.ungrouped.part(part))
        if answer.shipment:
            self._metrics.count_shipment()
        _log.info(
            "part",
            checkout_id=part.checkout_id,
            asked=part.kind,
            decision=answer.verdict,
            **attempt_fields(),
        )
        return replace(answer, state=self._planned(part.checkout_id, answer.state))

    async def _close(self, closing: Closing) -> ReservationState:
        with told_to_temporal(), self._metrics.attempt("close"):
            state = await self._ledger.close(closing)
            if is_undecided(closing, state):
                state = await to_its_end(self._reinstated(closing))
        # The shopper has paid for what the shop no longer holds: somebody must give it back.
        is_paid_late = closing.status in _PAID and state.outcome.status not in _PAID
        if is_paid_late:
            self._metrics.count_late_confirmation()
        _log.log(
            logging.WARNING if state.refund_due else logging.INFO,
            "close",
            checkout_id=closing.checkout_id,
            asked=closing.status,
            decision=state.outcome.status,
            refund_due=state.refund_due,
            **attempt_fields(),
        )
        return self._planned(closing.checkout_id, state)


def _unless_refused(answer: ReserveAnswer) -> ReservationState:
    if isinstance(answer, LedgerError):
        raise answer
    return answer
