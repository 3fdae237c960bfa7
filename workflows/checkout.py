"""One checkout as a durable workflow: its start, its messages and its end.

The workflow decides when; the ledger decides whether, and its word is always taken. One task alone
talks to it (`workflows/ledger_task.py`); handlers queue a message and wait. See docs/lifecycle.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, ClassVar

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.inventory.amendment_records import AmendmentAnswer
    from activities.inventory.payment_records import PauseAnswer
    from activities.inventory.records import ExtensionAnswer, PartAnswer
    from holdfast_client.contract.errors import InvalidRequest
    from holdfast_client.contract.fields import TEXT_LENGTH_MAX, excerpt
    from holdfast_client.contract.messages import (
        Amendment,
        Cancellation,
        CheckoutRequest,
        Confirmation,
        Extension,
        PartialRelease,
        PaymentEnded,
        PaymentStarted,
        Shipment,
    )
    from holdfast_client.contract.names import (
        AMEND_UPDATE,
        CANCEL_SIGNAL,
        CANCEL_UPDATE,
        CHECKOUT_WORKFLOW,
        CONFIRM_UPDATE,
        EXTEND_SIGNAL,
        EXTEND_UPDATE,
        FULFIL_UPDATE,
        PAYMENT_ENDED_UPDATE,
        PAYMENT_STARTED_UPDATE,
        RELEASE_UPDATE,
        RESERVED_UPDATE,
        STATUS_QUERY,
        TOO_MANY_MESSAGES,
    )
    from holdfast_client.contract.outcomes import Held, KnownOutcome, OpenOutcome, RefundDue
    from workflows import current_details, extension_ids, policies, refusals
    from workflows.arrivals import arrival
    from workflows.ledger_task import LedgerTask
    from workflows.lifecycle import Checkout
    from workflows.payloads import invalid_request, invalid_start, read_update
    from workflows.run_length import is_overlong
    from workflows.signals import Signals
    from workflows.standing import Standing
    from workflows.starts import read_start
    from workflows.tickets import Ticket, Wish


@workflow.defn(name=CHECKOUT_WORKFLOW)
class CheckoutWorkflow:
    """Holds the lines of one checkout until it is paid, cancelled or over."""

    # Whether search attributes and summaries are to name no customer, cart, SKU or payment.
    private_metadata: ClassVar[bool] = False
    # What talks to the ledger.
    ledger_task: ClassVar[type[LedgerTask]] = LedgerTask

    @workflow.init
    def __init__(self, *payloads: RawValue) -> None:
        self._standing: Standing | None = None
        # Why a bad request fails this run.
        self._failure: ApplicationError | None = None
        self._signals = Signals()
        try:
            checkout = read_start(payloads)
        except InvalidRequest as error:
            self._failure = invalid_start(error)
        else:
            self._standing = Standing(checkout, private=self.private_metadata)
            self._ledger = self.ledger_task(self._standing)

    @workflow.run
    async def run(self, *payloads: RawValue) -> Any:  # noqa: ARG002  # read when it was made
        standing = self._known()
        checkout = standing.checkout
        await self._outlive_cancellation(asyncio.create_task(self._live(standing)), checkout)
        if standing.failure:
            raise standing.failure
        if not checkout.over:
            workflow.continue_as_new(args=[checkout.start_again(), checkout.carried()])
        return checkout.final_outcome()

    async def _live(self, standing: Standing) -> None:
        while True:
            await self._ledger.run()
            was_open = not standing.over
            # What a late payment reinstates goes on in this run.
            await self._end(standing)
            if standing.over or was_open:
                return

    async def _end(self, standing: Standing) -> None:
        if standing.over and self._signals.count > policies.SIGNALS_MANY:
            # Temporal puts off an end that a signal meets, and whatever is answered with it. Where
            # signals do not cease a payment is answered first, and the end comes in a later task.
            await workflow.sleep(policies.END_PAUSE, summary="Wait for a pause between signals")
        if standing.over:
            await self._ledger.put_late_payments_down()
            if not standing.over:
                # It goes on, and whoever waits is served there: to wait for them here has no end.
                await workflow.wait_condition(
                    lambda: standing.checkout.has_messages or workflow.all_handlers_finished()
                )
                return
        await workflow.wait_condition(workflow.all_handlers_finished)

    # --- messages --------------------------------------------------------------------------------

    @workflow.update(name=RESERVED_UPDATE, description="For shops: wait for the decision.")
    async def reserved(self, *payloads: RawValue) -> KnownOutcome:  # noqa: ARG002  # validated before
        standing = self._known()
        await standing.decided.wait()
        if standing.resets.is_past():
            return await self._answer(standing.resets.look())
        return await standing.told()

    @reserved.validator
    def _validate_reserved(self, *payloads: RawValue) -> None:
        request = self._read(CheckoutRequest, payloads)
        checkout = self._known().checkout
        if checkout.resume:
            if refusal := refusals.other_digest(request, checkout.resume.digest):
                raise refusal
            return
        known = checkout.request
        if request != known and request.normalized() != known.normalized():
            raise refusals.different_request(request, known)

    @workflow.update(
        name=CONFIRM_UPDATE,
        description="It is paid: sell the stock, or with `commit` keep it until it is shipped. "
        '{"payment_reference": "pay_1", "settle": "fulfil", "actor": "sam"}',
    )
    async def confirm(self, *payloads: RawValue) -> KnownOutcome | RefundDue:
        ticket = self._post(self._read(Confirmation, payloads), _id_of_update())
        outcome = await self._answer(ticket)
        return ticket.due or outcome

    @confirm.validator
    def _validate_confirm(self, *payloads: RawValue) -> None:
        self._refuse_if_full(self._read(Confirmation, payloads))

    @workflow.update(
        name=EXTEND_UPDATE,
        description="Hold the stock longer; a refusal is shown. "
        '{"seconds": 600, "reason": "bank is slow", "actor": "sam"}',
    )
    async def extend_hold(self, *payloads: RawValue) -> KnownOutcome:
        ticket = self._post(self._read(Extension, payloads), _id_of_update())
        outcome = await self._answer(ticket)
        if isinstance(ticket.refusal, ExtensionAnswer):
            raise refusals.not_extended(ticket.refusal, outcome)
        if not isinstance(outcome, Held):
            raise refusals.not_active(outcome)
        return outcome

    @extend_hold.validator
    def _validate_extend(self, *payloads: RawValue) -> None:
        self._refuse_if_full(self._read(Extension, payloads))

    @workflow.update(
        name=PAYMENT_STARTED_UPDATE,
        description="The buyer is at the bank: do not end the hold meanwhile. "
        '{"payment_reference": "pay_1", "seconds": 300, "actor": "web"}',
    )
    async def payment_started(self, *payloads: RawValue) -> KnownOutcome:
        wish = self._read(PaymentStarted, payloads)
        outcome = await self._paused(self._post(wish, _id_of_update()))
        if not isinstance(outcome, Held):
            raise refusals.not_active(outcome, "pay for")
        return outcome

    @payment_started.validator
    def _validate_payment_started(self, *payloads: RawValue) -> None:
        self._refuse_if_full(self._read(PaymentStarted, payloads))

    @workflow.update(
        name=PAYMENT_ENDED_UPDATE,
        description="The payment has come to nothing: wait for it no longer. "
        '{"payment_reference": "pay_1", "result": "failed", "actor": "web"}',
    )
    async def payment_ended(self, *payloads: RawValue) -> KnownOutcome:
        return await self._paused(self._post(self._read(PaymentEnded, payloads), _id_of_update()))

    @payment_ended.validator
    def _validate_payment_ended(self, *payloads: RawValue) -> None:
        self._refuse_if_full(self._read(PaymentEnded, payloads))

    @workflow.update(
        name=CANCEL_UPDATE,
        description="Give the stock back; a refusal is shown. "
        '{"reason": "changed their mind", "actor": "sam"}',
    )
    async def cancel_hold(self, *payloads: RawValue) -> KnownOutcome:
        ticket = self._post(self._read(Cancellation, payloads))
        return await self._answer(ticket)

    @cancel_hold.validator
    def _validate_cancel(self, *payloads: RawValue) -> None:
        self._refuse_if_full(self._read(Cancellation, payloads))

    @workflow.update(
        name=FULFIL_UPDATE,
        description="Ship units of what is committed, or with `null` all that is open. "
        '{"shipment_id": "s-1", "lines": [{"sku": "MUG-01", "quantity": 1}], "rest": "keep"}',
    )
    async def fulfil(self, *payloads: RawValue) -> KnownOutcome:
        wish = self._read(Shipment, payloads)
        return await self._parted(self._post(wish, wish.shipment_id))

    @fulfil.validator
    def _validate_fulfil(self, *payloads: RawValue) -> None:
        self._refuse_if_full(self._read(Shipment, payloads))

    @workflow.update(
        name=RELEASE_UPDATE,
        description="Give a part of the stock back. "
        '{"lines": [{"sku": "MUG-01", "quantity": 1}], "reason": "one less", "actor": "sam"}',
    )
    async def release(self, *payloads: RawValue) -> KnownOutcome:
        wish = self._read(PartialRelease, payloads)
        return await self._parted(self._post(wish, _id_of_update()))

    @release.validator
    def _validate_release(self, *payloads: RawValue) -> None:
        self._refuse_if_full(self._read(PartialRelease, payloads))

    @workflow.update(
        name=AMEND_UPDATE,
        description="Hold these lines instead, all of them or the old ones. "
        '{"lines": [{"sku": "MUG-01", "quantity": 3}], "reason": "one more", "actor": "sam"}',
    )
    async def amend(self, *payloads: RawValue) -> KnownOutcome:
        ticket = self._post(self._read(Amendment, payloads), _id_of_update())
        outcome = await self._answer(ticket)
        if isinstance(ticket.refusal, AmendmentAnswer):
            raise refusals.not_amended(ticket.refusal, outcome)
        if ticket.answer is None or not isinstance(outcome, OpenOutcome):
            # It was over before the turn came, or since it was made.
            raise refusals.not_amendable(outcome)
        return outcome

    @amend.validator
    def _validate_amend(self, *payloads: RawValue) -> None:
        self._refuse_if_full(self._read(Amendment, payloads))

    @workflow.signal(
        name=EXTEND_SIGNAL,
        description="Hold the stock longer; a refusal is only noted. "
        '{"seconds": 600, "reason": "bank is slow", "actor": "sam"}',
    )
    def extend(self, *payloads: RawValue) -> None:
        if self._standing:
            # The bad ones too: a reset brings them all again.
            self._standing.checkout.extend_signals += 1
        self._take_signal(EXTEND_SIGNAL, Extension, payloads)

    @workflow.signal(
        name=CANCEL_SIGNAL,
        description="Give the stock back; a refusal is only noted. "
        '{"reason": "changed their mind", "actor": "sam"}',
    )
    def cancel(self, *payloads: RawValue) -> None:
        self._take_signal(CANCEL_SIGNAL, Cancellation, payloads)

    @workflow.signal(dynamic=True)
    def unknown(self, name: str, _payloads: Sequence[RawValue]) -> None:
        self._signals.count += 1
        self._note_ignored(name, "there is no such signal")

    @workflow.query(name=STATUS_QUERY, description="Where the checkout stands, and its events.")
    def status(self, *payloads: RawValue) -> Any:  # noqa: ARG002  # whatever is asked, the answer is the same
        return self._known().checkout.report()

    def current_details(self) -> str:
        """Return what the Web UI shows, as markdown."""
        return current_details.details(self._standing.checkout) if self._standing else ""

    # --- the workflow's own cancellation ---------------------------------------------------------

    async def _outlive_cancellation(self, life: asyncio.Task[None], checkout: Checkout) -> None:
        """Treat a cancellation of the workflow as one more message that asks to cancel."""
        while True:
            try:
                await asyncio.shield(life)
            except asyncio.CancelledError:
                reason = workflow.cancellation_reason()
                if reason is None or life.cancelled():
                    # Not asked for by anybody: this worker is letting go of the workflow.
                    raise
                words = excerpt(reason, TEXT_LENGTH_MAX) or "the workflow was cancelled"
                checkout.post(Cancellation(reason=words, actor="temporal"))
            else:
                return

    # --- small parts -----------------------------------------------------------------------------

    def _known(self) -> Standing:
        if self._standing is None:
            raise self._failure or RuntimeError("the checkout was not read")
        return self._standing

    def _read(self, model: Any, payloads: Sequence[RawValue]) -> Any:
        self._known()
        try:
            return read_update(model, payloads)
        except InvalidRequest as error:
            raise invalid_request(error) from None

    def _post(self, wish: Wish, operation_id: str = "", *, is_signal: bool = False) -> Ticket:
        return self._known().checkout.post(wish, operation_id, arrival(is_signal=is_signal))

    def _refuse_if_full(self, wish: Wish) -> None:
        """Refuse an update before it is accepted, so that it adds nothing to the history."""
        if not self._has_room(wish):
            raise ApplicationError(
                "too many messages wait already; try again later", type=TOO_MANY_MESSAGES
            )

    def _has_room(self, wish: Wish) -> bool:
        """Say whether a message may be queued, or too many wait, or the run must end.

        Payments and cancellations end the checkout, and with it the run: they are never too late.
        """
        is_final = isinstance(wish, Confirmation | Cancellation)
        return self._known().checkout.has_room(wish) and (is_final or not is_overlong())

    async def _answer(self, ticket: Ticket) -> KnownOutcome:
        """Wait until a message was dealt with, or the checkout ended before its turn came."""
        standing = self._known()
        if not standing.is_told(ticket.wish):
            await ticket.dealt_with.wait()
        if ticket.failure:
            raise ticket.failure
        told = await standing.told()
        return ticket.answer or told

    def _take_signal(self, name: str, model: Any, payloads: Sequence[RawValue]) -> None:
        if self._standing is None:
            return
        self._signals.count += 1
        try:
            wish = self._signals.read(model, payloads)
        except InvalidRequest as error:
            self._note_ignored(name, str(error))
        else:
            if self._has_room(wish):
                self._post(wish, self._signal_id(wish), is_signal=True)
            else:
                self._note_ignored(name, "too many messages wait already")

    def _signal_id(self, wish: Wish) -> str:
        if not isinstance(wish, Extension):
            return ""
        first = workflow.info().first_execution_run_id
        return extension_ids.of_signal(first, self._known().checkout.extend_signals, wish)

    def _note_ignored(self, name: str, reason: str) -> None:
        if self._standing:
            words = f"{excerpt(name, policies.SIGNAL_NAME_SHOWN_MAX)}: {reason}"
            self._standing.tell("signal ignored", reason=words)

    async def _paused(self, ticket: Ticket) -> KnownOutcome:
        """Wait for a message about a payment, and return where the checkout stands then."""
        outcome = await self._answer(ticket)
        if isinstance(ticket.refusal, PauseAnswer):
            raise refusals.not_paused(ticket.refusal, outcome)
        return outcome

    async def _parted(self, ticket: Ticket) -> KnownOutcome:
        """Wait for a shipment or release, and return where the checkout stands then."""
        outcome = await self._answer(ticket)
        if isinstance(ticket.refusal, PartAnswer):
            raise refusals.not_parted(ticket.refusal, outcome)
        if ticket.answer is None and not self._known().checkout.has_shipped(ticket.operation_id):
            # It was over before the turn came.
            raise refusals.not_open(outcome)
        return outcome


def _id_of_update() -> str:
    """Return under which id the current update is made once."""
    update = workflow.current_update_info()
    return extension_ids.of_update(update.id if update else "")
