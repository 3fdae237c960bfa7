"""What workers ask of the ledger: every operation one transaction, each safe to ask for again.

The protocol (states, outcomes, races, order of locks) is in docs/lifecycle.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from activities.inventory.amendment_records import AmendmentAnswer, HoldAmendment
from activities.inventory.asking import asked
from activities.inventory.database.calls import BEGIN_SNAPSHOT, ResultT, Steps, in_transaction
from activities.inventory.database.errors import PaymentConflict
from activities.inventory.operations.abandon import abandon
from activities.inventory.operations.adjust import adjust
from activities.inventory.operations.amend import amend
from activities.inventory.operations.close import ClosingAnswer, close, expire_overdue
from activities.inventory.operations.extend import extend
from activities.inventory.operations.follow import follow_shop
from activities.inventory.operations.late_cancellations import (
    read_late_cancellation,
    record_late_cancellations,
)
from activities.inventory.operations.part import part
from activities.inventory.operations.pause import pause
from activities.inventory.operations.refund import refund
from activities.inventory.operations.reinstate import reinstate
from activities.inventory.operations.reserve import ReserveAnswer, reserve
from activities.inventory.operations.reserve_alone import reserve_alone
from activities.inventory.operations.standing import read_resumable
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
from holdfast_client.contract.outcomes import KnownAdjustmentOutcome, KnownOutcome, Outcome
from holdfast_client.contract.refunds import RefundDone, Refunded, Refunds, RefundsRequest
from holdfast_client.contract.timeline import Timeline

HOLD_SECONDS_CAP_DEFAULT: Final = 14_400
PAYMENT_GRACE_CAP_DEFAULT: Final = 1_800
BATCH_SIZE_MAX: Final = 500
RECONCILER: Final = "reconciler"


class LedgerOperations:
    """Stock and reservations in Postgres: what threads and coroutines ask alike.

    Args:
        hold_seconds_cap: how long a hold may last in all, extensions included.
        payment_grace_cap: how long after its deadline a hold waits for a payment at most, in
            seconds.

    Every method raises LedgerUnavailable where the database does not answer or gives up (ask
    again), LedgerCorrupt where a constraint refused the change, and LedgerFailed where the database
    refused it for a reason nobody has foreseen. Where a connection is lost, each has asked again by
    itself, once.
    """

    def __init__(self, hold_seconds_cap: int, payment_grace_cap: int) -> None:
        self._hold_seconds_cap = hold_seconds_cap
        self._payment_grace_cap = payment_grace_cap

    # --- reservations -----------------------------------------------------------------------------

    @asked
    def reserve(self, requests: Sequence[CheckoutRequest]) -> Steps[tuple[ReserveAnswer, ...]]:
        """Hold all lines of each request, or none of it and record why.

        Args:
            requests: at most ``BATCH_SIZE_MAX``, first come first; decided in one transaction.

        Returns:
            For each request: held or denied; what it was answered before; how it ended, if it
            has; or a ReservationConflict, returned and not raised so that the others stand.
        """
        check_batch(requests)
        return reserve(requests)

    @asked
    def reserve_alone(self, request: CheckoutRequest) -> Steps[ReserveAnswer]:
        """Hold one request or deny it; it may name a checkout to be superseded.

        A ReservationConflict also where that checkout is somebody else's, or is paid.
        """
        return reserve_alone(request, self._hold_seconds_cap)

    @asked
    def abandon(self, request: CheckoutRequest) -> Steps[ReserveAnswer]:
        """Hold nothing for a request that nobody waits for, unless it was decided before."""
        return abandon(request, self._hold_seconds_cap)

    @asked
    def close(self, closings: Sequence[Closing]) -> Steps[tuple[ClosingAnswer, ...]]:
        """Fulfil, commit, cancel or expire holds; the loser of a race learns what came first.

        Args:
            closings: at most ``BATCH_SIZE_MAX``. An expiry leaves alone what is not overdue, a
                payment what is paid: it is due back. A cancellation ends what is committed too.

        Returns:
            For each: where it stands, and why its payment is due back; or a PaymentConflict,
            returned and not raised so that the others stand.
        """
        check_batch(closings)
        return close(closings)

    @asked
    def extend(self, extensions: Sequence[HoldExtension]) -> Steps[tuple[ExtensionAnswer, ...]]:
        """Move the deadlines of live holds, under the cap; what is over stays over.

        Args:
            extensions: at most ``BATCH_SIZE_MAX``; of several for one hold one after the other.

        Returns:
            For each: extended, also where it was made before under its id; or why it is not.
        """
        check_batch(extensions)
        return in_transaction(extend(extensions, self._hold_seconds_cap))

    @asked
    def part(self, wish: Part) -> Steps[PartAnswer]:
        """Ship units of a committed checkout, or give units of an open one back, once for an id."""
        return in_transaction(part(wish))

    @asked
    def amend(self, change: HoldAmendment) -> Steps[AmendmentAnswer]:
        """Make these lines all that is open of a checkout, once for an id, or change nothing."""
        return amend(change)

    @asked
    def pause(self, wish: Pause) -> Steps[PauseAnswer]:
        """Let a live hold wait for a payment that is in flight, or not any longer, once for an id.

        Returns:
            Done, also where it was made before under its id; or why it is not.

        Raises:
            PaymentConflict: the payment belongs to another checkout.
        """
        answer = yield from in_transaction(pause(wish, self._payment_grace_cap))
        if isinstance(answer, PaymentConflict):
            raise answer
        return answer

    @asked
    def reinstate(self, closing: Closing) -> Steps[ClosingAnswer]:
        """Settle an expired checkout by a payment that came late, as its next attempt.

        Args:
            closing: with a payment.

        Returns:
            Paid, where all its lines can be had; else why the payment is due back, with what falls
            short; or the conflict of a payment that belongs to another checkout.
        """
        return reinstate(closing)

    @asked
    def late_cancellation(self, closing: Closing) -> Steps[KnownOutcome | None]:
        """Return what a cancellation was told under its id; None where it is not on record.

        On record is one that came when its checkout had expired already.
        """
        return self._read(read_late_cancellation(closing))

    @asked
    def record_late_cancellation(self, closing: Closing, told: Outcome) -> Steps[None]:
        """Put on record what a cancellation was told, if it came after an expiry."""
        return in_transaction(record_late_cancellations({closing: told}))

    @asked
    def resumable(self, checkout_id: str) -> Steps[Resumable | None]:
        """Return what a workflow goes on with; None of what nobody knows, or holds nothing ever."""
        return in_transaction(read_resumable(checkout_id), BEGIN_SNAPSHOT)

    @asked
    def expire_overdue(
        self,
        grace_seconds: float,
        batch_size_max: int = BATCH_SIZE_MAX,
        *,
        actor: str = RECONCILER,
    ) -> Steps[int]:
        """End a batch of holds that are overdue by more than the grace period.

        Leaves out those that somebody else is just now ending, and those of which an adopted shop
        keeps a row.

        Args:
            grace_seconds: 0 or more.
            batch_size_max: 1 to ``BATCH_SIZE_MAX``.
            actor: who ends them, for the record.

        Returns:
            How many were ended; fewer than ``batch_size_max`` when none else can be now.
        """
        check_batch_size(batch_size_max)
        return expire_overdue(grace_seconds, batch_size_max, actor)

    # --- payments and stock -----------------------------------------------------------------------

    @asked
    def refund(self, wish: RefundDone) -> Steps[Refunded]:
        """Put down that a payment which was due back has gone back.

        Raises:
            RefundNotDue: it is not, or not any more.
        """
        return refund(wish)

    @asked
    def refunds(self, request: RefundsRequest) -> Steps[Refunds]:
        """Return the payments that are due back, the oldest first."""
        return in_transaction(read_refunds(request), BEGIN_SNAPSHOT)

    @asked
    def payment_figures(self) -> Steps[PaymentFigures]:
        """Return how many payments are due back or in flight, and what waits to be packed."""
        return self._read(read_payment_figures())

    @asked
    def adjust(self, adjustment: StockAdjustment) -> Steps[KnownAdjustmentOutcome]:
        """Receive, correct or count stock, once per adjustment id.

        Raises:
            AdjustmentConflict: the id belongs to a different change.
        """
        return adjust(adjustment)

    @asked
    def follow_shop(self) -> Steps[None]:
        """Follow words of an adopted shop that wait, as far as the shop has their rows no more."""
        return follow_shop()

    # --- reading ----------------------------------------------------------------------------------

    @asked
    def timeline(self, checkout_id: str) -> Steps[Timeline | None]:
        """Return the timeline of a checkout, or None where nothing is known of it."""
        return in_transaction(read_timeline(checkout_id), BEGIN_SNAPSHOT)

    @asked
    def holds(self, request: HoldsRequest) -> Steps[Holds]:
        """Return who holds what and until when, those that end first."""
        return in_transaction(read_holds(request), BEGIN_SNAPSHOT)

    @asked
    def count_overdue(self, older_than_seconds: float = 0.0) -> Steps[int]:
        """Return how many holds are past their deadline by more than so many seconds."""
        return self._read(availability.count_overdue(older_than_seconds))

    @asked
    def units_held(self) -> Steps[int]:
        """Return how many units are reserved by open holds, over all stock items."""
        return self._read(availability.read_units_held())

    @asked
    def drift(self) -> Steps[tuple[Breach, ...]]:
        """Check I1, I2 and the switches of I5 alone, which is quick enough to do every minute."""
        return in_transaction(find_breaches(DRIFT_AUDITS, lambda _: None), BEGIN_SNAPSHOT)

    def _read(self, steps: Steps[ResultT]) -> Steps[ResultT]:
        """Read by one statement."""
        return steps


def check_batch(batch: Sequence[object]) -> None:
    """Refuse a batch that one transaction does not take.

    Raises:
        ValueError: it has none or too many entries.
    """
    check_batch_size(len(batch))


def check_batch_size(size: int) -> None:
    """Refuse a size of a batch; as :func:`check_batch`."""
    if not 1 <= size <= BATCH_SIZE_MAX:
        raise ValueError(f"a batch has 1 to {BATCH_SIZE_MAX} entries, not {size}")
