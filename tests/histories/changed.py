"""The checkout's workflow as a later release might have it: it pauses before it ends a hold.

What the pause is for does not matter. It is one more command in the history, as any change of the
protocol is, and histories of the release before do not have it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from temporalio import workflow
from temporalio.common import RawValue

from workflows.checkout import CheckoutWorkflow

with workflow.unsafe.imports_passed_through():
    from activities.inventory.records import Closing, ReservationState
    from holdfast_client.contract.names import CHECKOUT_WORKFLOW
    from workflows.ledger_task import LedgerTask

PAUSE: Final = "pause before the end"
PAUSE_SECONDS: Final = 0.01


class PausingTask(LedgerTask):
    """Pauses before it ends a hold, where it is told to."""

    pauses = True

    async def close(self, closing: Closing) -> ReservationState:
        if self.pauses:
            await workflow.sleep(timedelta(seconds=PAUSE_SECONDS))
        return await super().close(closing)


@workflow.defn(name=CHECKOUT_WORKFLOW)
class UnguardedCheckout(CheckoutWorkflow):
    """The change made without a thought of the checkouts that are running."""

    ledger_task = PausingTask

    @workflow.init
    def __init__(self, *payloads: RawValue) -> None:
        super().__init__(*payloads)

    @workflow.run
    async def run(self, *payloads: RawValue) -> Any:
        return await super().run(*payloads)


@workflow.defn(name=CHECKOUT_WORKFLOW)
class PatchedCheckout(CheckoutWorkflow):
    """The same change as it should be made: a run goes one way from its beginning to its end."""

    ledger_task = PausingTask

    @workflow.init
    def __init__(self, *payloads: RawValue) -> None:
        super().__init__(*payloads)

    @workflow.run
    async def run(self, *payloads: RawValue) -> Any:
        pauses = workflow.patched(PAUSE)
        # A bad start has no such task.
        if isinstance(task := getattr(self, "_ledger", None), PausingTask):
            task.pauses = pauses
        return await super().run(*payloads)


@workflow.defn(name=CHECKOUT_WORKFLOW)
class SettledCheckout(CheckoutWorkflow):
    """The release after the last checkout of the old way is gone: the old way is gone too."""

    ledger_task = PausingTask

    @workflow.init
    def __init__(self, *payloads: RawValue) -> None:
        super().__init__(*payloads)

    @workflow.run
    async def run(self, *payloads: RawValue) -> Any:
        workflow.deprecate_patch(PAUSE)
        return await super().run(*payloads)
