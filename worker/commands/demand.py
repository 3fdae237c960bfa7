"""``denied``: what was asked for and could not be had."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Final

import typer

from activities.inventory.history_records import DeniedPeriod
from activities.inventory.ledger_readings import DENIED_ROWS_MAX
from holdfast_client.contract.errors import InvalidRequest
from holdfast_client.terminal import options
from holdfast_client.terminal.moments import days_before, end_of, first_moment, parse_day
from worker import reports
from worker.commands.options import JsonOption, sku_option
from worker.commands.session import opened_ledger

DENIED_LIMIT_DEFAULT: Final = 1_000
DENIED_DAYS_DEFAULT: Final = 30


def denied(
    *,
    since: Annotated[
        str | None,
        options.text(f"First day; {DENIED_DAYS_DEFAULT} days in all if left out.", "DAY"),
    ] = None,
    until: Annotated[
        str | None, options.text("Last day, included; today if left out.", "DAY")
    ] = None,
    sku: Annotated[str | None, sku_option("Only this SKU.")] = None,
    limit: Annotated[
        int, options.whole_number("At most so many rows,", 1, DENIED_ROWS_MAX - 1)
    ] = DENIED_LIMIT_DEFAULT,
    as_json: JsonOption = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV with headings.")] = False,
) -> None:
    """Show what was asked for and could not be had, by day (UTC), stock item and reason."""
    if as_json and as_csv:
        raise InvalidRequest("--csv", "cannot be had together with --json")
    last = parse_day("--until", until) or datetime.now(UTC).date()
    first = parse_day("--since", since) or days_before(last, DENIED_DAYS_DEFAULT - 1)
    if first > last:
        raise InvalidRequest("--since", f"{first} is later than --until, {last}")
    period = DeniedPeriod(first_moment(first), end_of("--until", last), limit, sku)
    with opened_ledger(statement_timeout_ms=0) as ledger:
        rows = ledger.denied_demand(replace(period, limit=limit + 1))
    reports.show_denied(rows, period, "csv" if as_csv else "json" if as_json else "text")
