"""One checkout as a durable workflow: reserve, wait for the payment or the deadline, end it.

The workflow decides when; the ledger decides whether, and its word is always taken. One task
alone talks to the ledger, message by message in the order they came, so no two calls of one
checkout ever race. Handlers only queue a message and wait for what became of it. The protocol
is in docs/lifecycle.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, ClassVar

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.inventory.records import (
        Closing,
        ExtensionAnswer,
        Part,
        PartAnswer,
        ReservationState,
    )
    from holdfast_client.contract.errors import InvalidRequest
    from holdfast_client.contract.fields import TEXT_LENGTH_MAX, excerpt
    from holdfast_client.contract.messages import (
        Cancellation,
        CheckoutRequest,
        Confirmation,
        Extension,
        PartialRelease,
        Shipment,
    )
    from holdfast_client.contract.names import (
        CANCEL_SIGNAL,
        CANCEL_UPDATE,
        CHECKOUT_WORKFLOW,
        CONFIRM_UPDATE,
        EXTEND_SIGNAL,
        EXTEND_UPDATE,
        FULFIL_UPDATE,
        RELEASE_UPDATE,
        RESERVED_UPDATE,
        STATUS_ATTRIBUTE_MEMO,
        STATUS_QUERY,
        TOO_MANY_MESSAGES,
        checkout_workflow_id,
    )
    from holdfast_client.contract.outcomes import Committed, Held, KnownOutcome
    from workflows import extension_ids, ledger_calls, metrics, policies, refusals, web_ui
    from workflows.ledger_calls import LedgerConflict, LedgerOutOfReach
    from workflows.lifecycle import CarriedState, Checkout, Ticket, Wish
    from workflows.payloads import (
        invalid_request,
        invalid_start,
        read_message,
        read_signal,
        read_update,
    )
    from workflows.search_attributes import STATUS_KEY, left_out


@workflow.defn(name=CHECKOUT_WORKFLOW)
class CheckoutWorkflow:
    """Holds the lines of one checkout until it is paid, cancelled or over."""

    # Whether search attributes and summaries are to name no customer, cart, SKU or payment.
    private_metadata: ClassVar[bool] = False

    @workflow.init
    def __init__(self, *payloads: RawValue) -> None:
        self._checkout: Checkout | None = None
        # Why this run will fail: a bad request, or an id that belongs to another request.
        self._failure: ApplicationError | None = None
        # Set once there is an outcome or a failure to tell.
        self._decided = asyncio.Event()
        self._signals = 0
        # The timer of a committed checkout.
        self._end_of_run: asyncio.Task[None] | None = None
        try:
            self._checkout = _read_start(payloads)
        except InvalidRequest as error:
            self._failure = invalid_start(error)
        else:
            self._announce(self._checkout)

    @workflow.run
    async def run(self, *payloads: RawValue) -> Any:  # noqa: ARG002  # read when it was made
        if self._checkout is None:
            raise self._failure or RuntimeError("a checkout that was not read has no failure")
        checkout = self._checkout
        await self._outlive_cancellation(asyncio.create_task(self._live(checkout)), checkout)
        if self._failure:
            raise self._failure
        if not checkout.over:
            workflow.continue_as_new(args=[checkout.request, checkout.carried()])
        return checkout.final_outcome()

    # --- messages --------------------------------------------------------------------------------

    @workflow.update(name=RESERVED_UPDATE, description="For shops: wait for the decision.")
    async def reserved(self, *payloads: RawValue) -> KnownOutcome:  # noqa: ARG002  # validated before
        checkout = self._known()
        await self._decided.wait()
        if checkout.outcome is None:
            raise self._failure or RuntimeError("nothing was decided")
        return checkout.outcome

    @reserved.validator
    def _validate_reserved(self, *payloads: RawValue) -> None:
        request = self._read(CheckoutRequest, payloads)
        known = self._known().request
        if request != known and request.normalized() != known.normalized():
            raise refusals.different_request(request, known)

    @workflow.update(
        name=CONFIRM_UPDATE,
        description="It is paid: sell the stock, or with `commit` keep it until it is shipped. "
        '{"payment_reference": "pay_1", "settle": "fulfil", "actor": "sam"}',
    )
    async def confirm(self, *payloads: RawValue) -> KnownOutcome:
        ticket = self._known().post(self._read(Confirmation, payloads))
        return await self._answer(ticket)

    @confirm.validator
    def _validate_confirm(self, *payloads: RawValue) -> None:
        self._refuse_if_full(self._read(Confirmation, payloads))

    @workflow.update(
        name=EXTEND_UPDATE,
        description="Hold the stock longer; a refusal is shown. "
        '{"seconds": 600, "reason": "bank is slow", "actor": "sam"}',
    )
    async def extend_hold(self, *payloads: RawValue) -> KnownOutcome:
        ticket = self._known().post(self._read(Extension, payloads), _id_of_update())
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
        name=CANCEL_UPDATE,
        description="Give the stock back; a refusal is shown. "
        '{"reason": "changed their mind", "actor": "sam"}',
    )
    async def cancel_hold(self, *payloads: RawValue) -> KnownOutcome:
        ticket = self._known().post(self._read(Cancellation, payloads))
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
        return await self._parted(self._known().post(wish, wish.shipment_id))

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
        return await self._parted(self._known().post(wish, _id_of_update()))

    @release.validator
    def _validate_release(self, *payloads: RawValue) -> None:
        self._refuse_if_full(self._read(PartialRelease, payloads))

    @workflow.signal(
        name=EXTEND_SIGNAL,
        description="Hold the stock longer; a refusal is only noted. "
        '{"seconds": 600, "reason": "bank is slow", "actor": "sam"}',
    )
    def extend(self, *payloads: RawValue) -> None:
        if self._checkout:
            # The bad ones too: a reset brings them all again.
            self._checkout.extend_signals += 1
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
        self._signals += 1
        self._note_ignored(name, "there is no such signal")

    @workflow.query(name=STATUS_QUERY, description="Where the checkout stands, and its events.")
    def status(self, *payloads: RawValue) -> Any:  # noqa: ARG002  # whatever is asked, the answer is the same
        if self._checkout is None:
            raise self._failure or RuntimeError("the checkout was not read")
        return self._checkout.report()

    def current_details(self) -> str:
        """Return what the Web UI shows, as markdown."""
        return web_ui.details(self._checkout) if self._checkout else ""

    # --- the one task that talks to the ledger ---------------------------------------------------

    async def _live(self, checkout: Checkout) -> None:
        if checkout.outcome is None:
            await self._reserve(checkout)
        while not (checkout.over or self._failure):
            if checkout.has_messages:
                await self._serve(checkout, checkout.next_message())
            elif not self._is_long():
                if isinstance(checkout.outcome, Committed):
                    await self._until_called(checkout)
                elif await self._deadline_passed(checkout):
                    await self._close(checkout, checkout.expiring())
            elif workflow.all_handlers_finished():
                return
            else:
                # Whoever was answered must still hear it; whoever comes meanwhile is served first.
                await workflow.wait_condition(
                    lambda: checkout.has_messages or workflow.all_handlers_finished()
                )
        if self._signals > policies.SIGNALS_MANY:
            # Temporal puts off an end that a signal meets, and whatever is answered with it. Where
            # signals do not cease a payment is answered first, and the end comes in a later task.
            await workflow.sleep(policies.END_PAUSE, summary="Wait for a pause between signals")
        await workflow.wait_condition(workflow.all_handlers_finished)

    async def _reserve(self, checkout: Checkout) -> None:
        """Reserve, unless a cancellation is there first or comes while the database is slow.

        Interrupted, it decides nothing: the release that the cancellation asks for takes back
        what an attempt may have held, and bars one that commits later.
        """
        if checkout.cancel_leads:
            return
        attempt = asyncio.create_task(
            ledger_calls.reserve(
                checkout.request, web_ui.reserve_summary(checkout, private=self.private_metadata)
            )
        )
        await workflow.wait_condition(lambda: attempt.done() or checkout.cancel_leads)
        if not attempt.done():
            attempt.cancel()
            await workflow.wait([attempt])
        if not attempt.cancelled():
            await self._take_reserve(checkout, attempt)

    async def _take_reserve(
        self, checkout: Checkout, attempt: asyncio.Task[ReservationState]
    ) -> None:
        try:
            state = attempt.result()
        except LedgerConflict as error:
            self._failure = refusals.conflict_of(error)
            self._announce(checkout)
        except LedgerOutOfReach as error:
            checkout.give_up()
            self._publish_status(checkout)
            self._tell(checkout, "unavailable", reason=excerpt(str(error), TEXT_LENGTH_MAX))
            closing = checkout.giving_up()
            await ledger_calls.close(closing, self._summary_of(checkout, closing), at_once=False)
        else:
            self._settle(checkout, state)
            self._tell_standing(checkout)

    async def _serve(self, checkout: Checkout, ticket: Ticket) -> None:
        match ticket.wish:
            case Confirmation() as wish:
                await self._close(checkout, checkout.confirming(wish))
            case Cancellation() as wish:
                await self._close(checkout, checkout.cancelling(wish))
            case Extension() as wish if isinstance(checkout.outcome, Held):
                await self._extend(checkout, ticket, wish)
            case Shipment() as wish:
                await self._part(checkout, ticket, checkout.shipping(wish))
            case PartialRelease() as wish:
                await self._part(checkout, ticket, checkout.giving_back(wish, ticket.operation_id))
        ticket.answer = checkout.answer_to(ticket.wish)
        ticket.dealt_with.set()

    async def _close(self, checkout: Checkout, closing: Closing) -> None:
        before = checkout.status
        state = await ledger_calls.close(closing, self._summary_of(checkout, closing))
        self._settle(checkout, state)
        if checkout.status == before:
            if words := web_ui.second_payment(checkout, closing):
                self._tell(checkout, "paid twice", actor=closing.actor, reason=words)
            return
        if checkout.status == closing.status or before == "committed":
            self._tell_standing(checkout, actor=closing.actor, reason=closing.reason)
            return
        reason = web_ui.late_reason(closing)
        self._tell(checkout, f"too late to be {closing.status}", actor=closing.actor, reason=reason)
        self._tell_standing(checkout)

    async def _extend(self, checkout: Checkout, ticket: Ticket, wish: Extension) -> None:
        extension = checkout.extending(wish, ticket.operation_id)
        summary = web_ui.extend_summary(extension, wish, private=self.private_metadata)
        answer = await ledger_calls.extend(extension, summary)
        self._settle(checkout, answer.state)
        held = checkout.outcome
        if answer.verdict == "extended" and isinstance(held, Held):
            reason = web_ui.extended_reason(held, wish)
            self._tell(checkout, "extended", actor=wish.actor, reason=reason)
            return
        ticket.refusal = answer
        reason = web_ui.refusal_reason(answer)
        self._tell(checkout, "extension refused", actor=wish.actor, reason=reason)
        if checkout.over:
            self._tell_standing(checkout)

    async def _part(self, checkout: Checkout, ticket: Ticket, wish: Part) -> None:
        before = checkout.outcome
        summary = web_ui.part_summary(checkout, wish, private=self.private_metadata)
        answer = await ledger_calls.part(wish, summary)
        self._settle(checkout, answer.state)
        if answer.verdict == "done":
            if answer.shipment:
                checkout.note_shipment(answer.shipment)
            if checkout.outcome != before:
                reason = web_ui.part_reason(wish, answer)
                self._tell(checkout, web_ui.PARTS[wish.kind], actor=wish.actor, reason=reason)
        else:
            ticket.refusal = answer
            reason = web_ui.part_refusal(answer)
            self._tell(checkout, web_ui.PARTS_REFUSED[wish.kind], actor=wish.actor, reason=reason)
        if checkout.over:
            self._tell_standing(checkout)

    async def _until_called(self, checkout: Checkout) -> None:
        """Wait for a message to a committed checkout, as long as a run may last.

        One timer for the whole run: it is an action that is billed, and no message moves it.
        """
        if self._end_of_run is None:
            age = workflow.now() - workflow.info().start_time
            self._end_of_run = asyncio.create_task(
                workflow.sleep(
                    policies.COMMITTED_RUN_MAX - age,
                    summary="Paid, to be shipped. Goes on in a new run after 7 days",
                )
            )
        await workflow.wait_condition(lambda: checkout.has_messages or self._is_long())

    async def _deadline_passed(self, checkout: Checkout) -> bool:
        """Wait for a message or the deadline. True only when the deadline came first."""
        held, wake_at = checkout.outcome, checkout.wake_at
        if not isinstance(held, Held) or wake_at is None:
            raise RuntimeError("only a hold has a deadline")
        left = wake_at - workflow.now()
        if left <= timedelta(0):
            return True
        try:
            await workflow.wait_condition(
                lambda: checkout.has_messages or self._is_long(),
                timeout=left,
                timeout_summary=web_ui.timer_summary(checkout, held, private=self.private_metadata),
            )
        except TimeoutError:
            return not checkout.has_messages
        return False

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

    def _known(self) -> Checkout:
        if self._checkout is None:
            raise self._failure or RuntimeError("the checkout was not read")
        return self._checkout

    def _read(self, model: Any, payloads: Sequence[RawValue]) -> Any:
        self._known()
        try:
            return read_update(model, payloads)
        except InvalidRequest as error:
            raise invalid_request(error) from None

    def _refuse_if_full(self, wish: Wish) -> None:
        """Refuse an update before it is accepted, so that it adds nothing to the history."""
        if not self._has_room(wish):
            raise ApplicationError(
                "too many messages wait already; try again later", type=TOO_MANY_MESSAGES
            )

    def _has_room(self, wish: Wish) -> bool:
        """Say whether a message may be queued, or too many wait, or the run must end first.

        Payments and cancellations end the checkout, and with it the run: they are never too late.
        """
        overlong = workflow.info().get_current_history_length() > policies.HISTORY_EVENTS_REFUSING
        is_final = isinstance(wish, Confirmation | Cancellation)
        return self._known().has_room(wish) and (is_final or not overlong)

    async def _answer(self, ticket: Ticket) -> KnownOutcome:
        """Wait until a message was dealt with, or the checkout ended before its turn came."""
        checkout = self._known()
        if not (checkout.over or self._failure):
            await ticket.dealt_with.wait()
        outcome = ticket.answer or checkout.outcome
        if outcome is None:
            raise self._failure or RuntimeError("nothing was decided")
        return outcome

    def _take_signal(self, name: str, model: Any, payloads: Sequence[RawValue]) -> None:
        if self._checkout is None:
            return
        self._signals += 1
        try:
            wish = read_signal(model, payloads, self._signals)
        except InvalidRequest as error:
            self._note_ignored(name, str(error))
        else:
            if self._has_room(wish):
                self._known().post(wish, self._signal_id(wish))
            else:
                self._note_ignored(name, "too many messages wait already")

    def _signal_id(self, wish: Wish) -> str:
        if not isinstance(wish, Extension):
            return ""
        return extension_ids.of_signal(self._known().extend_signals, wish)

    def _note_ignored(self, name: str, reason: str) -> None:
        if self._checkout:
            words = f"{excerpt(name, policies.SIGNAL_NAME_SHOWN_MAX)}: {reason}"
            self._tell(self._checkout, "signal ignored", reason=words)

    def _is_long(self) -> bool:
        """Say whether this run is long enough, or old enough, for a new run to take over."""
        info = workflow.info()
        return (
            info.is_continue_as_new_suggested()
            or info.get_current_history_length() > policies.HISTORY_EVENTS_MAX
            or self._is_old()
        )

    def _is_old(self) -> bool:
        is_committed = self._checkout is not None and isinstance(self._checkout.outcome, Committed)
        age = workflow.now() - workflow.info().start_time
        return is_committed and age >= policies.COMMITTED_RUN_MAX

    async def _parted(self, ticket: Ticket) -> KnownOutcome:
        """Wait for a shipment or release, and return where the checkout stands then."""
        outcome = await self._answer(ticket)
        if isinstance(ticket.refusal, PartAnswer):
            raise refusals.not_parted(ticket.refusal, outcome)
        if ticket.answer is None and not self._known().has_shipped(ticket.operation_id):
            # It was over before the turn came.
            raise refusals.not_open(outcome)
        return outcome

    def _settle(self, checkout: Checkout, state: ReservationState) -> None:
        before = checkout.status
        checkout.settle(state, workflow.now())
        if checkout.status != before:
            self._publish_status(checkout)

    def _announce(self, checkout: Checkout) -> None:
        """Wake who waits for the decision, and at the end who waits for anything.

        By events: conditions are all looked at again whenever anything happens, and so with many
        who wait each message would cost as much as there are of them.
        """
        if checkout.outcome or self._failure:
            self._decided.set()
        if checkout.over or self._failure:
            for ticket in checkout.take_all():
                ticket.dealt_with.set()

    def _publish_status(self, checkout: Checkout) -> None:
        self._announce(checkout)
        metrics.count_outcome(checkout.status)
        known = workflow.info().typed_search_attributes
        updates = [] if self.private_metadata else left_out(checkout.request, known)
        if _keeps_status_attribute():
            updates.append(STATUS_KEY.value_set(checkout.status))
        if updates:
            workflow.upsert_search_attributes(updates)

    def _summary_of(self, checkout: Checkout, closing: Closing) -> str:
        return web_ui.closing_summary(checkout, closing, private=self.private_metadata)

    def _tell_standing(self, checkout: Checkout, actor: str = "", reason: str = "") -> None:
        match checkout.outcome:
            case Held() as held:
                self._tell(checkout, "held", actor=actor, reason=web_ui.held_reason(held))
            case Committed() as committed:
                reason = web_ui.committed_reason(committed)
                self._tell(checkout, "committed", actor=actor, reason=reason)
            case None:
                pass
            case final:
                reason = web_ui.ending_reason(final) or reason
                self._tell(checkout, final.status, actor=actor, reason=reason)

    def _tell(self, checkout: Checkout, event: str, *, actor: str = "", reason: str = "") -> None:
        checkout.note(workflow.now(), event, actor=actor, reason=reason)


@workflow.defn(name=CHECKOUT_WORKFLOW)
class PrivateCheckoutWorkflow(CheckoutWorkflow):
    """The same checkout, which names nobody where Temporal does not encrypt."""

    private_metadata = True

    @workflow.init
    def __init__(self, *payloads: RawValue) -> None:
        super().__init__(*payloads)

    @workflow.run
    async def run(self, *payloads: RawValue) -> Any:
        return await super().run(*payloads)


def _id_of_update() -> str:
    """Return under which id the current update is made once."""
    update = workflow.current_update_info()
    return extension_ids.of_update(update.id if update else "")


def _keeps_status_attribute() -> bool:
    """Say whether CheckoutStatus is to be kept: yes, unless whoever started it said no.

    Said in the start, and so the same in every replay, whatever the worker is told.
    """
    wish = workflow.info().raw_memo.get(STATUS_ATTRIBUTE_MEMO)
    return wish is None or wish.data != b"false"


def _read_start(payloads: Sequence[RawValue]) -> Checkout:
    """Read the request, and after a continue-as-new what the run before handed over."""
    continued = workflow.info().continued_run_id is not None
    request = read_message(CheckoutRequest, payloads[:1] if continued else payloads)
    if workflow.info().workflow_id != checkout_workflow_id(request.checkout_id):
        raise InvalidRequest(
            "checkout_id", f"the workflow id must be {checkout_workflow_id(request.checkout_id)}"
        )
    if not continued:
        return Checkout(request)
    return Checkout.resumed(request, read_message(CarriedState, payloads[1:]))
