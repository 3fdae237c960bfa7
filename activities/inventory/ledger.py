"""The ledger: every operation one transaction, each safe to ask for again.

The protocol (states, outcomes, races, order of locks) is in docs/lifecycle.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from sqlalchemy import Connection, Engine, exc

from activities.inventory import holds, statements, stock
from activities.inventory.errors import LedgerError, ReservationConflict, ledger_error
from activities.inventory.records import (
    Availability,
    Breach,
    Closing,
    ExtensionAnswer,
    HoldExtension,
    OverdueReservation,
    ReservationState,
    StockLoad,
    StockRow,
)
from holdfast_client.messages import CheckoutRequest, StockAdjustment
from holdfast_client.outcomes import AdjustmentOutcome

HOLD_SECONDS_CAP_DEFAULT: Final = 14_400
LOW_STOCK_THRESHOLD_DEFAULT: Final = 5
BATCH_SIZE_MAX: Final = 500
PAGE_SIZE_MAX: Final = 1_000
BREACHES_MAX: Final = 1_000
# A reserve that meets overdue holds ends them and tries again, at most so often. After that it
# decides with what is there: some thousands of overdue holds on one SKU were ended on the way.
RESERVE_PASSES_MAX: Final = 8
_QUANTITY_UNBOUNDED: Final = 2**62

_AUDITS: Final = (
    ("I1", statements.AUDIT_WITHIN_TOTAL),
    ("I2", statements.AUDIT_RESERVED_IS_HELD),
    ("I3", statements.AUDIT_FIGURES_ARE_MOVEMENTS),
    ("I4", statements.AUDIT_ONE_ENDING),
)


class Ledger:
    """Stock and reservations in Postgres.

    Args:
        engine: of :func:`activities.inventory.engine.open_engine`; shared by threads.
        hold_seconds_cap: how long a hold may last in all, extensions included.

    Every method raises LedgerUnavailable where the database does not answer or gives up (ask
    again) and LedgerCorrupt where a constraint refused the change.
    """

    def __init__(
        self, engine: Engine, *, hold_seconds_cap: int = HOLD_SECONDS_CAP_DEFAULT
    ) -> None:
        self._engine = engine
        self._hold_seconds_cap = hold_seconds_cap

    # --- reservations ----------------------------------------------------------------------------

    def reserve(
        self, requests: Sequence[CheckoutRequest]
    ) -> tuple[ReservationState | ReservationConflict, ...]:
        """Hold all lines of each request, or none of it and record why.

        Args:
            requests: at most ``BATCH_SIZE_MAX``, first come first; decided in one transaction.

        Returns:
            For each request: held or denied; what it was answered before; how it ended, if it
            has; or a ReservationConflict, returned and not raised so that the others stand.
        """
        _bounded(requests)
        normalized = [request.normalized() for request in requests]
        for left in reversed(range(RESERVE_PASSES_MAX)):
            overdue_max = BATCH_SIZE_MAX if left else 0
            with self._transaction() as connection:
                result = holds.reserve(connection, normalized, overdue_max)
                if result.overdue:
                    connection.rollback()
            if not result.overdue:
                break
            self.close([Closing(holds.checkout_id_of(id), "expired") for id in result.overdue])
        return result.answers

    def close(self, closings: Sequence[Closing]) -> tuple[ReservationState, ...]:
        """Fulfil, cancel or expire holds; each ends once, and the loser of a race learns how.

        Args:
            closings: at most ``BATCH_SIZE_MAX``. An expiry leaves alone what is not overdue.
        """
        _bounded(closings)
        with self._transaction() as connection:
            return holds.close(connection, closings)

    def extend(self, extensions: Sequence[HoldExtension]) -> tuple[ExtensionAnswer, ...]:
        """Move the deadlines of live holds, under the cap; what is over stays over."""
        _bounded(extensions)
        with self._transaction() as connection:
            return holds.extend(connection, extensions, self._hold_seconds_cap)

    def expire_overdue(self, grace_seconds: float, batch_size_max: int = BATCH_SIZE_MAX) -> int:
        """End a batch of holds that are overdue by more than the grace period.

        Leaves out those that somebody else is just now ending.

        Returns:
            How many were ended; fewer than ``batch_size_max`` when none is left.
        """
        with self._transaction() as connection:
            return holds.expire_overdue(connection, grace_seconds, batch_size_max)

    def reservations(self, checkout_ids: Sequence[str]) -> dict[str, ReservationState]:
        """Return where reservations stand, by checkout id; unknown ones are left out."""
        _bounded(checkout_ids)
        with self._transaction() as connection:
            return holds.read(connection, checkout_ids)

    # --- stock -----------------------------------------------------------------------------------

    def adjust(self, adjustment: StockAdjustment) -> AdjustmentOutcome:
        """Receive, correct or count stock, once per adjustment id.

        Raises:
            AdjustmentConflict: the id belongs to a different change.
        """
        with self._transaction() as connection:
            return stock.adjust(connection, adjustment)

    def load_stock(self, rows: Sequence[StockRow]) -> StockLoad:
        """Set the totals of many stock items, creating those that are new. All or none.

        Args:
            rows: each SKU and location at most once.

        Raises:
            StockLoadRefused: some totals would be below what is reserved.
        """
        with self._transaction() as connection:
            return stock.load(connection, rows)

    # --- reading ---------------------------------------------------------------------------------

    def availability(self, skus: Sequence[str]) -> tuple[Availability, ...]:
        """Return the figures of some SKUs at every location; unknown ones are left out."""
        with self._transaction() as connection:
            rows = connection.execute(statements.READ_AVAILABILITY, {"skus": list(skus)})
            return tuple(Availability(*row) for row in rows)

    def in_stock(
        self, *, after: tuple[str, str] = ("", ""), page_size: int = PAGE_SIZE_MAX
    ) -> tuple[Availability, ...]:
        """Return a page of active stock items with something available, by SKU and location.

        Args:
            after: SKU and location of the last one of the page before.
            page_size: 1 to ``PAGE_SIZE_MAX``.
        """
        return self._stock_between(1, _QUANTITY_UNBOUNDED, after, page_size)

    def low_stock(
        self,
        threshold: int = LOW_STOCK_THRESHOLD_DEFAULT,
        *,
        after: tuple[str, str] = ("", ""),
        page_size: int = PAGE_SIZE_MAX,
    ) -> tuple[Availability, ...]:
        """Return a page of active stock items with at most ``threshold`` available."""
        return self._stock_between(0, threshold, after, page_size)

    def overdue(
        self, older_than_seconds: float = 0.0, *, page_size: int = PAGE_SIZE_MAX
    ) -> tuple[OverdueReservation, ...]:
        """Return the oldest holds that are past their deadline by more than so many seconds."""
        limits = {"older_than_seconds": older_than_seconds, "page_size": _page(page_size)}
        with self._transaction() as connection:
            rows = connection.execute(statements.READ_OVERDUE, limits)
            return tuple(OverdueReservation(*row) for row in rows)

    def count_overdue(self, older_than_seconds: float = 0.0) -> int:
        """Return how many holds are past their deadline by more than so many seconds."""
        limits = {"older_than_seconds": older_than_seconds}
        with self._transaction() as connection:
            return int(connection.execute(statements.COUNT_OVERDUE, limits).scalar_one())

    def audit(self) -> tuple[Breach, ...]:
        """Check invariants I1 to I4 in one snapshot.

        Returns:
            The breaches, at most ``BREACHES_MAX`` of each invariant; none when all is right.
        """
        with self._transaction(isolation_level="REPEATABLE READ") as connection:
            return tuple(
                Breach(invariant, row.subject, row.finding)  # type: ignore[arg-type]  # literals
                for invariant, statement in _AUDITS
                for row in connection.execute(statement, {"breaches_max": BREACHES_MAX})
            )

    def schema_version(self) -> str:
        """Return the version of the schema that the database has."""
        with self._transaction() as connection:
            return str(connection.execute(statements.SCHEMA_VERSION).scalar_one())

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
        with self._transaction() as connection:
            rows = connection.execute(statements.READ_STOCK_BETWEEN, limits)
            return tuple(Availability(*row) for row in rows)

    @contextmanager
    def _transaction(self, isolation_level: str = "READ COMMITTED") -> Iterator[Connection]:
        try:
            with self._engine.connect() as connection:
                connection = connection.execution_options(isolation_level=isolation_level)  # type: ignore[call-overload]  # noqa: PLW2901
                with connection.begin():
                    yield connection
        except exc.SQLAlchemyError as error:
            meaning = ledger_error(error)
            if meaning is None:
                raise
            raise meaning from error


def _bounded(batch: Sequence[object]) -> None:
    if not 1 <= len(batch) <= BATCH_SIZE_MAX:
        raise ValueError(f"a batch has 1 to {BATCH_SIZE_MAX} entries, not {len(batch)}")


def _page(page_size: int) -> int:
    if not 1 <= page_size <= PAGE_SIZE_MAX:
        raise ValueError(f"a page has 1 to {PAGE_SIZE_MAX} rows, not {page_size}")
    return page_size


__all__ = ["BATCH_SIZE_MAX", "HOLD_SECONDS_CAP_DEFAULT", "Ledger", "LedgerError"]
