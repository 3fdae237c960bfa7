"""Loading a stock file beside shoppers: looked at without locks, then set in small transactions.

A total is what was counted, with what was sold, delivered or corrected since made up for. That is
worked out anew under the locks of each transaction. So a sale in between is never undone, a load
that was interrupted goes on by doing the whole of it again, and a second run changes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Final, Protocol, TypeVar

from activities.inventory.database.errors import (
    LedgerGaveWay,
    LedgerUnavailable,
    StockLoadRefused,
    TooManyShopRows,
)
from activities.inventory.grouping.batches import in_batches
from activities.inventory.ledger import Ledger
from activities.inventory.records import StockLoad, StockRow, StockStanding

PAGE_ROWS: Final = 1_000
# So many rows are locked for some 10 ms, which a buyer who wants one of them hardly notices.
BATCH_ROWS: Final = 100
# After each batch the load rests for as long as it took, so that those who buy have at least half
# of the database to themselves.
REST_SHARE: Final = 1.0
# A failover is waited for; after that the operator is told how to go on.
UNAVAILABLE_SECONDS_MAX: Final = 60.0
RETRY_SECONDS: Final = 1.0

ResultT = TypeVar("ResultT")


class Listener(Protocol):
    """Is told of a load while it goes on."""

    def progress(self, what: str, done: int, rows: int) -> None:
        """Hear that so many of so many rows are done."""

    def waiting(self, reason: str) -> None:
        """Hear that the database does not answer, and is asked again."""


@dataclass(frozen=True, slots=True)
class RowStanding:
    """A row of the file, its place among them, and where its stock item stands."""

    index: int
    row: StockRow
    standing: StockStanding

    @property
    def total(self) -> int:
        """The total that the row leads to."""
        return self.standing.total_of(self.row)

    @property
    def is_below_reserved(self) -> bool:
        """Whether it cannot be set, because more is reserved."""
        return self.total < self.standing.reserved

    @property
    def has_moved(self) -> bool:
        """Whether anything but a stock file moved the total since the row was counted."""
        return self.standing.moved_at is not None

    @property
    def is_change(self) -> bool:
        """Whether there is anything to set."""
        is_named_anew = bool(self.row.name) and self.row.name != self.standing.name
        return self.total != self.standing.total or is_named_anew


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """What a load would do, as things stood when it was looked at.

    Args:
        rows: so many were looked at.
        changes: those that have something to set.
        moved: those whose stock item was moved since they were counted.
    """

    rows: int
    changes: tuple[RowStanding, ...]
    moved: tuple[RowStanding, ...]

    def moved_until(self, moment: datetime) -> tuple[RowStanding, ...]:
        """Return the rows whose stock item moved before a moment, such as the load's beginning."""
        times = ((row, row.standing.moved_at) for row in self.moved)
        return tuple(row for row, at in times if at is not None and at <= moment)

    @property
    def new(self) -> tuple[RowStanding, ...]:
        """The rows that make a stock item: known ones, or a SKU that was mistyped."""
        return tuple(change for change in self.changes if change.standing.total is None)

    @property
    def below_reserved(self) -> tuple[RowStanding, ...]:
        """The rows that cannot be set."""
        return tuple(change for change in self.changes if change.is_below_reserved)


@dataclass(slots=True)
class LoadResult:
    """How far a load has come.

    Args:
        done: so many of the plan's changes were set or refused.
        created: so many stock items are new.
        changed: so many have another total.
        refused: index of the row, total, quantity reserved, of those that buyers overtook.
    """

    done: int = 0
    created: int = 0
    changed: int = 0
    refused: list[tuple[int, int, int]] = field(default_factory=list)

    def add(self, loaded: StockLoad) -> None:
        """Count what one transaction did."""
        self.created += loaded.created
        self.changed += loaded.changed


def load_all(ledger: Ledger, rows: Sequence[StockRow]) -> int:
    """Set the totals of any number of rows, page by page, where nobody shops yet.

    Args:
        ledger: where the stock items are.
        rows: each SKU and location once.

    Returns:
        How many stock items are new.

    Raises:
        LedgerUnavailable: the database is away or gave up; the pages before this one stay set.
    """
    return sum(ledger.load_stock(page).created for page in in_batches(rows, PAGE_ROWS))


