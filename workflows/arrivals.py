"""How messages come, and which goes ahead where Temporal does not keep their order."""

from __future__ import annotations

from dataclasses import dataclass

from temporalio import workflow


@dataclass(frozen=True, slots=True)
class Arrival:
    """How a message came.

    Args:
        task: the length of the history by then, which is that of its workflow task.
        is_signal: else it is an update.
        was_reset: whether somebody has reset the checkout to an earlier point.
    """

    task: int
    is_signal: bool
    was_reset: bool

    def goes_before(self, other: Arrival | None) -> bool:
        """Say whether it goes ahead of one that came before it.

        Temporal brings a run that was reset its messages again in one task: in their old order, and
        with the updates last when that task is replayed. So signals go first there each time, or a
        replay would ask the ledger in another order than the run did.
        """
        is_update_beside = other and other.task == self.task and not other.is_signal
        return self.was_reset and self.is_signal and bool(is_update_beside)


def arrival(*, is_signal: bool) -> Arrival:
    """Return how the message comes that is handled now."""
    return Arrival(workflow.info().get_current_history_length(), is_signal, was_reset())


def was_reset() -> bool:
    """Say whether somebody set this run back, so that what came to it before comes again."""
    info = workflow.info()
    return info.run_id != info.original_execution_run_id
