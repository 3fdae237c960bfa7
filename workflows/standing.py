"""Where the checkout of the current run stands, and everybody who is told: who waits for it, who
counts, who searches, and who reads its events in the Web UI.
"""

from __future__ import annotations

import asyncio

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from activities.inventory.records import ReservationState
from holdfast_client.contract.messages import Confirmation
from holdfast_client.contract.outcomes import Committed, Held, KnownOutcome, Unavailable
from workflows import metrics, web_ui
from workflows.lifecycle import Checkout
from workflows.resets import Resets
from workflows.search_attributes import NO_STATUS, learned, left_out, status_shown
from workflows.task_budget import TaskBudget
from workflows.tickets import Wish


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
        self.resets = Resets(checkout)
        self._budget = TaskBudget()
        # What is to be added once, at the first change.
        self._left_out = left_out(checkout.request, workflow.info().typed_search_attributes)
        self._announce()

    @property
    def over(self) -> bool:
        """Whether nothing that comes now changes anything."""
        return self.checkout.over or self.failure is not None

    def is_told(self, wish: Wish) -> bool:
        """Say whether the sender of a message is told at once what stands.

        Where the ledger was out of reach, nobody waits for it to put a payment down.
        """
        if self.failure or not self.checkout.over:
            return self.failure is not None
        is_unavailable = isinstance(self.checkout.outcome, Unavailable)
        # Who says what becomes of a late payment wants to hear of it.
        asks_of_payment = isinstance(wish, Confirmation) and wish.late is not None
        if is_unavailable and not asks_of_payment:
            return True
        return not self.checkout.must_ask(wish)

    async def make_room(self) -> None:
        """Wait until the current workflow task can tell once more where the checkout stands."""
        told = self.checkout.outcome or self.checkout.request
        await self._budget.take(len(told.model_dump_json().encode()))

    async def told(self) -> KnownOutcome:
        """Return where it stands, once the current workflow task has room to tell it.

        Raises:
            ApplicationError: why the run fails.
        """
        await self.make_room()
        if self.checkout.outcome is None:
            raise self.failure or RuntimeError("nothing was decided")
        return self.checkout.outcome

    def settle(self, state: ReservationState) -> None:
        """Take over where the ledger says the reservation stands.

        What is over stays over, unless a late payment has made it another attempt.
        """
        if self.checkout.over and state.attempt <= self.checkout.attempt_told:
            return
        before, was_undecided = self.checkout.status, self.checkout.outcome is None
        self.checkout.settle(state, workflow.now())
        if was_undecided:
            self._left_out += learned(self.checkout, workflow.info().typed_search_attributes)
        if self.checkout.status != before:
            self._publish()

    def wait(self) -> None:
        """The ledger did not answer at once: show that the decision takes longer than usual."""
        self._show()

    def give_up(self) -> None:
        """The ledger did not answer within the reserve budget."""
        self.checkout.give_up()
        self._publish()

    def take_back(self, state: ReservationState) -> None:
        """Learn that what was given up had been decided before."""
        self.checkout.outcome = None
        self.settle(state)

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

    def dismiss(self) -> None:
        """Let everybody go who is told by the outcome; what is left must be put down."""
        for ticket in self.checkout.take_told():
            ticket.dealt_with.set()
        for ticket in self.checkout.endings:
            if self.is_told(ticket.wish):
                ticket.dealt_with.set()

    def _announce(self) -> None:
        """Wake who waits for the decision, and at the end who waits for anything.

        By events: conditions are all looked at again whenever anything happens, and so with many
        who wait each message would cost as much as there are of them.
        """
        if self.checkout.outcome or self.failure:
            self.decided.set()
        if self.over:
            self.dismiss()

    def _publish(self) -> None:
        self._announce()
        metrics.count_outcome(self.checkout.status)
        self._show()

    def _show(self) -> None:
        """Change what the checkout is found by, where that is to be another."""
        known = workflow.info().typed_search_attributes
        updates = status_shown(self.checkout.status, known)
        if self._left_out:
            # A change also where nobody may be named: so a run replays under either setting.
            updates = (updates or [NO_STATUS]) if self.private else [*updates, *self._left_out]
            self._left_out = []
        if updates:
            workflow.upsert_search_attributes(updates)
