"""What operators ask of the ledger beside what workers ask, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from activities.inventory.asking import asked
from activities.inventory.database.calls import (
    BEGIN_SNAPSHOT,
    Call,
    Steps,
    in_transaction,
    scalar,
)
from activities.inventory.history_records import (
    DeniedDemand,
    DeniedPeriod,
    HistoryPeriod,
    ItemHistory,
)
from activities.inventory.ledger_operations import LedgerOperations, check_batch
from activities.inventory.operations.standing import read_states
from activities.inventory.reading import availability
from activities.inventory.reading.audits import HISTORY_AUDITS, PRESENT_AUDITS, find_breaches
from activities.inventory.reading.denied_demand import read_denied_demand
from activities.inventory.reading.item_history import read_item_history
from activities.inventory.records import Availability, Breach, OverdueReservation, ReservationState
from activities.inventory.sql.statements.databases import SCHEMA_VERSION
from activities.inventory.sql.statements.reservations import CLOCK, READ_BEGINNING

LOW_STOCK_THRESHOLD_DEFAULT: Final = 5
PAGE_SIZE_MAX: Final = 1_000
DENIED_ROWS_MAX: Final = 10_000


class LedgerReadings(LedgerOperations):
    """Stock and reservations in Postgres, as operators read them too."""

    # --- reading ---------------------------------------------------------------------------------

    @asked
    def availability(self, skus: Sequence[str]) -> Steps[tuple[Availability, ...]]:
        """Return the figures of some SKUs at every location; unknown ones are left out.

        Args:
            skus: at most ``BATCH_SIZE_MAX``.
        """
        check_batch(skus)
        return self._read(availability.read_availability(skus))

    @asked
    def in_stock(
        self, *, after: tuple[str, str] = ("", ""), page_size: int = PAGE_SIZE_MAX
    ) -> Steps[tuple[Availability, ...]]:
        """Return a page of active stock items with something for sale, by SKU and location.

        Args:
            after: SKU and location of the last one of the page before.
            page_size: 1 to ``PAGE_SIZE_MAX``.
        """
        return self._stock_between(1, availability.QUANTITY_UNBOUNDED, after, page_size)

    @asked
    def low_stock(
        self,
        threshold: int = LOW_STOCK_THRESHOLD_DEFAULT,
        *,
        after: tuple[str, str] = ("", ""),
        page_size: int = PAGE_SIZE_MAX,
    ) -> Steps[tuple[Availability, ...]]:
        """Return a page of active stock items with at most ``threshold`` for sale."""
        return self._stock_between(0, threshold, after, page_size)

    @asked
    def overdue(
        self, older_than_seconds: float = 0.0, *, page_size: int = PAGE_SIZE_MAX
    ) -> Steps[tuple[OverdueReservation, ...]]:
        """Return the oldest holds that are past their deadline by more than so many seconds."""
        return self._read(availability.read_overdue(older_than_seconds, _page(page_size)))

    @asked
    def reservations(self, checkout_ids: Sequence[str]) -> Steps[dict[str, ReservationState]]:
        """Return where reservations stand, by checkout id; unknown ones are left out."""
        check_batch(checkout_ids)
        return read_states(checkout_ids)

    # --- the past --------------------------------------------------------------------------------

    @asked
    def locations(self, sku: str) -> Steps[tuple[str, ...]]:
        """Return where a SKU is, at most ``PAGE_SIZE_MAX`` locations; none if it is unknown."""
        return self._read(availability.read_locations(sku, PAGE_SIZE_MAX))

    @asked
    def item_history(
        self, sku: str, location: str, period: HistoryPeriod
    ) -> Steps[ItemHistory | None]:
        """Return a page of a stock item's movements and its figures; None if it is unknown.

        Args:
            sku: the SKU.
            location: where it is.
            period: a page of 1 to ``PAGE_SIZE_MAX`` movements.
        """
        _page(period.limit)
        return in_transaction(read_item_history(sku, location, period), BEGIN_SNAPSHOT)

    @asked
    def denied_demand(self, period: DeniedPeriod) -> Steps[tuple[DeniedDemand, ...]]:
        """Return what was asked for and denied, by day, stock item and reason.

        Args:
            period: at most ``DENIED_ROWS_MAX`` rows, the earliest days first.
        """
        if not 1 <= period.limit <= DENIED_ROWS_MAX:
            raise ValueError(f"there are 1 to {DENIED_ROWS_MAX} rows, not {period.limit}")
        return self._read(read_denied_demand(period))

    # --- audit -----------------------------------------------------------------------------------

    @asked
    def audit(self, announce: Callable[[str], None] = lambda _: None) -> Steps[tuple[Breach, ...]]:
        """Check invariants I1 to I6 in one snapshot.

        Args:
            announce: told the name of each before it is checked; all but two read all history.

        Returns:
            The breaches, at most 1,000 of each invariant; none when all is right.
        """
        audits = (*PRESENT_AUDITS, *HISTORY_AUDITS)
        return in_transaction(find_breaches(audits, announce), BEGIN_SNAPSHOT)

    @asked
    def began_at(self) -> Steps[datetime | None]:
        """Return when something was first reserved or denied here; None if nothing ever was.

        None of it is ever removed.
        """
        return scalar(Call(READ_BEGINNING, {}))

    @asked
    def clock(self) -> Steps[datetime]:
        """Return the time by the database's clock, which is the ledger's only one."""
        return scalar(Call(CLOCK, {}))

    @asked
    def schema_version(self) -> Steps[str]:
        """Return the version of the schema that the database has."""
        return scalar(Call(SCHEMA_VERSION, {}))

    def _stock_between(
        self, for_sale_min: int, for_sale_max: int, after: tuple[str, str], page_size: int
    ) -> Steps[tuple[Availability, ...]]:
        return self._read(
            availability.read_stock_between(for_sale_min, for_sale_max, after, _page(page_size))
        )


def _page(page_size: int) -> int:
    if not 1 <= page_size <= PAGE_SIZE_MAX:
        raise ValueError(f"a page has 1 to {PAGE_SIZE_MAX} rows, not {page_size}")
    return page_size
