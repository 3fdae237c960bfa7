"""How much one workflow task says: Temporal takes 4 MiB of it, and ends the run otherwise."""

from __future__ import annotations

import asyncio

from temporalio import workflow

from workflows import policies


class TaskBudget:
    """Room for what is said, the calls' results and the answers, in the current workflow task.

    Whoever finds none left waits until Temporal has taken what was said so far.
    """

    def __init__(self) -> None:
        self._turns = asyncio.Lock()
        self._history_length = 0
        self._said_bytes = 0

    async def take(self, bytes: int) -> None:
        """Take so much room, in the order in which it is asked for.

        In a task in which nothing was said there is always enough.
        """
        async with self._turns:
            while self._said() and self._said() + bytes > policies.TASK_BYTES_MAX:
                await workflow.sleep(policies.TASK_PAUSE, summary="Let Temporal take what was said")
            self._said_bytes = self._said() + bytes

    def _said(self) -> int:
        """Return how much was said in the current task: with each the history is longer."""
        length = workflow.info().get_current_history_length()
        if length != self._history_length:
            self._history_length = length
            self._said_bytes = 0
        return self._said_bytes
