"""``history``: the history of one stock item."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

from activities.inventory.history_records import HistoryPeriod
from activities.inventory.ledger import Ledger
from activities.inventory.ledger_readings import PAGE_SIZE_MAX
from holdfast_client.terminal import options
from holdfast_client.terminal.moments import parse_moment
from worker import reports
from worker.commands.options import (
    JsonOption,
    MomentOption,
    check_not_later,
    location_option,
    sku_argument,
)
from worker.commands.session import opened_ledger

HISTORY_LIMIT_DEFAULT: Final = 100
LOCATIONS_NAMED_MAX: Final = 20


class NoSuchItem(Exception):
    """The SKU is not known, or not at one place; the message says what is."""


def history(
    sku: Annotated[str, sku_argument("Of what.")],
    *,
    location: Annotated[
        str | None,
        location_option("Where it is; not needed where it is at one place."),
    ] = None,
    since: MomentOption = None,
    until: MomentOption = None,
    at: Annotated[str | None, options.text("Also show the figures at this moment.", "TIME")] = None,
    before: Annotated[
        int | None,
        options.whole_number("Go on before the movement of this id,", 1, metavar="ID"),
    ] = None,
    limit: Annotated[
        int, options.whole_number("At most so many, the latest;", 1, PAGE_SIZE_MAX)
    ] = HISTORY_LIMIT_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Tell a stock item's history: each movement, with the figures after it.

    A day means its first moment in UTC; --until itself is not included.
    """
    period = HistoryPeriod(
        limit,
        parse_moment("--since", since),
        parse_moment("--until", until),
        parse_moment("--at", at),
        before,
    )
    # All that an item ever did is added up, which may take longer than the limit for daily work.
    with opened_ledger(statement_timeout_ms=0) as ledger:
        if period.at is not None:
            check_not_later("--at", period.at, ledger.clock())
        place = location or only_location(ledger, sku)
        told = ledger.item_history(sku, place, period)
        if told is None:
            raise NoSuchItem(where_it_is(sku, ledger.locations(sku), f" at {place}"))
    reports.show_history(told, period, as_json=as_json)


def only_location(ledger: Ledger, sku: str) -> str:
    """Return where a SKU is; raises NoSuchItem where it is nowhere, or at several locations."""
    locations = ledger.locations(sku)
    if len(locations) == 1:
        return locations[0]
    raise NoSuchItem(where_it_is(sku, locations, ""))


def where_it_is(sku: str, locations: Sequence[str], place: str) -> str:
    """Say that a SKU is not at a place, or at several, and what to do."""
    if not locations:
        return f"there is no stock item {sku!r}"
    listed = ", ".join(locations[:LOCATIONS_NAMED_MAX])
    more = ", ..." if len(locations) > LOCATIONS_NAMED_MAX else ""
    problem = f"there is no {sku!r}{place}" if place else f"{sku!r} is at several locations"
    return f"{problem}; say --location with one of: {listed}{more}"
