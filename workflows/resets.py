"""What a run does that was reset, taken back to an earlier point: it asks the ledger anew.

What was told after that point, by the run before or by whoever settled the checkout while its
workflow was gone, the run has forgotten, and only the ledger knows.
"""

from __future__ import annotations

import asyncio
from typing import Final

from temporalio import workflow

from workflows.arrivals import arrival, was_reset
from workflows.lifecycle import Checkout
from workflows.tickets import Look, Ticket

# In a history, beside the first question that came in the very task that begins anew.
_ASKED: Final = "asked after a reset, by event {length}"


class Resets:
    """Says when the current run was taken back, and has it look what the ledger has by then.

    A reset gives a run another random seed, and so the run learns of it; but only after the
    messages of that task. Of a question among them it must be told otherwise whether it comes
    again from before the reset, where the answer is in the history, or comes after it. That is put
    on record, by the same means as a change of the workflow's code.

    Args:
        checkout: of the run.
    """

    def __init__(self, checkout: Checkout) -> None:
        self._checkout = checkout
        self._seen = False
        self._loop = asyncio.get_running_loop()
        workflow.register_random_seed_callback(self._on_new_seed)

    def is_past(self) -> bool:
        """Say whether the run was taken back before the message that is handled now."""
        # A replay goes by the record: of a file it is told no run but the first.
        if not self._seen and (workflow.unsafe.is_replaying() or was_reset()):
            record = _ASKED.format(length=workflow.info().get_current_history_length())
            self._seen = workflow.patched(record)
        return self._seen

    def look(self) -> Ticket:
        """Queue a look at the ledger, behind what waits, or join one that waits already."""
        looks = (each for each in self._checkout.endings if isinstance(each.wish, Look))
        return next(looks, None) or self._checkout.post(Look(), arrival=arrival(is_signal=False))

    def _on_new_seed(self, _: int) -> None:
        # Here nothing of Temporal may be called yet, and nobody would wake by what is queued.
        self._loop.call_soon(self._begin_anew)

    def _begin_anew(self) -> None:
        self._seen = True
        self.look()
