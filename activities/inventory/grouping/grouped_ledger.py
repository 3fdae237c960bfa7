"""The ledger for callers that each ask for one thing: those of the same moment share a transaction.

The rules of sharing are in :mod:`activities.inventory.grouping.group_commit`. Reservations, endings
and extensions have a queue each, because each is a transaction of its own kind.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Literal, TypeVar

from activities.inventory.async_ledger import AsyncLedger
from activities.inventory.database.errors import (
    LedgerError,
    LedgerUnavailable,
    LedgerUnreachable,
    PaymentConflict,
)
from activities.inventory.grouping.group_commit import GroupCommit, TurnDidNotCome
from activities.inventory.ledger_operations import BATCH_SIZE_MAX
from activities.inventory.records import (
    Closing,
    ExtensionAnswer,
    HoldExtension,
    ReservationState,
)
from holdfast_client.contract.messages import CheckoutRequest

Operation = Literal["reserve", "close", "extend"]
BatchObserver = Callable[[Operation, int, float], None]
"""Told of each transaction: what it did, for how many requests, in how many seconds."""

RequestT = TypeVar("RequestT")
AnswerT = TypeVar("AnswerT")


def _unobserved(_operation: Operation, _batch_size: int, _seconds: float) -> None:
    return None


class GroupedLedger:
    """One request a call, from any number of coroutines of one event loop.

    Args:
        ledger: where the transactions are made.
        observe: told of each transaction.
        limits: as :class:`~activities.inventory.grouping.group_commit.GroupCommit` takes them.

    Every method raises LedgerUnavailable where the database does not answer, gives up or is too
    busy, and the other errors of :class:`~activities.inventory.ledger.Ledger`; each for its own
    request alone.
    """

    def __init__(
        self, ledger: AsyncLedger, *, observe: BatchObserver = _unobserved, **limits: Any
    ) -> None:
        def grouped(
            operation: Operation, run: Callable[[Sequence[RequestT]], Awaitable[Sequence[AnswerT]]]
        ) -> GroupCommit[RequestT, AnswerT]:
            return GroupCommit(
                run,
                batch_size_max=BATCH_SIZE_MAX,
                shared_failures=(LedgerUnreachable,),
                observe=partial(observe, operation),
                **limits,
            )

        self.ungrouped = ledger
        self._reserves = grouped("reserve", ledger.reserve)
        self._closings = grouped("close", ledger.close)
        self._extensions = grouped("extend", ledger.extend)

    @property
    def waiting(self) -> int:
        """How many requests wait for their turn."""
        return self._reserves.waiting + self._closings.waiting + self._extensions.waiting

    async def reserve(self, request: CheckoutRequest) -> ReservationState:
        """Hold all lines or none.

        Raises:
            ReservationConflict: the id belongs to a different request.
            RequestRefused: what is asked for cannot be held.
        """
        answer = await _in_turn(self._reserves, request)
        if isinstance(answer, LedgerError):
            raise answer
        return answer

    async def close(self, closing: Closing) -> ReservationState:
        """Fulfil, cancel or expire a hold, and return where it stands.

        Raises:
            PaymentConflict: the payment belongs to another checkout.
        """
        answer = await _in_turn(self._closings, closing)
        if isinstance(answer, PaymentConflict):
            raise answer
        return answer

    async def extend(self, extension: HoldExtension) -> ExtensionAnswer:
        """Move the deadline of a live hold."""
        return await _in_turn(self._extensions, extension)


async def _in_turn(queue: GroupCommit[RequestT, AnswerT], request: RequestT) -> AnswerT:
    try:
        return await queue.submit(request)
    except TurnDidNotCome:
        raise LedgerUnavailable("the database is too busy: the turn did not come") from None
