"""The ledger: every operation one transaction, each safe to ask for again.

The protocol (states, outcomes, races, order of locks) is in docs/lifecycle.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Engine

from activities.inventory.amendment_records import LineChange, LineChangeAnswer
from activities.inventory.database.calls import (
    BEGIN_SNAPSHOT,
    Call,
    ResultT,
    Steps,
    in_transaction,
    scalar,
)
from activities.inventory.database.carrier import carry_out
from activities.inventory.database.engine import is_for_long_work, statement_engine
from activities.inventory.database.repeats import goes_on_afresh
from activities.inventory.operations.abandon import abandon
from activities.inventory.operations.adjust import adjust
from activities.inventory.operations.amend import amend
from activities.inventory.operations.batch import ReserveAnswer
from activities.inventory.operations.close import close, expire_overdue
from activities.inventory.operations.extend import extend
from activities.inventory.operations.load import load, preview
from activities.inventory.operations.part import part
from activities.inventory.operations.reserve import reserve
from activities.inventory.operations.standing import read_states
from activities.inventory.operations.supersede import supersede
from activities.inventory.reading import availability
from activities.inventory.reading.audits import (
    DRIFT_AUDITS,
    HISTORY_AUDITS,
    PRESENT_AUDITS,
    find_breaches,
)
from activities.inventory.reading.denied_demand import read_denied_demand
from activities.inventory.reading.item_history import read_item_history
from activities.inventory.reading.open_holds import read_holds
from activities.inventory.reading.timelines import read_timeline
from activities.inventory.records import (
    Availability,
    Breach,
    Closing,
    DeniedDemand,
    DeniedPeriod,
    ExtensionAnswer,
    HistoryPeriod,
    HoldExtension,
    ItemHistory,
    OverdueReservation,
    Part,
    PartAnswer,
    ReservationState,
    StockLoad,
    StockRow,
    StockStanding,
)
from activities.inventory.sql.statements.databases import SCHEMA_VERSION
from activities.inventory.sql.statements.reservations import CLOCK, HAS_RESERVATIONS
from holdfast_client.contract.holds import Holds, HoldsRequest
from holdfast_client.contract.messages import CheckoutRequest, StockAdjustment
from holdfast_client.contract.outcomes import KnownAdjustmentOutcome
from holdfast_client.contract.timeline import Timeline

HOLD_SECONDS_CAP_DEFAULT: Final = 14_400
LOW_STOCK_THRESHOLD_DEFAULT: Final = 5
BATCH_SIZE_MAX: Final = 500
LOAD_ROWS_MAX: Final = 10_000
PAGE_SIZE_MAX: Final = 1_000
DENIED_ROWS_MAX: Final = 10_000
RECONCILER: Final = "reconciler"


class Ledger:
    """Stock and reservations in Postgres.

    Args:
        engine: of :func:`activities.inventory.database.engine.open_engine`, whose isolation is READ
            COMMITTED; shared by threads.
        hold_seconds_cap: how long a hold may last in all, extensions included.

    Every method raises LedgerUnavailable where the database does not answer or gives up (ask
    again), LedgerCorrupt where a constraint refused the change, and LedgerFailed where the database
    refused it for a reason nobody has foreseen. Where a connection is lost, all but `load_stock`
    have asked again by themselves, once.
    """

    def __init__(self, engine: Engine, *, hold_seconds_cap: int = HOLD_SECONDS_CAP_DEFAULT) -> None:
        self._engine = statement_engine(engine)
        self._is_for_long_work = is_for_long_work(engine)
        self._hold_seconds_cap = hold_seconds_cap

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
    def close(self, closings: Sequence[Closing]) -> tuple[ReservationState, ...]:
        """Fulfil, commit, cancel or expire holds; the loser of a race learns what came first.

        Args:
            closings: at most ``BATCH_SIZE_MAX``. An expiry leaves alone what is not overdue, a
                payment what is paid. A cancellation ends what is committed too.
        """
        check_batch(closings)
        return self._run(close(closings))

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
        return self._run(in_transaction(adjust(adjustment)))

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

    # --- reading ---------------------------------------------------------------------------------

    @goes_on_afresh
    def availability(self, skus: Sequence[str]) -> tuple[Availability, ...]:
        """Return the figures of some SKUs at every location; unknown ones are left out.

        Args:
            skus: at most ``BATCH_SIZE_MAX``.
        """
        check_batch(skus)
        return self._read(availability.read_availability(skus))

    @goes_on_afresh
    def in_stock(
        self, *, after: tuple[str, str] = ("", ""), page_size: int = PAGE_SIZE_MAX
    ) -> tuple[Availability, ...]:
        """Return a page of active stock items with something available, by SKU and location.

        Args:
            after: SKU and location of the last one of the page before.
            page_size: 1 to ``PAGE_SIZE_MAX``.
        """
        return self._stock_between(1, availability.QUANTITY_UNBOUNDED, after, page_size)

    @goes_on_afresh
    def low_stock(
        self,
        threshold: int = LOW_STOCK_THRESHOLD_DEFAULT,
        *,
        after: tuple[str, str] = ("", ""),
        page_size: int = PAGE_SIZE_MAX,
    ) -> tuple[Availability, ...]:
        """Return a page of active stock items with at most ``threshold`` available."""
        return self._stock_between(0, threshold, after, page_size)

    @goes_on_afresh
    def overdue(
        self, older_than_seconds: float = 0.0, *, page_size: int = PAGE_SIZE_MAX
    ) -> tuple[OverdueReservation, ...]:
        """Return the oldest holds that are past their deadline by more than so many seconds."""
        return self._read(availability.read_overdue(older_than_seconds, _page(page_size)))

    @goes_on_afresh
    def count_overdue(self, older_than_seconds: float = 0.0) -> int:
        """Return how many holds are past their deadline by more than so many seconds."""
        return self._read(availability.count_overdue(older_than_seconds))

    @goes_on_afresh
    def units_held(self) -> int:
        """Return how many units are reserved by open holds, over all stock items."""
        return self._read(availability.read_units_held())

    # --- the past --------------------------------------------------------------------------------

    @goes_on_afresh
    def timeline(self, checkout_id: str) -> Timeline | None:
        """Return the timeline of a checkout, or None where nothing is known of it."""
        return self._run_snapshot(read_timeline(checkout_id))

    @goes_on_afresh
    def holds(self, request: HoldsRequest) -> Holds:
        """Return who holds what and until when, those that end first."""
        return self._run_snapshot(read_holds(request))

    @goes_on_afresh
    def locations(self, sku: str) -> tuple[str, ...]:
        """Return where a SKU is, at most ``PAGE_SIZE_MAX`` locations; none if it is unknown."""
        return self._read(availability.read_locations(sku, PAGE_SIZE_MAX))

    @goes_on_afresh
    def item_history(self, sku: str, location: str, period: HistoryPeriod) -> ItemHistory | None:
        """Return a page of a stock item's movements and its figures; None if it is unknown.

        Args:
            sku: the SKU.
            location: where it is.
            period: a page of 1 to ``PAGE_SIZE_MAX`` movements.
        """
        _page(period.limit)
        return self._run_snapshot(read_item_history(sku, location, period))

    @goes_on_afresh
    def denied_demand(self, period: DeniedPeriod) -> tuple[DeniedDemand, ...]:
        """Return what was asked for and denied, by day, stock item and reason.

        Args:
            period: at most ``DENIED_ROWS_MAX`` rows, the earliest days first.
        """
        if not 1 <= period.limit <= DENIED_ROWS_MAX:
            raise ValueError(f"there are 1 to {DENIED_ROWS_MAX} rows, not {period.limit}")
        return self._read(read_denied_demand(period))

    # --- audit -----------------------------------------------------------------------------------

    @goes_on_afresh
    def audit(self, announce: Callable[[str], None] = lambda _: None) -> tuple[Breach, ...]:
        """Check invariants I1 to I5 in one snapshot.

        Args:
            announce: told the name of each before it is checked; the last three read all history.

        Returns:
            The breaches, at most 1,000 of each invariant; none when all is right.
        """
        return self._run_snapshot(find_breaches((*PRESENT_AUDITS, *HISTORY_AUDITS), announce))

    @goes_on_afresh
    def drift(self) -> tuple[Breach, ...]:
        """Check I1, I2 and the switches of I5 alone, which is quick enough to do every minute."""
        return self._run_snapshot(find_breaches(DRIFT_AUDITS, lambda _: None))

    @goes_on_afresh
    def has_reservations(self) -> bool:
        """Say whether anything was ever reserved or denied here: none of it is ever removed."""
        return bool(self._run(scalar(Call(HAS_RESERVATIONS, {}))))

    @goes_on_afresh
    def schema_version(self) -> str:
        """Return the version of the schema that the database has."""
        return str(self._run(scalar(Call(SCHEMA_VERSION, {}))))

    def _stock_between(
        self, available_min: int, available_max: int, after: tuple[str, str], page_size: int
    ) -> tuple[Availability, ...]:
        return self._read(
            availability.read_stock_between(available_min, available_max, after, _page(page_size))
        )

    def _run(self, steps: Steps[ResultT]) -> ResultT:
        return carry_out(self._engine, steps)

    def _read(self, steps: Steps[ResultT]) -> ResultT:
        """Read by one statement, which may take long."""
        return self._run(in_transaction(steps) if self._is_for_long_work else steps)

    def _run_snapshot(self, steps: Steps[ResultT]) -> ResultT:
        """Read the same moment in all statements."""
        return self._run(in_transaction(steps, BEGIN_SNAPSHOT))


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


def _check_load_size(size: int) -> None:
    if size > LOAD_ROWS_MAX:
        raise ValueError(f"a load has at most {LOAD_ROWS_MAX:,} rows, not {size:,}")


def _page(page_size: int) -> int:
    if not 1 <= page_size <= PAGE_SIZE_MAX:
        raise ValueError(f"a page has 1 to {PAGE_SIZE_MAX} rows, not {page_size}")
    return page_size
