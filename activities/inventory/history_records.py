"""What is asked of the past of stock, and what is told of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class HistoryPeriod:
    """Which part of a stock item's history is wanted.

    ``since`` is included, ``until`` is not; ``before_id`` is the first movement of the page that
    came before, ``limit`` how many movements make a page. ``at`` asks for the figures of a moment.
    """

    limit: int
    since: datetime | None = None
    until: datetime | None = None
    at: datetime | None = None
    before_id: int | None = None


@dataclass(frozen=True, slots=True)
class ItemFigures:
    """The figures of a stock item, in units."""

    total: int
    reserved: int

    @property
    def available(self) -> int:
        return self.total - self.reserved

    def after(self, movement: Any) -> ItemFigures:
        """Return the figures after a movement, or a row of one."""
        return ItemFigures(
            self.total + movement.total_delta, self.reserved + movement.reserved_delta
        )


@dataclass(frozen=True, slots=True)
class ItemMovement:
    """One change of a stock item, with the figures after it.

    ``source_id`` is the workflow that made it, a checkout's or an adjustment's; empty where a
    stock file did.
    """

    id: int
    at: datetime
    kind: str
    total_delta: int
    reserved_delta: int
    figures: ItemFigures
    source_id: str
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class ItemHistory:
    """A stock item's history, the earliest movement first.

    ``now`` are the figures as they stand; ``at`` those at the moment asked for, by the movements up
    to then. ``has_earlier`` says that the period has movements before those shown.
    """

    sku: str
    location: str
    name: str
    active: bool
    created_at: datetime
    now: ItemFigures
    at: ItemFigures | None
    movements: tuple[ItemMovement, ...]
    has_earlier: bool


@dataclass(frozen=True, slots=True)
class DeniedPeriod:
    """Which denials are wanted: ``since`` included, ``until`` not, of one SKU or of all."""

    since: datetime
    until: datetime
    limit: int
    sku: str | None = None


@dataclass(frozen=True, slots=True)
class DeniedDemand:
    """What could not be had on one day (UTC) at one location, for one reason.

    ``checkouts`` is also the number of denials: a checkout is denied once. ``customers`` counts
    those that were named. ``largest_request`` is the most that a single one asked for, and
    ``least_available`` the least that there was at a denial.
    """

    day: date
    sku: str
    location: str
    reason: str
    checkouts: int
    customers: int
    requested: int
    largest_request: int
    least_available: int
