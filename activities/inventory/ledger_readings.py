"""What is asked of the ledger and changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from sqlalchemy import Engine

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
from activities.inventory.payment_records import PaymentFigures
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
from activities.inventory.reading.refunds import read_payment_figures, read_refunds
from activities.inventory.reading.timelines import read_timeline
from activities.inventory.records import (
    Availability,
    Breach,
    DeniedDemand,
    DeniedPeriod,
    HistoryPeriod,
    ItemHistory,
    OverdueReservation,
)
from activities.inventory.sql.statements.databases import SCHEMA_VERSION
from activities.inventory.sql.statements.reservations import HAS_RESERVATIONS
from holdfast_client.contract.holds import Holds, HoldsRequest
from holdfast_client.contract.refunds import Refunds, RefundsRequest
from holdfast_client.contract.timeline import Timeline

LOW_STOCK_THRESHOLD_DEFAULT: Final = 5
BATCH_SIZE_MAX: Final = 500
PAGE_SIZE_MAX: Final = 1_000
DENIED_ROWS_MAX: Final = 10_000


class LedgerReadings:
    """Stock and reservations in Postgres, as they are read.

    Args:
        engine: as of :class:`activities.inventory.ledger.Ledger`.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = statement_engine(engine)
        self._is_for_long_work = is_for_long_work(engine)

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
    def refunds(self, request: RefundsRequest) -> Refunds:
        """Return the payments that are due back, the oldest first."""
        return self._run_snapshot(read_refunds(request))

    @goes_on_afresh
    def payment_figures(self) -> PaymentFigures:
        """Return how many payments are due back or in flight, and what waits to be packed."""
        return self._read(read_payment_figures())

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
        """Check invariants I1 to I6 in one snapshot.

        Args:
            announce: told the name of each before it is checked; all but two read all history.

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


def _page(page_size: int) -> int:
    if not 1 <= page_size <= PAGE_SIZE_MAX:
        raise ValueError(f"a page has 1 to {PAGE_SIZE_MAX} rows, not {page_size}")
    return page_size
