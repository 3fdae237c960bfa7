"""What the operators' reports show: the history of a stock item, and denied demand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, Literal

from activities.inventory.history_records import (
    DeniedDemand,
    DeniedPeriod,
    HistoryPeriod,
    ItemFigures,
    ItemHistory,
)
from holdfast_client.spreadsheets.csv_text import csv_text
from holdfast_client.terminal.moments import exact_text, moment_text
from holdfast_client.terminal.screen import Screen, say, write
from holdfast_client.terminal.sheet import LOCATION, Cell, Column, Sheet, Table

ReportForm = Literal["text", "json", "csv"]

_MOVEMENT_COLUMNS: Final = (
    "at",
    "kind",
    "units",
    Column("total", rank=3),
    Column("reserved", rank=3),
    Column("available", rank=2),
    Column("source", rank=1),
    Column("actor", rank=5, is_prose=True),
    Column("reason", rank=4, is_prose=True),
)
_DENIED_COLUMNS: Final = (
    "day",
    "sku",
    replace(LOCATION, rank=2),
    Column("reason", rank=1),
    Column("checkouts", rank=4),
    Column("customers", rank=5),
    Column("requested", rank=3),
    "largest_request",
    "least_available",
)
_DENIED_NAMES: Final = tuple(column.name for column in Table("", _DENIED_COLUMNS, ()).laid_columns)


def show_history(history: ItemHistory, period: HistoryPeriod, *, as_json: bool) -> None:
    """Show a stock item's history, and how to go on where there is more of it."""
    facts: list[tuple[str, Cell]] = [
        ("sku", history.sku),
        ("location", history.location),
        ("name", history.name),
        ("for_sale", "yes" if history.active else "no"),
        *_figures("", history.now),
    ]
    if period.at and history.at:
        facts += [("at", period.at), *_figures("_at", history.at)]
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            move.at,
            move.kind,
            # Where both figures move, as when a hold is fulfilled, they move by the same.
            move.total_delta or move.reserved_delta,
            *(cell for _, cell in _figures("", move.figures)),
            # The checkout's or the adjustment's own id, as the other commands take it.
            move.source_id.partition("/")[2],
            move.actor,
            move.reason,
        )
        for move in history.movements
    )
    sheet = Sheet(_history_headline(history), tuple(facts), (_movements(rows),))
    Screen(as_json=as_json, prefix="").show(_history_document(history, period), sheet)
    if history.has_earlier and not as_json:
        _remark(f"there are earlier movements; go on with --before {history.movements[0].id}")


def show_denied(rows: Sequence[DeniedDemand], period: DeniedPeriod, form: ReportForm) -> None:
    """Show denied demand: for people and pipes, as one JSON document, or as CSV with headings.

    Args:
        rows: one more than ``period.limit`` where there are more.
        period: what was asked for.
        form: how to show it.
    """
    shown = rows[: period.limit]
    cells = tuple(map(_denied_values, shown))
    if form == "csv":
        write(csv_text([_DENIED_NAMES, *cells]))
    else:
        document = [dict(zip(_DENIED_NAMES, row, strict=True)) for row in cells]
        sheet = Sheet(_denied_headline(shown, period), (), (_denied_table(cells),))
        Screen(as_json=form == "json", prefix="").show(document, sheet)
    if not shown:
        _remark(f"nothing was denied {_between(period)}")
    if len(rows) > period.limit:
        _remark(f"only the first {period.limit:,} rows are shown; ask for fewer days, or one SKU")


def _remark(line: str) -> None:
    say(line, prefix="")


def _figures(suffix: str, figures: ItemFigures) -> list[tuple[str, int]]:
    return [(f"{name}{suffix}", figure) for name, figure in _numbers(figures).items()]


def _movements(rows: tuple[tuple[Cell, ...], ...]) -> Table:
    return Table("movement", _MOVEMENT_COLUMNS, rows)


def _history_headline(history: ItemHistory) -> str:
    count = len(history.movements)
    shown = "no movements" if not count else f"{count:,} movement{'s' if count > 1 else ''}"
    return (
        f"{history.sku} at {history.location}: {history.now.available:,} available now, "
        f"{shown} shown."
    )


def _history_document(history: ItemHistory, period: HistoryPeriod) -> dict[str, Any]:
    return {
        "sku": history.sku,
        "location": history.location,
        "name": history.name,
        "active": history.active,
        "created_at": exact_text(history.created_at),
        **_numbers(history.now),
        "at": {"at": exact_text(period.at), **_numbers(history.at)}
        if period.at and history.at
        else None,
        "movements": [
            {
                "id": move.id,
                "at": exact_text(move.at),
                "kind": move.kind,
                "total_delta": move.total_delta,
                "reserved_delta": move.reserved_delta,
                **_numbers(move.figures),
                "source": move.source_id,
                "actor": move.actor,
                "reason": move.reason,
            }
            for move in history.movements
        ],
        "before": history.movements[0].id if history.has_earlier else None,
    }


def _numbers(figures: ItemFigures) -> dict[str, int]:
    return {
        "total": figures.total,
        "reserved": figures.reserved,
        "available": figures.available,
    }


def _denied_values(row: DeniedDemand) -> tuple[str | int, ...]:
    return (
        row.day.isoformat(),
        row.sku,
        row.location,
        row.reason,
        row.checkouts,
        row.customers,
        row.requested,
        row.largest_request,
        row.least_available,
    )


def _denied_table(cells: tuple[tuple[Cell, ...], ...]) -> Table:
    return Table("denied", _DENIED_COLUMNS, cells)


def _denied_headline(rows: Sequence[DeniedDemand], period: DeniedPeriod) -> str:
    units = sum(row.requested for row in rows)
    return f"{units:,} units asked for and denied {_between(period)}."


def _between(period: DeniedPeriod) -> str:
    of_sku = f" of {period.sku}" if period.sku else ""
    return f"{of_sku} from {moment_text(period.since)} to {moment_text(period.until)}".lstrip()
