"""The ledger: every operation one transaction, each safe to ask for again.

The protocol (states, outcomes, races, order of locks) is in docs/lifecycle.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Engine

from activities.inventory.amendment_records import LineChange, LineChangeAnswer
from activities.inventory.database.calls import (
    Call,
    in_transaction,
    scalar,
)
from activities.inventory.database.repeats import goes_on_afresh
from activities.inventory.ledger_readings import (
    BATCH_SIZE_MAX,
    LedgerReadings,
    check_batch,
    check_batch_size,
)
from activities.inventory.operations.abandon import abandon
from activities.inventory.operations.adjust import adjust
from activities.inventory.operations.amend import amend
from activities.inventory.operations.batch import ReserveAnswer
from activities.inventory.operations.close import ClosingAnswer, close, expire_overdue
from activities.inventory.operations.extend import extend
from activities.inventory.operations.load import load, preview
from activities.inventory.operations.part import part
from activities.inventory.operations.pause import pause
from activities.inventory.operations.refund import refund
from activities.inventory.operations.reinstate import reinstate
from activities.inventory.operations.reserve import reserve
from activities.inventory.operations.standing import read_resumable, read_states
from activities.inventory.operations.supersede import supersede
from activities.inventory.payment_records import Pause, PauseAnswer, Resumable
from activities.inventory.records import (
    Closing,
    ExtensionAnswer,
    HoldExtension,
    Part,
    PartAnswer,
    ReservationState,
    StockLoad,
    StockRow,
    StockStanding,
)
from activities.inventory.sql.statements.reservations import CLOCK
from holdfast_client.contract.messages import CheckoutRequest, StockAdjustment
from holdfast_client.contract.outcomes import KnownAdjustmentOutcome
from holdfast_client.contract.refunds import RefundDone, Refunded

HOLD_SECONDS_CAP_DEFAULT: Final = 14_400
PAYMENT_GRACE_CAP_DEFAULT: Final = 1_800
LOAD_ROWS_MAX: Final = 10_000
RECONCILER: Final = "reconciler"


class Ledger(LedgerReadings):
    """Stock and reservations in Postgres.

    Args:
        engine: of :func:`activities.inventory.database.engine.open_engine`, whose isolation is READ
            COMMITTED; shared by threads.
        hold_seconds_cap: how long a hold may last in all, extensions included.
        payment_grace_cap: how long after its deadline a hold waits for a payment at most, in
            seconds.

    Every method raises LedgerUnavailable where the database does not answer or gives up (ask
    again), LedgerCorrupt where a constraint refused the change, and LedgerFailed where the database
    refused it for a reason nobody has foreseen. Where a connection is lost, all but `load_stock`
    have asked again by themselves, once.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        hold_seconds_cap: int = HOLD_SECONDS_CAP_DEFAULT,
        payment_grace_cap: int = PAYMENT_GRACE_CAP_DEFAULT,
    ) -> None:
        super().__init__(engine)
        self._hold_seconds_cap = hold_seconds_cap
        self._payment_grace_cap = payment_grace_cap

    # --- reservations ----------------------------------------------------------------------------

    @goes_on_afresh
    def reserve(self, requests: Sequence[CheckoutRequest]) -> tuple[ReserveAnswer, ...]:
        """Hold all lines of each request, or none of it and record why.

        Args:
            requests: at most ``BATCH_SIZE_MAX``, first come first; decided in one transaction.

        Returns:
            For each request: held or denied; what it was answered before; how it ended, if it
            has; or a ReservationConflict, returned and not raised so that the others stand.
        """
        check_batch(requests)
        return self._run(reserve(requests))

    @goes_on_afresh
    def supersede(self, request: CheckoutRequest) -> ReserveAnswer:
        """Hold a request that names a checkout to be superseded, or deny it.

        A ReservationConflict also where that checkout is somebody else's, or is paid.
        """
        return self._run(supersede(request, self._hold_seconds_cap))

    @goes_on_afresh
    def abandon(self, request: CheckoutRequest) -> ReserveAnswer:
        """Hold nothing for a request that nobody waits for, unless it was decided before."""
        return self._run(abandon(request))

    @goes_on_afresh
    def close(self, closings: Sequence[Closing]) -> tuple[ClosingAnswer, ...]:
        """Fulfil, commit, cancel or expire holds; the loser of a race learns what came first.

        Args:
            closings: at most ``BATCH_SIZE_MAX``. An expiry leaves alone what is not overdue, a
                payment what is paid: it is due back. A cancellation ends what is committed too.

        Returns:
            For each: where it stands, and why its payment is due back; or a PaymentConflict,
            returned and not raised so that the others stand.
        """
        check_batch(closings)
        return self._run(close(closings))

    @goes_on_afresh
    def reinstate(self, closing: Closing) -> ClosingAnswer:
        """Settle an expired checkout by a payment that came late, as its next attempt.

        Args:
            closing: with a payment.

        Returns:
            Paid, where all its lines can be had; else why the payment is due back, with what falls
            short; or the conflict of a payment that belongs to another checkout.
        """
        return self._run(reinstate(closing))

    @goes_on_afresh
    def resumable(self, checkout_id: str) -> Resumable | None:
        """Return what a workflow goes on with; None of what nobody knows, or holds nothing ever."""
        return self._run_snapshot(read_resumable(checkout_id))

    @goes_on_afresh
    def extend(self, extensions: Sequence[HoldExtension]) -> tuple[ExtensionAnswer, ...]:
        """Move the deadlines of live holds, under the cap; what is over stays over.

        Args:
            extensions: at most ``BATCH_SIZE_MAX``; of several for one hold one after the other.

        Returns:
            For each: extended, also where it was made before under its id; or why it is not.
        """
        check_batch(extensions)
        return self._run(in_transaction(extend(extensions, self._hold_seconds_cap)))

    @goes_on_afresh
    def part(self, wish: Part) -> PartAnswer:
        """Ship units of a committed checkout, or give units of an open one back, once for an id."""
        return self._run(in_transaction(part(wish)))

    @goes_on_afresh
    def amend(self, change: LineChange) -> LineChangeAnswer:
        """Make these lines all that is open of a checkout, once for an id, or change nothing."""
        return self._run(amend(change))

    @goes_on_afresh
    def pause(self, wish: Pause) -> PauseAnswer:
        """Let a live hold wait for a payment that is in flight, or not any longer, once for an id.

        Returns:
            Done, also where it was made before under its id; or why it is not.

        Raises:
            PaymentConflict: the payment belongs to another checkout.
        """
        return self._run(in_transaction(pause(wish, self._payment_grace_cap)))

    @goes_on_afresh
    def refund(self, wish: RefundDone) -> Refunded:
        """Put down that a payment which was due back has gone back.

        Raises:
            RefundNotDue: it is not, or not any more.
        """
        return self._run(refund(wish))

    @goes_on_afresh
    def expire_overdue(
        self,
        grace_seconds: float,
        batch_size_max: int = BATCH_SIZE_MAX,
        *,
        actor: str = RECONCILER,
    ) -> int:
        """End a batch of holds that are overdue by more than the grace period.

        Leaves out those that somebody else is just now ending.

        Args:
            grace_seconds: 0 or more.
            batch_size_max: 1 to ``BATCH_SIZE_MAX``.
            actor: who ends them, for the record.

        Returns:
            How many were ended; fewer than ``batch_size_max`` when none is left.
        """
        check_batch_size(batch_size_max)
        return self._run(in_transaction(expire_overdue(grace_seconds, batch_size_max, actor)))

    @goes_on_afresh
    def reservations(self, checkout_ids: Sequence[str]) -> dict[str, ReservationState]:
        """Return where reservations stand, by checkout id; unknown ones are left out."""
        check_batch(checkout_ids)
        return self._run(read_states(checkout_ids))

    # --- stock -----------------------------------------------------------------------------------

    @goes_on_afresh
    def adjust(self, adjustment: StockAdjustment) -> KnownAdjustmentOutcome:
        """Receive, correct or count stock, once per adjustment id.

        Raises:
            AdjustmentConflict: the id belongs to a different change.
        """
        return self._run(adjust(adjustment))

    def load_stock(self, rows: Sequence[StockRow], as_of: datetime | None = None) -> StockLoad:
        """Set the totals of many stock items, creating those that are new. All or none.

        Args:
            rows: at most ``LOAD_ROWS_MAX``, each SKU and location once. All of them stay locked
                until it is done, so a few hundred at a time keep no buyer waiting.
            as_of: when they were counted; what was sold, delivered or corrected since is made up
                for. None: now.

        Raises:
            StockLoadRefused: some totals would be below what is reserved.
            ValueError: too many rows, or a stock item is given twice.
        """
        _check_load_size(len(rows))
        return self._run(in_transaction(load(rows, as_of)))

    @goes_on_afresh
    def preview_load(
        self, rows: Sequence[StockRow], as_of: datetime | None = None
    ) -> tuple[StockStanding, ...]:
        """Return where the stock item of each row stands, in their order; changes nothing.

        Args:
            rows: at most ``LOAD_ROWS_MAX``, each SKU and location once.
            as_of: as of :meth:`load_stock`.

        Raises:
            ValueError: too many rows, or a stock item is given twice.
        """
        _check_load_size(len(rows))
        return self._run_snapshot(preview(rows, as_of))

    @goes_on_afresh
    def clock(self) -> datetime:
        """Return the time by the database's clock, which is the ledger's only one."""
        moment: datetime = self._run(scalar(Call(CLOCK, {})))
        return moment


def _check_load_size(size: int) -> None:
    if size > LOAD_ROWS_MAX:
        raise ValueError(f"a load has at most {LOAD_ROWS_MAX:,} rows, not {size:,}")
