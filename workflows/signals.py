"""The signals of one run: counted, and read alike by all workers that do its tasks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeVar

from temporalio import workflow
from temporalio.common import RawValue

from holdfast_client.contract.encrypted import came_encrypted
from holdfast_client.contract.fields import Message
from workflows.payloads import KeyMissing, UnreadableMessage, read_message
from workflows.policies import UNREAD_SIGNALS_MAX

MessageT = TypeVar("MessageT", bound=Message)

# In a history, after each signal that was ignored because no key was there to read it.
_UNREAD_SIGNAL: Final = "unread signal {number}"


class Signals:
    """Counts a run's signals and reads them.

    That a signal is ignored for want of its key is a decision of the worker that happens to take
    it, and workers that do the checkout's tasks again must come to the same one, whichever keys
    they have. So it is put on record, by the same means as a change of the workflow's code. Each
    record makes the next one dearer, so there is a bound; after it, whatever came encrypted is
    ignored in this run, which every worker can tell.
    """

    def __init__(self) -> None:
        self.count = 0
        self._unread = 0

    def read(self, model: type[MessageT], payloads: Sequence[RawValue]) -> MessageT:
        """Return the message of the signal that was counted last; raises as `read_message` does.

        Args:
            model: what it should be.
            payloads: what came.

        Raises:
            KeyMissing: it was read by a worker that has the key, and this one has not.
        """
        if not any(came_encrypted(value.payload) for value in payloads):
            return read_message(model, payloads)
        if self._unread == UNREAD_SIGNALS_MAX:
            raise UnreadableMessage("", "too many messages came without their keys being here")
        try:
            return self._read_encrypted(model, payloads)
        except UnreadableMessage:
            self._unread += 1
            raise

    def _read_encrypted(self, model: type[MessageT], payloads: Sequence[RawValue]) -> MessageT:
        record = _UNREAD_SIGNAL.format(number=self.count)
        is_replaying = workflow.unsafe.is_replaying()
        if is_replaying and workflow.patched(record):
            raise UnreadableMessage("", "the message came when its key was not there to read it")
        try:
            return read_message(model, payloads)
        except UnreadableMessage as error:
            if is_replaying:
                raise KeyMissing(error.problem) from None
            workflow.patched(record)
            raise
