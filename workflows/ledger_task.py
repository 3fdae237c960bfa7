"""The one task of a checkout that talks to the ledger.

It takes the messages one by one, makes the call, takes over the answer and goes on to the next, so
no two calls of one checkout ever race. Without messages it sleeps until the deadline.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from temporalio import workflow
from temporalio.exceptions import FailureError

from activities.inventory.payment_records import Pause
from activities.inventory.records import Closing, Part, ReservationState
from holdfast_client.contract.fields import TEXT_LENGTH_MAX, excerpt
from holdfast_client.contract.messages import (
    Amendment,
    Cancellation,
    Confirmation,
    Extension,
    PartialRelease,
    PaymentEnded,
    PaymentStarted,
    ResumedAttempt,
    Shipment,
)
from holdfast_client.contract.names import CANCEL_SIGNAL, checkout_workflow_id
from holdfast_client.contract.outcomes import Committed, Fulfilled, Held, OpenOutcome, Unavailable
from workflows import ledger_calls, ledger_requests, refusals, web_ui
from workflows.arrivals import was_reset
from workflows.kept_timer import KeptTimer
from workflows.ledger_calls import BadRequest, LedgerConflict, LedgerOutOfReach, PaymentTaken
from workflows.payments import refund_due
from workflows.run_length import committed_until, is_awaited, is_long
from workflows.standing import Standing
from workflows.tickets import Look, Ticket


class LedgerTask:
    """Serves one checkout until it is over, or its run must give way to the next.

    Args:
        standing: of the checkout.
    """

    def __init__(self, standing: Standing) -> None:
        self._standing = standing
        self._checkout = standing.checkout
        self._timer = KeptTimer()

    async def run(self) -> None:
        """Reserve, then serve messages and the deadline as long as the checkout is open."""
        if self._checkout.outcome is None:
            named = self._checkout.resume
            await (self._resume(named) if named else self._reserve())
            if not (named or was_reset()):
                # What waits came to this run, and knows of no attempt before.
                self._checkout.concern_last_attempt()
        await self._serve_all()
        self._timer.give_up()

    async def _serve_all(self) -> None:
        while not self._standing.over:
            if self._checkout.has_messages:
                await self._serve_next()
                continue
            self._checkout.concern_last_attempt()
            if not is_long(self._checkout):
                await self._sleep()
            elif workflow.all_handlers_finished():
                return
            else:
                # Whoever was answered must still hear it; whoever comes meanwhile is served first.
                await workflow.wait_condition(
                    lambda: self._checkout.has_messages or workflow.all_handlers_finished()
                )

    async def put_late_payments_down(self) -> None:
        """Put down what is paid while the run ends, until nobody waits or it goes on after all."""
        while self._checkout.over and not self._standing.failure:
            self._standing.dismiss()
            if self._checkout.has_messages:
                await self._serve_next()
            elif workflow.all_handlers_finished():
                return
            else:
                await workflow.wait_condition(
                    lambda: self._checkout.has_messages or workflow.all_handlers_finished()
                )

    async def _sleep(self) -> None:
        """Sleep until a message or the deadline comes, which ends a hold.

        One timer for as long as the deadline stays. A payment leaves it be, too: who ships before
        it rings needs no other.
        """
        checkout, wake_at = self._checkout, self._checkout.wake_at
        if isinstance(checkout.outcome, Held) and wake_at:
            if wake_at <= workflow.now():
                await self.close(ledger_requests.expiring(checkout))
                return
            summary = web_ui.timer_summary(checkout, checkout.outcome, private=self._private)
            self._timer.ring_at(wake_at, summary)
        else:
            self._timer.ring_by(committed_until(), web_ui.COMMITTED_TIMER_SUMMARY)
        await workflow.wait_condition(
            lambda: checkout.has_messages or self._timer.rang or is_long(checkout)
        )
        if self._timer.rang and isinstance(checkout.outcome, Held) and not checkout.has_messages:
            await self.close(ledger_requests.expiring(checkout))

    # --- calls -----------------------------------------------------------------------------------

    async def _reserve(self) -> None:
        """Reserve, unless a cancellation is there first or comes while the database is slow.

        Interrupted, it decides nothing: the release that the cancellation asks for takes back
        what an attempt may have held, and bars one that commits later.
        """
        checkout = self._checkout
        if checkout.cancel_leads:
            return
        await self._standing.make_room()
        if is_awaited():
            summary = web_ui.reserve_summary(checkout, private=self._private)
            attempt = asyncio.create_task(
                ledger_calls.reserve(checkout.request, summary, self._standing.wait)
            )
        else:
            # Such as after a time without workers: the shopper is gone.
            summary = web_ui.ABANDONED_SUMMARY
            attempt = asyncio.create_task(
                ledger_calls.abandon(checkout.request, summary, self._standing.wait)
            )
        await workflow.wait_condition(lambda: attempt.done() or checkout.cancel_leads)
        if not attempt.done():
            attempt.cancel()
            await workflow.wait([attempt])
        if not attempt.cancelled():
            await self._take_reserve(attempt)

    async def _resume(self, named: ResumedAttempt) -> None:
        """Go on with what the ledger has, if it is what this run was started for."""
        checkout, standing = self._checkout, self._standing
        found = await ledger_calls.resumable(checkout.request.checkout_id)
        if found is None or refusals.is_other(found, named):
            standing.fail(refusals.not_resumed(checkout.request.checkout_id, named, found))
            return
        checkout.take_resumed(found)
        standing.settle(found.state)
        standing.tell("resumed", reason=web_ui.resumed_reason(found.state.attempt))
        standing.tell_outcome()

    async def _take_reserve(self, attempt: asyncio.Task[ReservationState]) -> None:
        try:
            state = attempt.result()
        except (LedgerConflict, BadRequest) as error:
            self._standing.fail(error.failure())
        except LedgerOutOfReach as error:
            self._standing.give_up()
            reason = excerpt(str(error), TEXT_LENGTH_MAX)
            self._standing.tell("unavailable", reason=reason)
            closing = ledger_requests.giving_up(self._checkout)
            state = await ledger_calls.close(closing, self._summary_of(closing), at_once=False)
            if isinstance(state.outcome, OpenOutcome | Fulfilled):
                # It was paid long before, in a run of which this one knows nothing. Of all else
                # that is over the shopper was told already.
                self._standing.take_back(state)
                self._standing.tell_outcome()
        else:
            self._standing.settle(state)
            # An unavailable one has no reason of its own: nobody waited for it any more.
            is_late = isinstance(state.outcome, Unavailable)
            self._standing.tell_outcome(reason=web_ui.ABANDONED_REASON if is_late else "")
            if state.supersedes and self._checkout.request.supersedes:
                await self._tell_superseded(self._checkout.request.supersedes)

    async def _tell_superseded(self, checkout_id: str) -> None:
        """Wake the workflow of a checkout that is over by now; that it is gone is no failure."""
        reason = f"superseded by {self._checkout.request.checkout_id}"
        handle = workflow.get_external_workflow_handle(checkout_workflow_id(checkout_id))
        with suppress(FailureError):
            await handle.signal(CANCEL_SIGNAL, Cancellation(reason=reason))

    async def _look(self) -> None:
        """Take over what the ledger has, which may be more than this run has heard."""
        checkout, standing = self._checkout, self._standing
        before = checkout.status
        found = await ledger_calls.resumable(checkout.request.checkout_id)
        if found is None:
            # A restore has taken it back. Whoever pays or cancels is told so by the ledger.
            return
        standing.settle(found.state)
        if checkout.status != before:
            standing.tell_outcome()

    async def _serve_next(self) -> None:
        await self._standing.make_room()
        checkout, ticket = self._checkout, self._checkout.next_message()
        match ticket.wish:
            case Confirmation() as wish:
                await self._pay(ticket, wish)
            case Cancellation() as wish:
                await self.close(ledger_requests.cancelling(checkout, wish))
            case Extension() as wish if isinstance(checkout.outcome, Held):
                await self._extend(ticket, wish)
            case PaymentStarted() as wish if isinstance(checkout.outcome, Held):
                await self._pause(
                    ticket, ledger_requests.awaiting(checkout, wish, ticket.operation_id)
                )
            case PaymentEnded() as wish:
                await self._pause(
                    ticket, ledger_requests.awaiting_no_more(checkout, wish, ticket.operation_id)
                )
            case Shipment() as wish:
                await self._part(ticket, ledger_requests.shipping(checkout, wish))
            case PartialRelease() as wish:
                await self._part(
                    ticket, ledger_requests.giving_back(checkout, wish, ticket.operation_id)
                )
            case Amendment() as wish:
                await self._amend(ticket, wish)
            case Look():
                await self._look()
        ticket.answer = checkout.answer_to(ticket.wish)
        ticket.dealt_with.set()

    async def close(self, closing: Closing) -> ReservationState:
        """End a hold or a committed checkout, or commit a hold, and tell what came of it."""
        checkout, standing = self._checkout, self._standing
        before = checkout.status
        state = await ledger_calls.close(closing, self._summary_of(closing))
        standing.settle(state)
        if state.refund_due and closing.payment_reference:
            checkout.payments.note(
                closing.payment_reference, "refund_due", workflow.now(), state.refund_due
            )
        if checkout.status == before:
            if state.refund_due:
                event, reason = web_ui.due_back(closing, state.refund_due)
                standing.tell(event, actor=closing.actor, reason=reason)
            return state
        if checkout.status == closing.status or before == "committed":
            standing.tell_outcome(actor=closing.actor, reason=closing.reason)
            return state
        reason = web_ui.late_reason(closing)
        standing.tell(f"too late to be {closing.status}", actor=closing.actor, reason=reason)
        standing.tell_outcome()
        return state

    async def _pay(self, ticket: Ticket, wish: Confirmation) -> None:
        closing = ledger_requests.confirming(self._checkout, wish, ticket.operation_id)
        try:
            state = await self.close(closing)
        except PaymentTaken as refusal:
            ticket.failure = refusal.failure()
            self._standing.tell("payment refused", actor=wish.actor, reason=str(refusal))
            return
        if wish.late == "reinstate" and self._checkout.is_paid_by(wish.payment_reference):
            # What came behind it came to what it has reinstated.
            self._checkout.concern_last_attempt()
        if wish.late and state.refund_due and not isinstance(self._checkout.outcome, Committed):
            ticket.due = refund_due(wish.payment_reference, state)

    async def _extend(self, ticket: Ticket, wish: Extension) -> None:
        checkout, standing = self._checkout, self._standing
        extension = ledger_requests.extending(checkout, wish, ticket.operation_id)
        summary = web_ui.extend_summary(extension, wish, private=self._private)
        answer = await ledger_calls.extend(extension, summary)
        standing.settle(answer.state)
        held = checkout.outcome
        if answer.verdict == "extended" and isinstance(held, Held):
            reason = web_ui.extended_reason(held, wish)
            standing.tell("extended", actor=wish.actor, reason=reason)
            return
        ticket.refusal = answer
        reason = web_ui.refusal_reason(answer)
        standing.tell("extension refused", actor=wish.actor, reason=reason)
        if checkout.over:
            standing.tell_outcome()

    async def _pause(self, ticket: Ticket, wish: Pause) -> None:
        checkout, standing = self._checkout, self._standing
        was_over = checkout.over
        summary = web_ui.pause_summary(wish, private=self._private)
        try:
            answer = await ledger_calls.pause(wish, summary)
        except PaymentTaken as refusal:
            ticket.failure = refusal.failure()
            standing.tell("payment refused", actor=wish.actor, reason=str(refusal))
            return
        standing.settle(answer.state)
        if answer.verdict == "done":
            checkout.payments.follow_pause(wish, workflow.now())
            event = web_ui.PAUSES[wish.kind]
            reason = web_ui.pause_reason(wish, checkout.outcome)
            standing.tell(event, actor=wish.actor, reason=reason)
        else:
            ticket.refusal = answer
            reason = web_ui.pause_refusal(answer)
            standing.tell("payment not waited for", actor=wish.actor, reason=reason)
        if checkout.over and not was_over:
            standing.tell_outcome()

    async def _part(self, ticket: Ticket, wish: Part) -> None:
        checkout, standing = self._checkout, self._standing
        was_over = checkout.over
        before = checkout.outcome
        summary = web_ui.part_summary(checkout, wish, private=self._private)
        answer = await ledger_calls.part(wish, summary)
        if answer.verdict == "done" and answer.shipment:
            # First: where that ends the checkout, what else comes under its id is to be compared.
            checkout.note_shipment(answer.shipment)
        standing.settle(answer.state)
        if answer.verdict == "done":
            if checkout.outcome != before:
                reason = web_ui.part_reason(wish, answer)
                standing.tell(web_ui.PARTS[wish.kind], actor=wish.actor, reason=reason)
        else:
            ticket.refusal = answer
            reason = web_ui.part_refusal(answer)
            standing.tell(web_ui.PARTS_REFUSED[wish.kind], actor=wish.actor, reason=reason)
        if checkout.over and not was_over:
            standing.tell_outcome()

    async def _amend(self, ticket: Ticket, wish: Amendment) -> None:
        checkout, standing = self._checkout, self._standing
        before = checkout.outcome
        change = ledger_requests.amending(checkout, wish, ticket.operation_id)
        summary = web_ui.amend_summary(change, private=self._private)
        answer = await ledger_calls.amend(change, summary)
        standing.settle(answer.state)
        if answer.verdict != "done":
            ticket.refusal = answer
            reason = web_ui.amendment_refusal(answer)
            standing.tell("amendment refused", actor=wish.actor, reason=reason)
        elif checkout.outcome != before:
            reason = web_ui.amended_reason(change)
            standing.tell("amended", actor=wish.actor, reason=reason)
        if checkout.over:
            standing.tell_outcome()

    @property
    def _private(self) -> bool:
        return self._standing.private

    def _summary_of(self, closing: Closing) -> str:
        return web_ui.closing_summary(self._checkout, closing, private=self._private)
