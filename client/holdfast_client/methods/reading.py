"""What is asked and changes nothing: one checkout, or many."""

from __future__ import annotations

import builtins
import uuid
from datetime import datetime

from holdfast_client import answers
from holdfast_client.contract import arguments
from holdfast_client.contract.holds import HOLDS_LIMIT_DEFAULT, Holds, HoldsRequest
from holdfast_client.contract.names import HOLDS_WORKFLOW, holds_workflow_id
from holdfast_client.contract.outcomes import CheckoutReport
from holdfast_client.contract.summaries import (
    LIST_LIMIT_DEFAULT,
    CheckoutFilter,
    CheckoutSummary,
    SummaryStatus,
)
from holdfast_client.contract.timeline import Timeline, TimelineRequest
from holdfast_client.methods.asking import Asking
from holdfast_client.questions import ListCheckouts, Read, Status, timeline_wanted


class ReadingMethods(Asking):
    """Look at one checkout, at holds, or at many checkouts."""

    async def status(self, checkout_id: str) -> CheckoutReport:
        """Report where a checkout stands and how it came there.

        Raises:
            CheckoutNotFound: no such checkout.
        """
        reply = await self._ask(Status(arguments.id_of_call("checkout_id", checkout_id)))
        return answers.report_of(reply.answer)

    async def timeline(self, checkout_id: str) -> Timeline:
        """Tell what became of a checkout from the database, also when Temporal has forgotten it.

        Read by a worker, through a workflow of its own that ends at once. What has not reached the
        database is not in it, such as messages that changed nothing.

        Raises:
            CheckoutNotFound: the database knows no such checkout.
        """
        request = arguments.validated(TimelineRequest, checkout_id=checkout_id)
        reply = await self._ask(timeline_wanted(request))
        return answers.timeline_of(reply.answer)

    async def holds(
        self,
        *,
        sku: str | None = None,
        customer_id: str | None = None,
        ends_within_seconds: int | None = None,
        limit: int = HOLDS_LIMIT_DEFAULT,
        committed: bool = False,
        older_than_seconds: int | None = None,
        page: str | None = None,
    ) -> Holds:
        """List who holds stock and until when, and what comes free when, by deadline.

        Read from the database by a worker, so nothing is missing from it, as it may be from
        :meth:`list`.

        Args:
            sku: only holds on this SKU; units and lines are then of it alone.
            customer_id: only this buyer's.
            ends_within_seconds: only those that end so soon, 1 to 2,592,000 s.
            limit: 1 to 200 holds, those that end first.
            committed: what is paid and still on the shelf instead, those that were paid first.
            older_than_seconds: of these only what was paid longer ago.
            page: ``next_page`` of the answer to the same question, for what comes after it.
        """
        request = arguments.validated(
            HoldsRequest,
            sku=sku,
            customer_id=customer_id,
            ends_within_seconds=ends_within_seconds,
            limit=limit,
            committed=committed,
            older_than_seconds=older_than_seconds,
            page=page,
        )
        workflow_id = holds_workflow_id(uuid.uuid4().hex)
        reply = await self._ask(Read("the holds", HOLDS_WORKFLOW, workflow_id, request))
        return answers.holds_of(reply.answer)

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
        reply = await self._ask(ListCheckouts(wanted))
        return builtins.list(reply.answer)
