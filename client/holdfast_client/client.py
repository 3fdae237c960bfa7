"""The client of a checkout service: reserve stock, confirm, extend or cancel it."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Final, Self

from temporalio.client import Client

from holdfast_client.contract import arguments
from holdfast_client.contract.arguments import LineLike
from holdfast_client.contract.errors import HoldNotActive
from holdfast_client.contract.fields import HOLD_SECONDS_DEFAULT, Message
from holdfast_client.contract.holds import HOLDS_LIMIT_DEFAULT, Holds, HoldsRequest
from holdfast_client.contract.messages import AdjustmentKind, Rest, Settle
from holdfast_client.contract.names import (
    CANCEL_UPDATE,
    CONFIRM_UPDATE,
    DEFAULT_LOCATION,
    EXTEND_UPDATE,
    FULFIL_UPDATE,
    RELEASE_UPDATE,
    TASK_QUEUE,
)
from holdfast_client.contract.outcomes import (
    AdjustmentOutcome,
    CheckoutReport,
    Committed,
    FinalOutcome,
    Fulfilled,
    Held,
    Outcome,
    SettledOutcome,
    UnknownOutcome,
)
from holdfast_client.contract.summaries import (
    LIST_LIMIT_DEFAULT,
    CheckoutFilter,
    CheckoutSummary,
    SummaryStatus,
)
from holdfast_client.contract.timeline import Timeline, TimelineRequest
from holdfast_client.transport import answers
from holdfast_client.transport.calls import Question, answer_within
from holdfast_client.transport.closable import Closable
from holdfast_client.transport.connection import connected
from holdfast_client.transport.exchanges import Exchanges
from holdfast_client.transport.privacy import by_status_only, private_by_environment

ANSWER_TIMEOUT_SECONDS_DEFAULT: Final = 15.0

_ASK_AGAIN: Final = (
    "its outcome is unknown and nothing is lost: ask again with the same checkout id"
)
_SHIP_AGAIN: Final = "ask again with the same shipment id, and it is shipped once, not twice"
_READ_AGAIN: Final = "nothing was changed: ask again"
_ADJUST_AGAIN: Final = (
    "whether it was applied is unknown and nothing is lost: ask again with the same adjustment id"
)


class ReservationClient(Closable):
    """Reserves stock for checkouts through Holdfast's workflows on Temporal.

    Every method may raise, besides what it names itself:

    - InvalidRequest: an argument is wrong; nothing was sent.
    - OutcomeUnknown: no answer within ``answer_timeout_seconds``; asking again with the same id
      is safe (for ``extend``: with the same ``extension_id``). ServerUnreachable, a kind of it:
      Temporal could not be reached.
    - CheckoutInterrupted: the checkout's workflow was terminated, failed or timed out.
    - UsedAfterFork: the process was forked since the client was made; nothing was sent.
    - HoldfastError: Temporal refused the request itself (permissions, namespace, an unknown search
      attribute), or an answer does not fit this version of the client.

    Args:
        temporal: a connected client; any data converter that writes plain JSON will do.
        task_queue: where Holdfast's workers listen.
        answer_timeout_seconds: the longest that one call may take, above 0.
        private_metadata: name neither customer nor cart nor SKU where Temporal never encrypts:
            checkouts are then found by their status alone.
        status_attribute: keep the search attribute CheckoutStatus of the checkouts that it starts.
            Each change of it is an action that Temporal's cloud bills: two of the eight of a paid
            checkout. Without it they are found by all the rest, and not by their status.
    """

    def __init__(
        self,
        temporal: Client,
        *,
        task_queue: str = TASK_QUEUE,
        answer_timeout_seconds: float = ANSWER_TIMEOUT_SECONDS_DEFAULT,
        private_metadata: bool = False,
        status_attribute: bool = True,
    ) -> None:
        self._answer_timeout_seconds = arguments.answer_timeout(answer_timeout_seconds)
        self._address = temporal.service_client.config.target_host
        self._private_metadata = private_metadata
        self._exchanges = Exchanges(
            temporal,
            task_queue,
            timedelta(seconds=self._answer_timeout_seconds),
            private_metadata=private_metadata,
            status_attribute=status_attribute,
        )

    @classmethod
    async def connect(
        cls,
        address: str | None = None,
        *,
        namespace: str | None = None,
        answer_timeout_seconds: float = ANSWER_TIMEOUT_SECONDS_DEFAULT,
        private_metadata: bool | None = None,
        status_attribute: bool = True,
    ) -> Self:
        """Connect by Temporal's standard environment settings and profiles.

        ``TEMPORAL_ADDRESS``, ``TEMPORAL_NAMESPACE``, ``TEMPORAL_API_KEY``, ``TEMPORAL_TLS_*``,
        ``TEMPORAL_PROFILE`` and the configuration file count; arguments go before them. Where
        ``HOLDFAST_ENCRYPTION_KEYS`` is set, payloads are encrypted.

        Args:
            address: ``host:port``; ``localhost:7233`` where nothing names another.
            namespace: Temporal's namespace; ``default`` where nothing names another.
            answer_timeout_seconds: the longest wait, for the connection and then for each call.
            private_metadata: as for the class; None takes ``HOLDFAST_PRIVATE_METADATA``.
            status_attribute: as for the class.

        Raises:
            ServerUnreachable: nobody answered at the address in time.
        """
        seconds = arguments.answer_timeout(answer_timeout_seconds)
        is_private = private_by_environment() if private_metadata is None else private_metadata
        temporal = await connected(address, namespace, seconds)
        return cls(
            temporal,
            answer_timeout_seconds=seconds,
            private_metadata=is_private,
            status_attribute=status_attribute,
        )

    async def reserve(
        self,
        checkout_id: str,
        lines: Sequence[LineLike],
        *,
        hold_seconds: int = HOLD_SECONDS_DEFAULT,
        customer_id: str | None = None,
        cart_id: str | None = None,
    ) -> Outcome:
        """Hold every line, or none.

        Asked again with the same request, it answers where the checkout stands by then.

        Args:
            checkout_id: names this one attempt to buy for ever; 1 to 200 characters.
            lines: 1 to 1,000 of ``Line``, ``(sku, quantity)`` or a mapping with ``sku``,
                ``quantity`` and perhaps ``location``. Equal SKUs are summed.
            hold_seconds: how long to hold, 1 to 86,400 s.
            customer_id: who buys, to find the checkout by.
            cart_id: the shop's cart, to find the checkout by.

        Returns:
            Held, Denied with every shortage, Unavailable, or the final outcome that came first.

        Raises:
            CheckoutConflict: the checkout id was used with another request.
        """
        request = arguments.checkout_request(checkout_id, lines, hold_seconds, customer_id, cart_id)
        question = _about(checkout_id, _ASK_AGAIN)
        async with self._answer(question):
            answer = await self._exchanges.reserve(question, request)
        return answers.outcome_of(answer)

    async def confirm(
        self,
        checkout_id: str,
        payment_reference: str,
        *,
        settle: Settle = "fulfil",
        actor: str = "",
    ) -> SettledOutcome:
        """Fulfil or commit the hold, because it was paid.

        Args:
            checkout_id: the checkout.
            payment_reference: the payment, 1 to 500 characters.
            settle: ``fulfil`` sells the stock at once; ``commit`` keeps it reserved, without a
                deadline, until it is shipped.
            actor: who says so.

        Returns:
            Fulfilled or Committed, or the final outcome that came first. Of what another payment
            has committed already, Committed with ``duplicate_payment``: this one is due back.

        Raises:
            CheckoutNotFound: no such checkout.
        """
        message = arguments.confirmation(payment_reference, settle, actor)
        question = _about(arguments.checkout_id_of_call(checkout_id), _ASK_AGAIN)
        async with self._answer(question):
            reply = await self._exchanges.update(
                question, checkout_id, CONFIRM_UPDATE, message, is_repeatable=True
            )
        return answers.settled_of(reply.answer)

    async def fulfil(
        self,
        checkout_id: str,
        shipment_id: str,
        lines: Sequence[LineLike] | None = None,
        *,
        rest: Rest = "keep",
        actor: str = "",
    ) -> Committed | Fulfilled | UnknownOutcome:
        """Ship units of a committed checkout; the same shipment id ships them once.

        Args:
            checkout_id: the checkout.
            shipment_id: names this one shipment; 1 to 200 characters.
            lines: what has left, as for ``reserve``; None for all that is open. A line without
                location means the one place where the SKU is open.
            rest: ``keep`` what stays for later shipments, or ``release`` it.
            actor: who says so.

        Returns:
            Committed with what is still open, or Fulfilled with all that was shipped.

        Raises:
            OverOpen: it is more than is open; nothing was shipped.
            OperationConflict: the shipment id was used with other content.
            HoldNotActive: the checkout is not committed.
            CheckoutNotFound: no such checkout.
        """
        message = arguments.shipment(shipment_id, lines, rest, actor)
        try:
            outcome = await self._parted(checkout_id, FULFIL_UPDATE, message, None, _SHIP_AGAIN)
        except HoldNotActive as refusal:
            # The last shipment ended it, and this is the same again: its answer was lost perhaps.
            if not isinstance(refusal.standing, Fulfilled):
                raise
            report = await self.status(checkout_id)
            if shipment_id not in {known.shipment_id for known in report.shipments}:
                raise
            outcome = refusal.standing
        return answers.shipped_of(outcome)

    async def release(
        self,
        checkout_id: str,
        lines: Sequence[LineLike],
        *,
        reason: str = "",
        actor: str = "",
        release_id: str | None = None,
    ) -> Outcome:
        """Give units of a hold or of a committed checkout back, and keep the others.

        Args:
            checkout_id: the checkout.
            lines: what is given back, as for ``fulfil``. All of it is a cancellation.
            reason: why, for the record.
            actor: who says so.
            release_id: names this one release; asked again with the same, it is made once. Made up
                if left out, and told by OutcomeUnknown.

        Returns:
            Held or Committed with what is still open; Cancelled, or Fulfilled where something was
            shipped, if nothing is.

        Raises:
            OverOpen: it is more than is open; nothing was given back.
            OperationConflict: the release id was used with other content.
            HoldNotActive: nothing is open.
            CheckoutNotFound: no such checkout.
        """
        message = arguments.partial_release(lines, reason, actor)
        key = arguments.release_id_of_call(release_id)
        remedy = f"ask again with release_id={key!r}, and it is given back once, not twice"
        return await self._parted(checkout_id, RELEASE_UPDATE, message, key, remedy)

    async def extend(
        self,
        checkout_id: str,
        seconds: int,
        *,
        reason: str = "",
        actor: str = "",
        extension_id: str | None = None,
    ) -> Held:
        """Move the deadline of a live hold.

        Args:
            checkout_id: the checkout.
            seconds: how much later it ends, 1 to 86,400 s.
            reason: why, for the record.
            actor: who says so.
            extension_id: names this one extension; asked again with the same, it is made once.
                Made up if left out, and told by OutcomeUnknown.

        Raises:
            HoldNotActive: the hold is over, or has not begun.
            ExtensionRefused: the hold's whole length would exceed the cap.
            CheckoutNotFound: no such checkout.
        """
        message = arguments.extension(seconds, reason, actor)
        key = arguments.extension_id_of_call(extension_id)
        remedy = f"ask again with extension_id={key!r}, and it is extended once, not twice"
        question = _about(arguments.checkout_id_of_call(checkout_id), remedy)
        async with self._answer(question):
            reply = await self._exchanges.update(
                question, checkout_id, EXTEND_UPDATE, message, update_id=key, is_repeatable=False
            )
        if reply.is_result:
            outcome = answers.outcome_of(reply.answer)
            raise HoldNotActive(
                f"checkout {checkout_id!r} is {outcome.status}: there is no live hold to extend",
                {"standing": outcome.model_dump(mode="json")},
            )
        return answers.held_of(reply.answer)

    async def cancel(
        self, checkout_id: str, *, reason: str = "", actor: str = ""
    ) -> FinalOutcome | UnknownOutcome:
        """Give the hold back, or what is open of a committed checkout.

        Returns:
            Cancelled, or the final outcome that came first; Fulfilled where some of a committed
            checkout was shipped.

        Raises:
            CheckoutNotFound: no such checkout.
        """
        message = arguments.cancellation(reason, actor)
        question = _about(arguments.checkout_id_of_call(checkout_id), _ASK_AGAIN)
        async with self._answer(question):
            reply = await self._exchanges.update(
                question, checkout_id, CANCEL_UPDATE, message, is_repeatable=True
            )
        return answers.final_outcome_of(reply.answer)

    async def _parted(
        self, checkout_id: str, update: str, message: Message, update_id: str | None, remedy: str
    ) -> Outcome:
        question = _about(arguments.checkout_id_of_call(checkout_id), remedy)
        async with self._answer(question):
            reply = await self._exchanges.update(
                question, checkout_id, update, message, update_id=update_id, is_repeatable=False
            )
        outcome = answers.outcome_of(reply.answer)
        if reply.is_result:
            raise HoldNotActive(
                f"checkout {checkout_id!r} is {outcome.status}: nothing of it is open",
                {"standing": outcome.model_dump(mode="json")},
            )
        return outcome

    async def status(self, checkout_id: str) -> CheckoutReport:
        """Report where a checkout stands and how it came there.

        Raises:
            CheckoutNotFound: no such checkout.
        """
        question = _about(arguments.checkout_id_of_call(checkout_id), _READ_AGAIN)
        async with self._answer(question):
            answer = await self._exchanges.status(question, checkout_id)
        return answers.report_of(answer)

    async def timeline(self, checkout_id: str) -> Timeline:
        """Tell the story of a checkout from the database, also when Temporal has forgotten it.

        Read by a worker, through a workflow of its own that ends at once. What has not reached the
        database is not in it, such as messages that changed nothing.

        Raises:
            CheckoutNotFound: the database knows no such checkout.
        """
        request = arguments.validated(TimelineRequest, checkout_id=checkout_id)
        question = Question(f"the timeline of checkout {checkout_id!r}", _READ_AGAIN)
        async with self._answer(question):
            answer = await self._exchanges.timeline(request)
        return answers.timeline_of(answer)

    async def holds(
        self,
        *,
        sku: str | None = None,
        customer_id: str | None = None,
        ends_within_seconds: int | None = None,
        limit: int = HOLDS_LIMIT_DEFAULT,
    ) -> Holds:
        """List who holds stock and until when, and what comes free when, by deadline.

        Read from the database by a worker, so nothing is missing from it, as it may be from
        :meth:`list`.

        Args:
            sku: only holds on this SKU; units and lines are then of it alone.
            customer_id: only this buyer's.
            ends_within_seconds: only those that end so soon, 1 to 2,592,000 s.
            limit: 1 to 200 holds, those that end first.
        """
        request = arguments.validated(
            HoldsRequest,
            sku=sku,
            customer_id=customer_id,
            ends_within_seconds=ends_within_seconds,
            limit=limit,
        )
        async with self._answer(Question("the holds", _READ_AGAIN)):
            answer = await self._exchanges.holds(request)
        return answers.holds_of(answer)

    async def adjust_stock(
        self,
        adjustment_id: str,
        sku: str,
        kind: AdjustmentKind,
        quantity: int,
        *,
        location: str = DEFAULT_LOCATION,
        reason: str = "",
        actor: str = "",
        new: bool = True,
    ) -> AdjustmentOutcome:
        """Change a stock item's total, or whether it is for sale; an adjustment id counts once.

        Args:
            adjustment_id: names this one change for ever; 1 to 200 characters.
            sku: the SKU; ``receive`` creates one that is not there, and says so.
            kind: ``receive`` adds, ``adjust`` adds or subtracts, ``count`` sets the total;
                ``deactivate`` takes it out of sale, where the holds on it stay, and ``activate``
                puts it back.
            quantity: units; at least 1 to receive, at least 0 to count, not 0 to adjust, and 0 for
                what changes no figures.
            location: where the stock is.
            reason: why, for the record.
            actor: who says so.
            new: whether ``receive`` may make a stock item that is not there. If not, a SKU with a
                slip in it is refused as unknown.

        Returns:
            AdjustmentApplied with the new figures, or AdjustmentRefused with the reason.

        Raises:
            AdjustmentConflict: the adjustment id was used for another change.
        """
        change = arguments.stock_adjustment(
            adjustment_id, sku, kind, quantity, location, reason, actor, new=new
        )
        question = Question(f"stock adjustment {adjustment_id!r}", _ADJUST_AGAIN)
        async with self._answer(question):
            answer = await self._exchanges.adjust_stock(change)
        return answers.adjustment_outcome_of(answer)

    async def list(
        self,
        *,
        status: SummaryStatus | None = None,
        customer_id: str | None = None,
        cart_id: str | None = None,
        sku: str | None = None,
        started_after: datetime | None = None,
        started_before: datetime | None = None,
        limit: int = LIST_LIMIT_DEFAULT,
    ) -> builtins.list[CheckoutSummary]:
        """List the checkouts that meet every given condition.

        Open ones come first, the latest to start leading; then the closed, the latest to close
        leading. Temporal's index runs a moment behind the workflows, so what was just reserved
        may be missing.

        Args:
            status: a checkout's status, or ``interrupted``.
            customer_id: as given to ``reserve``.
            cart_id: as given to ``reserve``.
            sku: a SKU among the checkout's lines (indexed for the first of very many lines).
            started_after: started at this moment or later; in UTC.
            started_before: started earlier than this moment; in UTC.
            limit: 1 to 1,000 checkouts.
        """
        wanted = arguments.validated(
            CheckoutFilter,
            status=status,
            customer_id=customer_id,
            cart_id=cart_id,
            sku=sku,
            started_after=started_after,
            started_before=started_before,
            limit=limit,
        )
        if self._private_metadata:
            by_status_only(wanted)
        async with self._answer(Question("the list of checkouts", _READ_AGAIN)):
            return await self._exchanges.summaries(wanted)

    def _answer(self, question: Question) -> AbstractAsyncContextManager[None]:
        self._require_open()
        return answer_within(self._answer_timeout_seconds, question, self._address)


def _about(checkout_id: str, remedy: str) -> Question:
    return Question(f"checkout {checkout_id!r}", remedy)
