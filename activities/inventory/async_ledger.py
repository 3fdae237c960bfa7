"""The ledger for coroutines: what a worker asks of it, each operation one transaction.

What it does and answers is as in :class:`~activities.inventory.ledger.Ledger`; only who carries the
calls differs, and nobody's thread waits.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

from activities.inventory.amendment_records import LineChange, LineChangeAnswer
from activities.inventory.database.async_carrier import carry_out
from activities.inventory.database.calls import BEGIN_SNAPSHOT, ResultT, Steps, in_transaction
from activities.inventory.database.errors import ConnectionLost
from activities.inventory.database.pool import LedgerPool
from activities.inventory.database.repeats import REPEAT_WITHIN_SECONDS
from activities.inventory.ledger import (
    HOLD_SECONDS_CAP_DEFAULT,
    PAYMENT_GRACE_CAP_DEFAULT,
    RECONCILER,
)
from activities.inventory.ledger_readings import BATCH_SIZE_MAX, check_batch, check_batch_size
from activities.inventory.operations.abandon import abandon
from activities.inventory.operations.adjust import adjust
from activities.inventory.operations.amend import amend
from activities.inventory.operations.batch import ReserveAnswer
from activities.inventory.operations.close import ClosingAnswer, close, expire_overdue
from activities.inventory.operations.extend import extend
from activities.inventory.operations.part import part
from activities.inventory.operations.pause import pause
from activities.inventory.operations.refund import refund
from activities.inventory.operations.reinstate import reinstate
from activities.inventory.operations.reserve import reserve
from activities.inventory.operations.standing import read_resumable
from activities.inventory.operations.supersede import supersede
from activities.inventory.payment_records import Pause, PauseAnswer, PaymentFigures, Resumable
from activities.inventory.reading import availability
from activities.inventory.reading.audits import DRIFT_AUDITS, find_breaches
from activities.inventory.reading.open_holds import read_holds
from activities.inventory.reading.refunds import read_payment_figures, read_refunds
from activities.inventory.reading.timelines import read_timeline
from activities.inventory.records import (
    Breach,
    Closing,
    ExtensionAnswer,
    HoldExtension,
    Part,
    PartAnswer,
)
from holdfast_client.contract.holds import Holds, HoldsRequest
from holdfast_client.contract.messages import CheckoutRequest, StockAdjustment
from holdfast_client.contract.outcomes import KnownAdjustmentOutcome
from holdfast_client.contract.refunds import RefundDone, Refunded, Refunds, RefundsRequest
from holdfast_client.contract.timeline import Timeline


class AsyncLedger:
    """Stock and reservations in Postgres, for the coroutines of one event loop.

    Args:
        pool: the connections.
        hold_seconds_cap: how long a hold may last in all, extensions included.
        payment_grace_cap: how long after its deadline a hold waits for a payment, in seconds.

    Raises as the ledger does, and asks again by itself, once, where a connection is lost.
    """

    def __init__(
        self,
        pool: LedgerPool,
        *,
        hold_seconds_cap: int = HOLD_SECONDS_CAP_DEFAULT,
        payment_grace_cap: int = PAYMENT_GRACE_CAP_DEFAULT,
    ) -> None:
        self._pool = pool
        self._hold_seconds_cap = hold_seconds_cap
        self._payment_grace_cap = payment_grace_cap

    async def reserve(self, requests: Sequence[CheckoutRequest]) -> tuple[ReserveAnswer, ...]:
        """Hold all lines of each request, or none of it and record why."""
        check_batch(requests)
        return await self._run(partial(reserve, requests))

    async def supersede(self, request: CheckoutRequest) -> ReserveAnswer:
        """Hold a request that names a checkout to be superseded, or deny it."""
        return await self._run(partial(supersede, request, self._hold_seconds_cap))

    async def abandon(self, request: CheckoutRequest) -> ReserveAnswer:
        """Hold nothing for a request that nobody waits for, unless it was decided before."""
        return await self._run(partial(abandon, request))

    async def close(self, closings: Sequence[Closing]) -> tuple[ClosingAnswer, ...]:
        """Fulfil, commit, cancel or expire holds; the loser of a race learns what came first."""
        check_batch(closings)
        return await self._run(partial(close, closings))

    async def reinstate(self, closing: Closing) -> ClosingAnswer:
        """Settle an expired checkout by a payment that came late, as its next attempt."""
        return await self._run(partial(reinstate, closing))

    async def resumable(self, checkout_id: str) -> Resumable | None:
        """Return what a workflow goes on with; None of what nobody knows, or holds nothing ever."""
        return await self._read_at_one_moment(partial(read_resumable, checkout_id))

    async def pause(self, wish: Pause) -> PauseAnswer:
        """Let a live hold wait for a payment that is in flight, or not any longer."""
        return await self._run(lambda: in_transaction(pause(wish, self._payment_grace_cap)))

    async def refund(self, wish: RefundDone) -> Refunded:
        """Put down that a payment which was due back has gone back."""
        return await self._run(partial(refund, wish))

    async def refunds(self, request: RefundsRequest) -> Refunds:
        """Return the payments that are due back, the oldest first."""
        return await self._read_at_one_moment(partial(read_refunds, request))

    async def payment_figures(self) -> PaymentFigures:
        """Return how many payments are due back or in flight, and what waits to be packed."""
        return await self._run(read_payment_figures)

    async def extend(self, extensions: Sequence[HoldExtension]) -> tuple[ExtensionAnswer, ...]:
        """Move the deadlines of live holds, under the cap; what is over stays over."""
        check_batch(extensions)
        return await self._run(lambda: in_transaction(extend(extensions, self._hold_seconds_cap)))

    async def part(self, wish: Part) -> PartAnswer:
        """Ship units of a committed checkout, or give units of an open one back."""
        return await self._run(lambda: in_transaction(part(wish)))

    async def amend(self, change: LineChange) -> LineChangeAnswer:
        """Make these lines all that is open of a checkout, or change nothing."""
        return await self._run(partial(amend, change))

    async def expire_overdue(
        self,
        grace_seconds: float,
        batch_size_max: int = BATCH_SIZE_MAX,
        *,
        actor: str = RECONCILER,
    ) -> int:
        """End a batch of holds that are overdue by more than the grace period; return how many."""
        check_batch_size(batch_size_max)
        return await self._run(
            lambda: in_transaction(expire_overdue(grace_seconds, batch_size_max, actor))
        )

    async def adjust(self, adjustment: StockAdjustment) -> KnownAdjustmentOutcome:
        """Receive, correct or count stock, once per adjustment id."""
        return await self._run(partial(adjust, adjustment))

    async def timeline(self, checkout_id: str) -> Timeline | None:
        """Return the timeline of a checkout, or None where nothing is known of it."""
        return await self._read_at_one_moment(partial(read_timeline, checkout_id))

    async def holds(self, request: HoldsRequest) -> Holds:
        """Return who holds what and until when, those that end first."""
        return await self._read_at_one_moment(partial(read_holds, request))

    async def count_overdue(self, older_than_seconds: float = 0.0) -> int:
        """Return how many holds are past their deadline by more than so many seconds."""
        return await self._run(partial(availability.count_overdue, older_than_seconds))

    async def units_held(self) -> int:
        """Return how many units are reserved by open holds, over all stock items."""
        return await self._run(availability.read_units_held)

    async def drift(self) -> tuple[Breach, ...]:
        """Check I1, I2 and the switches of I5."""
        return await self._read_at_one_moment(partial(find_breaches, DRIFT_AUDITS, lambda _: None))

    async def _read_at_one_moment(self, begin: Callable[[], Steps[ResultT]]) -> ResultT:
        return await self._run(lambda: in_transaction(begin(), BEGIN_SNAPSHOT))

    async def _run(self, begin: Callable[[], Steps[ResultT]]) -> ResultT:
        """Carry an operation out, once more from its beginning where its connection is lost."""
        began = time.monotonic()
        try:
            return await carry_out(self._pool, begin())
        except ConnectionLost:
            if time.monotonic() - began > REPEAT_WITHIN_SECONDS:
                raise
        return await carry_out(self._pool, begin())
