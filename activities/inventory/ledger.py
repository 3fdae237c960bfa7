"""The ledger: every operation one transaction, each safe to ask for again.

The protocol (states, outcomes, races, order of locks) is in docs/lifecycle.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Final, Literal

from sqlalchemy import Connection, Engine, TextClause

from activities.inventory import (
    history,
    holds,
    open_holds,
    statements,
    stock,
    story_statements,
)
from activities.inventory.database.repeats import goes_on_afresh
from activities.inventory.engine import statement_engine, transaction
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
    ReservationState,
    StockLoad,
    StockRow,
    StockStanding,
)
from activities.inventory.reserve_batch import ReserveAnswer, ReserveBatch
from holdfast_client.holds import Holds, HoldsRequest
from holdfast_client.messages import CheckoutRequest, StockAdjustment
from holdfast_client.names import checkout_id_of
from holdfast_client.outcomes import AdjustmentOutcome
from holdfast_client.timeline import Timeline

HOLD_SECONDS_CAP_DEFAULT: Final = 14_400
LOW_STOCK_THRESHOLD_DEFAULT: Final = 5
BATCH_SIZE_MAX: Final = 500
LOAD_ROWS_MAX: Final = 10_000
PAGE_SIZE_MAX: Final = 1_000
BREACHES_MAX: Final = 1_000
DENIED_ROWS_MAX: Final = 10_000
# A reserve that meets overdue holds ends them and tries again, at most so often. After that it
# decides with what is there: many thousands of overdue holds on one SKU were ended on the way.
RESERVE_PASSES_MAX: Final = 24
RECONCILER: Final = "reconciler"
_QUANTITY_UNBOUNDED: Final = 2**62

_Audit = tuple[Literal["I1", "I2", "I3", "I4"], TextClause]

# These read stock items and open holds only, so they cost the same however much is closed.
_PRESENT_AUDITS: Final[tuple[_Audit, ...]] = (
    ("I1", statements.AUDIT_WITHIN_TOTAL),
    ("I2", statements.AUDIT_RESERVED_IS_HELD),
)
# These read all that ever happened.
_HISTORY_AUDITS: Final[tuple[_Audit, ...]] = (
    ("I3", statements.AUDIT_FIGURES_ARE_MOVEMENTS),
    ("I4", statements.AUDIT_ONE_ENDING),
)


class Ledger:
    """Stock and reservations in Postgres.

    Args:
        engine: of :func:`activities.inventory.engine.open_engine`, whose isolation is READ
            COMMITTED; shared by threads.
        hold_seconds_cap: how long a hold may last in all, extensions included.

    Every method raises LedgerUnavailable where the database does not answer or gives up (ask
    again), LedgerCorrupt where a constraint refused the change, and LedgerFailed where the database
    refused it for a reason nobody has foreseen. Where a connection is lost, all but `load_stock`
    have asked again by themselves, once.
    """

    def __init__(self, engine: Engine, *, hold_seconds_cap: int = HOLD_SECONDS_CAP_DEFAULT) -> None:
        self._engine = engine
        self._single_statements = statement_engine(engine)
        self._snapshots = engine.execution_options(isolation_level="REPEATABLE READ")
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
        _bounded(requests)
        batch = ReserveBatch.of(requests)
        with self._statement() as connection:
            answers = holds.reserve_what_fits(connection, batch)
        return answers or self._decide(batch)

    @goes_on_afresh
    def close(self, closings: Sequence[Closing]) -> tuple[ReservationState, ...]:
        """Fulfil, cancel or expire holds; each ends once, and the loser of a race learns how.

        Args:
            closings: at most ``BATCH_SIZE_MAX``. An expiry leaves alone what is not overdue.
        """
        _bounded(closings)
        with self._statement() as connection:
            return holds.close(connection, closings)

    @goes_on_afresh
    def extend(self, extensions: Sequence[HoldExtension]) -> tuple[ExtensionAnswer, ...]:
        """Move the deadlines of live holds, under the cap; what is over stays over.

        Args:
            extensions: at most ``BATCH_SIZE_MAX``; of several for one hold one after the other.

        Returns:
            For each: extended, also where it was made before under its id; or why it is not.
        """
        _bounded(extensions)
        with self._transaction() as connection:
            return holds.extend(connection, extensions, self._hold_seconds_cap)

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
        _check_batch_size(batch_size_max)
        with self._transaction() as connection:
            return holds.expire_overdue(connection, grace_seconds, batch_size_max, actor)

    @goes_on_afresh
    def reservations(self, checkout_ids: Sequence[str]) -> dict[str, ReservationState]:
        """Return where reservations stand, by checkout id; unknown ones are left out."""
        _bounded(checkout_ids)
        with self._statement() as connection:
            return holds.read(connection, checkout_ids)

    # --- stock -----------------------------------------------------------------------------------

    @goes_on_afresh
    def adjust(self, adjustment: StockAdjustment) -> AdjustmentOutcome:
        """Receive, correct or count stock, once per adjustment id.

        Raises:
            AdjustmentConflict: the id belongs to a different change.
        """
        with self._transaction() as connection:
            return stock.adjust(connection, adjustment)

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
        with self._transaction() as connection:
            return stock.load(connection, rows, as_of)

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
        with self._snapshot() as connection:
            return stock.preview(connection, rows, as_of)

    @goes_on_afresh
    def clock(self) -> datetime:
        """Return the time by the database's clock, which is the ledger's only one."""
        with self._statement() as connection:
            moment: datetime = connection.execute(statements.CLOCK).scalar_one()
            return moment

    # --- reading ---------------------------------------------------------------------------------

    @goes_on_afresh
    def availability(self, skus: Sequence[str]) -> tuple[Availability, ...]:
        """Return the figures of some SKUs at every location; unknown ones are left out.

        Args:
            skus: at most ``BATCH_SIZE_MAX``.
        """
        _bounded(skus)
        with self._statement() as connection:
            rows = connection.execute(statements.READ_AVAILABILITY, {"skus": list(skus)})
            return tuple(Availability(*row) for row in rows)

    @goes_on_afresh
    def in_stock(
        self, *, after: tuple[str, str] = ("", ""), page_size: int = PAGE_SIZE_MAX
    ) -> tuple[Availability, ...]:
        """Return a page of active stock items with something available, by SKU and location.

        Args:
            after: SKU and location of the last one of the page before.
            page_size: 1 to ``PAGE_SIZE_MAX``.
        """
        return self._stock_between(1, _QUANTITY_UNBOUNDED, after, page_size)

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
        limits = {"older_than_seconds": older_than_seconds, "page_size": _page(page_size)}
        with self._statement() as connection:
            rows = connection.execute(statements.READ_OVERDUE, limits)
            return tuple(OverdueReservation(*row) for row in rows)

    @goes_on_afresh
    def count_overdue(self, older_than_seconds: float = 0.0) -> int:
        """Return how many holds are past their deadline by more than so many seconds."""
        limits = {"older_than_seconds": older_than_seconds}
        with self._statement() as connection:
            return int(connection.execute(statements.COUNT_OVERDUE, limits).scalar_one())

    @goes_on_afresh
    def units_held(self) -> int:
        """Return how many units are reserved by open holds, over all stock items."""
        with self._statement() as connection:
            return int(connection.execute(statements.READ_UNITS_HELD).scalar_one())

    # --- stories ---------------------------------------------------------------------------------

    @goes_on_afresh
    def timeline(self, checkout_id: str) -> Timeline | None:
        """Return the story of a checkout, or None where nothing is known of it."""
        with self._snapshot() as connection:
            return history.read_timeline(connection, checkout_id)

    @goes_on_afresh
    def holds(self, request: HoldsRequest) -> Holds:
        """Return who holds what and until when, those that end first."""
        with self._snapshot() as connection:
            return open_holds.read_holds(connection, request)

    @goes_on_afresh
    def locations(self, sku: str) -> tuple[str, ...]:
        """Return where a SKU is, at most ``PAGE_SIZE_MAX`` locations; none if it is unknown."""
        with self._statement() as connection:
            wanted = {"sku": sku, "rows_max": PAGE_SIZE_MAX}
            return tuple(connection.execute(story_statements.READ_LOCATIONS, wanted).scalars())

    @goes_on_afresh
    def item_history(self, sku: str, location: str, period: HistoryPeriod) -> ItemHistory | None:
        """Return a page of a stock item's movements and its figures; None if it is unknown.

        Args:
            sku: the SKU.
            location: where it is.
            period: a page of 1 to ``PAGE_SIZE_MAX`` movements.
        """
        _page(period.limit)
        with self._snapshot() as connection:
            return history.read_item_history(connection, sku, location, period)

    @goes_on_afresh
    def denied_demand(self, period: DeniedPeriod) -> tuple[DeniedDemand, ...]:
        """Return what was asked for and denied, by day, stock item and reason.

        Args:
            period: at most ``DENIED_ROWS_MAX`` rows, the earliest days first.
        """
        if not 1 <= period.limit <= DENIED_ROWS_MAX:
            raise ValueError(f"there are 1 to {DENIED_ROWS_MAX} rows, not {period.limit}")
        with self._statement() as connection:
            return history.read_denied_demand(connection, period)

    # --- audit -----------------------------------------------------------------------------------

    @goes_on_afresh
    def audit(self, announce: Callable[[str], None] = lambda _: None) -> tuple[Breach, ...]:
        """Check invariants I1 to I4 in one snapshot.

        Args:
            announce: told the name of each before it is checked; the last two read all history.

        Returns:
            The breaches, at most ``BREACHES_MAX`` of each invariant; none when all is right.
        """
        return self._audit((*_PRESENT_AUDITS, *_HISTORY_AUDITS), announce)

    @goes_on_afresh
    def drift(self) -> tuple[Breach, ...]:
        """Check I1 and I2 alone, which is quick enough to do every minute."""
        return self._audit(_PRESENT_AUDITS, lambda _: None)

    @goes_on_afresh
    def has_reservations(self) -> bool:
        """Say whether anything was ever reserved or denied here: none of it is ever removed."""
        with self._statement() as connection:
            return bool(connection.execute(statements.HAS_RESERVATIONS).scalar_one())

    @goes_on_afresh
    def schema_version(self) -> str:
        """Return the version of the schema that the database has."""
        with self._statement() as connection:
            return str(connection.execute(statements.SCHEMA_VERSION).scalar_one())

    def _decide(self, batch: ReserveBatch) -> tuple[ReserveAnswer, ...]:
        """Reserve what can be had of a batch that has something to decide."""
        for left in reversed(range(RESERVE_PASSES_MAX)):
            overdue_max = BATCH_SIZE_MAX if left else 0
            with self._transaction() as connection:
                result = holds.reserve(connection, batch, overdue_max)
                if result.overdue:
                    connection.rollback()
            if not result.overdue:
                break
            self.close([Closing(checkout_id_of(id), "expired") for id in result.overdue])
        return result.answers

    def _stock_between(
        self, available_min: int, available_max: int, after: tuple[str, str], page_size: int
    ) -> tuple[Availability, ...]:
        limits = {
            "available_min": available_min,
            "available_max": available_max,
            "after_sku": after[0],
            "after_location": after[1],
            "page_size": _page(page_size),
        }
        with self._statement() as connection:
            rows = connection.execute(statements.READ_STOCK_BETWEEN, limits)
            return tuple(Availability(*row) for row in rows)

    def _audit(
        self, audits: Sequence[_Audit], announce: Callable[[str], None]
    ) -> tuple[Breach, ...]:
        breaches: list[Breach] = []
        # One snapshot for all, so that the findings of one audit speak of one moment.
        with self._snapshot() as connection:
            connection.execute(statements.PLAN_FREELY)
            for invariant, statement in audits:
                announce(invariant)
                rows = connection.execute(statement, {"breaches_max": BREACHES_MAX})
                breaches += [Breach(invariant, row.subject, row.finding) for row in rows]
        return tuple(breaches)

    def _transaction(self) -> AbstractContextManager[Connection]:
        return transaction(self._engine)

    def _statement(self) -> AbstractContextManager[Connection]:
        """Open a connection on which each statement is a transaction of its own."""
        return transaction(self._single_statements)

    def _snapshot(self) -> AbstractContextManager[Connection]:
        """Open a transaction in which all statements read the same moment."""
        return transaction(self._snapshots)


def _bounded(batch: Sequence[object]) -> None:
    _check_batch_size(len(batch))


def _check_batch_size(size: int) -> None:
    if not 1 <= size <= BATCH_SIZE_MAX:
        raise ValueError(f"a batch has 1 to {BATCH_SIZE_MAX} entries, not {size}")


def _check_load_size(size: int) -> None:
    if size > LOAD_ROWS_MAX:
        raise ValueError(f"a load has at most {LOAD_ROWS_MAX:,} rows, not {size:,}")


def _page(page_size: int) -> int:
    if not 1 <= page_size <= PAGE_SIZE_MAX:
        raise ValueError(f"a page has 1 to {PAGE_SIZE_MAX} rows, not {page_size}")
    return page_size