class StockFileLoad:
    """One load of the rows of a stock file. All of it may be done again at any time.

    Args:
        ledger: where the stock items are.
        as_of: when the rows were counted, not later than now.
        listener: told how far it is.

    Every method raises LedgerUnavailable where the database is away for longer than
    ``UNAVAILABLE_SECONDS_MAX``. What was set until then stays, and ``result`` says how much.
    """

    def __init__(self, ledger: Ledger, as_of: datetime, listener: Listener) -> None:
        self.result = LoadResult()
        self._ledger = ledger
        self._as_of = as_of
        self._listener = listener

    def look(self, rows: Sequence[StockRow]) -> LoadPlan:
        """Compare rows with their stock items, without a lock. Each SKU and location once."""
        changes: list[RowStanding] = []
        moved: list[RowStanding] = []
        done = 0
        for page in in_batches(rows, PAGE_ROWS):
            standings = self._insist(partial(self._ledger.preview_load, page, self._as_of))
            for index, (row, standing) in enumerate(zip(page, standings, strict=True), done):
                found = RowStanding(index, row, standing)
                if found.is_change:
                    changes.append(found)
                if found.has_moved:
                    moved.append(found)
            done += len(page)
            self._listener.progress("compared", done, len(rows))
        return LoadPlan(len(rows), tuple(changes), tuple(moved))

    def set_beside_shoppers(self, plan: LoadPlan) -> None:
        """Set what is to be set, in small transactions with a rest after each.

        Rows of which more is reserved by now are left out, and are among ``result.refused``.
        """
        for batch in in_batches(plan.changes, BATCH_ROWS):
            began = time.monotonic()
            self._set(batch)
            self.result.done += len(batch)
            self._listener.progress("set", self.result.done, len(plan.changes))
            if self.result.done < len(plan.changes):
                time.sleep((time.monotonic() - began) * REST_SHARE)

    def set_at_once(self, plan: LoadPlan) -> None:
        """Set all that is to be set in one transaction, or nothing; who wants any of it waits.

        Args:
            plan: with at most ``LOAD_ROWS_MAX`` changes.

        Raises:
            StockLoadRefused: buyers overtook some rows; the index is that of the plan's changes.
            TooManyShopRows: an adopted shop would wait too long for so many of its rows.
        """
        rows = [change.row for change in plan.changes]
        self.result.add(self._insist(partial(self._ledger.load_stock, rows, self._as_of)))
        self.result.done = len(rows)

    def _set(self, batch: Sequence[RowStanding]) -> None:
        while batch:
            rows = [change.row for change in batch]
            attempt = partial(self._ledger.load_stock, rows, self._as_of)
            try:
                loaded = self._insist(attempt, or_less=len(batch) > 1)
            except LedgerGaveWay:
                if len(batch) == 1:
                    raise
                half = len(batch) // 2
                self._set(batch[:half])
                batch = batch[half:]
            except StockLoadRefused as error:
                below = {place: (total, reserved) for place, total, reserved in error.rows}
                self.result.refused += [(batch[p].index, *below[p]) for p in below]
                batch = [change for place, change in enumerate(batch) if place not in below]
            else:
                self.result.add(loaded)
                return

    def _insist(self, attempt: Callable[[], ResultT], *, or_less: bool = False) -> ResultT:
        """Make a call that may be made twice, until the database answers or is given up.

        Args:
            attempt: makes it.
            or_less: tell at once that the ledger gave way, to who would rather ask for less.
        """
        gives_up_at = time.monotonic() + UNAVAILABLE_SECONDS_MAX
        while True:
            try:
                return attempt()
            except LedgerUnavailable as error:
                is_too_much = isinstance(error, LedgerGaveWay if or_less else TooManyShopRows)
                if is_too_much or time.monotonic() >= gives_up_at:
                    raise
                self._listener.waiting(str(error))
                time.sleep(RETRY_SECONDS)
