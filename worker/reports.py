"""What the operators' reports show: the story of a stock item, and denied demand."""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from activities.inventory.records import (
    DeniedDemand,
    DeniedPeriod,
    HistoryPeriod,
    ItemFigures,
    ItemHistory,
)
from holdfast_client.cli.screen import Screen
from holdfast_client.cli.sheet import Sheet, Table, moment_text

ReportForm = Literal["text", "json", "csv"]

_MOVEMENT_COLUMNS = (
    "at",
    "kind",
    "units",
    "total",
    "reserved",
    "available",
    "source",
    "actor",
    "reason",
)
_DENIED_COLUMNS = (
    "day",
    "sku",
    "location",
    "reason",
    "checkouts",
    "customers",
    "requested",
    "available",
)


def show_history(history: ItemHistory, period: HistoryPeriod, *, as_json: bool) -> None:
    """Show a stock item's story, and how to go on where there is more of it."""
    facts = [
        ("sku", history.sku),
        ("location", history.location),
        ("name", history.name),
        ("for_sale", "yes" if history.active else "no"),
        *_figures("", history.now),
    ]
    if period.at and history.at:
        facts += [("at", moment_text(period.at)), *_figures("_at", history.at)]
    rows = tuple(
        (
            moment_text(move.at),
            move.kind,
            # Where both figures move, as when a hold is fulfilled, they move by the same.
            str(move.total_delta or move.reserved_delta),
            *(cell for _, cell in _figures("", move.figures)),
            # The checkout's or the adjustment's own id, as the other commands take it.
            move.source_id.partition("/")[2],
            move.actor,
            move.reason,
        )
        for move in history.movements
    )
    sheet = Sheet(_history_headline(history), tuple(facts), (_movements(rows),))
    Screen(as_json=as_json).show(_history_document(history, period), sheet)
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
    cells = tuple(_denied_cells(row) for row in shown)
    if form == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerows([_DENIED_COLUMNS, *cells])
    else:
        document = [dict(zip(_DENIED_COLUMNS, _denied_values(row), strict=True)) for row in shown]
        sheet = Sheet(_denied_headline(shown, period), (), (_denied_table(cells),))
        Screen(as_json=form == "json").show(document, sheet)
    if not shown:
        _remark(f"nothing was denied {_between(period)}")
    if len(rows) > period.limit:
        _remark(f"only the first {period.limit:,} rows are shown; ask for fewer days, or one SKU")


def _remark(line: str) -> None:
    print(line, file=sys.stderr)


def _figures(suffix: str, figures: ItemFigures) -> list[tuple[str, str]]:
    return [
        (f"total{suffix}", str(figures.total)),
        (f"reserved{suffix}", str(figures.reserved)),
        (f"available{suffix}", str(figures.available)),
    ]


def _movements(rows: tuple[tuple[str, ...], ...]) -> Table:
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
        "created_at": _exactly(history.created_at),
        **_numbers(history.now),
        "at": {"at": _exactly(period.at), **_numbers(history.at)}
        if period.at and history.at
        else None,
        "movements": [
            {
                "id": move.id,
                "at": _exactly(move.at),
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


def _exactly(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _denied_values(row: DeniedDemand) -> tuple[str | int, ...]:
    return (
        row.day.isoformat(),
        row.sku,
        row.location,
        row.reason,
        row.checkouts,
        row.customers,
        row.requested,
        row.available,
    )


def _denied_cells(row: DeniedDemand) -> tuple[str, ...]:
    return tuple(map(str, _denied_values(row)))


def _denied_table(cells: tuple[tuple[str, ...], ...]) -> Table:
    return Table("denied", _DENIED_COLUMNS, cells)


def _denied_headline(rows: Sequence[DeniedDemand], period: DeniedPeriod) -> str:
    units = sum(row.requested for row in rows)
    return f"{units:,} units asked for and denied {_between(period)}."


def _between(period: DeniedPeriod) -> str:
    of_sku = f" of {period.sku}" if period.sku else ""
    return f"{of_sku} from {moment_text(period.since)} to {moment_text(period.until)}".lstrip()
