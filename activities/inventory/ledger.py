"""The ledger for threads: what commands, tests and benchmarks ask of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Engine

from activities.inventory.asking import AskedByThreads, asked
from activities.inventory.database.calls import BEGIN_SNAPSHOT, ResultT, Steps, in_transaction
from activities.inventory.database.carrier import carry_out
from activities.inventory.database.engine import is_for_long_work, statement_engine
from activities.inventory.database.repeats import goes_on_afresh
from activities.inventory.ledger_operations import (
    HOLD_SECONDS_CAP_DEFAULT,
    PAYMENT_GRACE_CAP_DEFAULT,
)
from activities.inventory.ledger_readings import LedgerReadings
from activities.inventory.operations.load import load, preview
from activities.inventory.records import StockLoad, StockRow, StockStanding

LOAD_ROWS_MAX: Final = 10_000


class Ledger(LedgerReadings, AskedByThreads):
    """Stock and reservations in Postgres, for threads.

    Args:
        engine: of :func:`activities.inventory.database.engine.open_engine`, whose isolation is READ
            COMMITTED; shared by threads.
        hold_seconds_cap: as of :class:`~activities.inventory.ledger_operations.LedgerOperations`.
        payment_grace_cap: as there.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        hold_seconds_cap: int = HOLD_SECONDS_CAP_DEFAULT,
        payment_grace_cap: int = PAYMENT_GRACE_CAP_DEFAULT,
    ) -> None:
        super().__init__(hold_seconds_cap, payment_grace_cap)
        self._engine = statement_engine(engine)
        self._is_for_long_work = is_for_long_work(engine)

    def load_stock(self, rows: Sequence[StockRow], as_of: datetime | None = None) -> StockLoad:
        """Set the totals of many stock items, creating those that are new. All or none.

        It has no id, so where the connection is lost nothing is asked again.

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
        return carry_out(self._engine, in_transaction(load(rows, as_of)))

    @asked
    def preview_load(
        self, rows: Sequence[StockRow], as_of: datetime | None = None
    ) -> Steps[tuple[StockStanding, ...]]:
        """Return where the stock item of each row stands, in their order; changes nothing.

        Args:
            rows: at most ``LOAD_ROWS_MAX``, each SKU and location once.
            as_of: as of :meth:`load_stock`.

        Raises:
            ValueError: too many rows, or a stock item is given twice.
        """
        _check_load_size(len(rows))
        return in_transaction(preview(rows, as_of), BEGIN_SNAPSHOT)

    @goes_on_afresh
    def _ask(self, begin: Callable[[], Steps[ResultT]]) -> ResultT:
        return carry_out(self._engine, begin())

    def _read(self, steps: Steps[ResultT]) -> Steps[ResultT]:
        return in_transaction(steps) if self._is_for_long_work else steps


def _check_load_size(size: int) -> None:
    if size > LOAD_ROWS_MAX:
        raise ValueError(f"a load has at most {LOAD_ROWS_MAX:,} rows, not {size:,}")
