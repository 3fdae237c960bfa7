"""Where the checkout of the current run stands, and everybody who is told: who waits for it, who
counts, who searches, and who reads its events in the Web UI.
"""

from __future__ import annotations

import asyncio

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from activities.inventory.records import ReservationState
from holdfast_client.contract.names import STATUS_ATTRIBUTE_MEMO
from holdfast_client.contract.outcomes import Committed, Held
from workflows import metrics, web_ui
from workflows.lifecycle import Checkout
from workflows.search_attributes import STATUS_KEY, left_out


class Standing:
    """Where a checkout stands, told whenever that changes.

    ``failure`` is why its run will fail: the id belongs to another request. ``decided`` is set once
    there is an outcome or a failure to tell. ``private`` says that search attributes and summaries
    are to name no customer, cart, SKU or payment.
    """

    def __init__(self, checkout: Checkout, *, private: bool) -> None:
        self.checkout = checkout
        self.private = private
        self.failure: ApplicationError | None = None
        self.decided = asyncio.Event()
        self._announce()

    @property
    def over(self) -> bool:
        """Whether nothing that comes now changes anything."""
        return self.checkout.over or self.failure is not None

    def settle(self, state: ReservationState) -> None:
        """Take over where the ledger says the reservation stands."""
        before = self.checkout.status
        self.checkout.settle(state, workflow.now())
        if self.checkout.status != before:
            self._publish()

    def give_up(self) -> None:
        """The ledger did not answer within the reserve budget."""
        self.checkout.give_up()
        self._publish()

    def fail(self, failure: ApplicationError) -> None:
        """Fail the run, and with it whoever waits for a decision."""
        self.failure = failure
        self._announce()

    def tell(self, event: str, *, actor: str = "", reason: str = "") -> None:
        """Note an event of the checkout."""
        self.checkout.note(workflow.now(), event, actor=actor, reason=reason)

    def tell_outcome(self, actor: str = "", reason: str = "") -> None:
        """Note where it stands now."""
        match self.checkout.outcome:
            case Held() as held:
                self.tell("held", actor=actor, reason=web_ui.held_reason(held))
            case Committed() as committed:
                self.tell("committed", actor=actor, reason=web_ui.committed_reason(committed))
            case None:
                pass
            case final:
                reason = web_ui.ending_reason(final) or reason
                self.tell(final.status, actor=actor, reason=reason)

    def _announce(self) -> None:
        """Wake who waits for the decision, and at the end who waits for anything.

        By events: conditions are all looked at again whenever anything happens, and so with many
        who wait each message would cost as much as there are of them.
        """
        if self.checkout.outcome or self.failure:
            self.decided.set()
        if self.over:
            for ticket in self.checkout.take_all():
                ticket.dealt_with.set()

    def _publish(self) -> None:
        checkout = self.checkout
        self._announce()
        metrics.count_outcome(checkout.status)
        known = workflow.info().typed_search_attributes
        updates = [] if self.private else left_out(checkout.request, known)
        if _keeps_status_attribute():
            updates.append(STATUS_KEY.value_set(checkout.status))
        if updates:
            workflow.upsert_search_attributes(updates)


def _keeps_status_attribute() -> bool:
    """Say whether CheckoutStatus is to be kept: yes, unless whoever started it said no.

    Said in the start, and so the same in every replay, whatever the worker is told.
    """
    wish = workflow.info().raw_memo.get(STATUS_ATTRIBUTE_MEMO)
    return wish is None or wish.data != b"false"
