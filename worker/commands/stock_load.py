"""``stock load``: setting the totals of stock items from a file."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from activities.inventory.database.errors import (
    LedgerUnavailable,
    StockLoadRefused,
    TooManyShopRows,
)
from activities.inventory.ledger import LOAD_ROWS_MAX
from holdfast_client.contract.errors import InvalidRequest
from holdfast_client.contract.wording import counted
from holdfast_client.terminal import options
from holdfast_client.terminal.exit_codes import ExitCode
from holdfast_client.terminal.moments import exact_text, parse_moment
from holdfast_client.terminal.screen import write
from worker import tables
from worker.commands.options import JsonOption, check_not_later
from worker.commands.session import opened_ledger, screen
from worker.stock_file import StockFileInvalid, StockSheet, listed, read_stock_file
from worker.stock_load import LoadPlan, LoadResult, RowStanding, StockFileLoad

# Setting all at once is one long statement after another; daily work has less.
STATEMENT_TIMEOUT_MS: Final = 60_000
PROGRESS_SECONDS: Final = 5.0
_HOW_TO_GO_ON: Final = (
    "say when the file was counted: --as-of TIME (what moved since is made up for); "
    "or set the totals as the file has them: --force"
)
_WHO_HOLDS_IT: Final = "holdfast holds --sku SKU lists who holds it"
NEW_NAMED_MAX: Final = 5
_SMALLER: Final = "load it without --all-or-nothing, or split it"


@dataclass(frozen=True, slots=True)
class _Wish:
    """What was typed."""

    file: Path
    as_of: datetime | None
    force: bool
    all_or_nothing: bool

    def counted_at(self, now: datetime) -> datetime:
        """Return when the totals were counted: as said, else when the file was last written."""
        if self.as_of is not None:
            check_not_later("--as-of", self.as_of, now)
            return self.as_of
        if not (self.force or self.file.is_file()):
            raise InvalidRequest(
                "--as-of", f"is needed: {self.file} is no file, so nothing says when it was counted"
            )
        written_at = datetime.fromtimestamp(self.file.stat().st_mtime, UTC)
        return now if self.force else min(written_at, now)


class _Notices:
    """Tells on stderr how far a load is, every few seconds, and that it waits."""

    def __init__(self) -> None:
        self._next_at = time.monotonic() + PROGRESS_SECONDS
        self._waits = False

    def progress(self, what: str, done: int, rows: int) -> None:
        self._waits = False
        if time.monotonic() >= self._next_at:
            _remark(f"{what} {done:,} of {rows:,} rows")
            self._next_at = time.monotonic() + PROGRESS_SECONDS

    def waiting(self, reason: str) -> None:
        if not self._waits:
            _remark(f"{reason}; asking again")
        self._waits = True


def load(
    file: Annotated[
        Path, options.argument("A table with the columns sku,quantity[,location,name].", "FILE")
    ],
    *,
    as_of: Annotated[
        str | None,
        options.text(
            "When it was counted, such as 2026-01-31T09:00:00+01:00; what was sold or received "
            "since is made up for.",
            "TIME",
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Set the totals as they stand, whatever was sold since.")
    ] = False,
    all_or_nothing: Annotated[
        bool,
        typer.Option(
            "--all-or-nothing",
            help=f"Set all in one moment, or none; at most {LOAD_ROWS_MAX:,} that differ.",
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show each total, old and new, and load nothing.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Set the totals of stock items from a file. Beside shoppers, and safe to do again.

    Bad rows, and totals below what is reserved, are named before anything is loaded. Without
    --as-of the totals are those of the time at which the file was last written; where anything of
    it was sold, received or corrected since, nothing is loaded.
    """
    moment = parse_moment("--as-of", as_of)
    if moment is not None and force:
        raise InvalidRequest("--force", "cannot be had together with --as-of")
    sheet = read_stock_file(file)
    if not sheet.encoding.startswith("utf-8"):
        _remark(f"{file} is not UTF-8; read as {sheet.encoding}")
    wish = _Wish(file, moment, force, all_or_nothing)
    with opened_ledger(statement_timeout_ms=STATEMENT_TIMEOUT_MS) as ledger:
        begun_at = ledger.clock()
        counted_at = wish.counted_at(begun_at)
        loading = StockFileLoad(ledger, counted_at, _Notices())
        plan = loading.look(sheet.rows)
        if wish.as_of is None and not wish.force:
            _refuse_what_moved(wish, plan.moved_until(begun_at), counted_at)
        _refuse_what_cannot_be(wish, plan, sheet)
        _tell_when_it_was_counted(wish, plan, counted_at)
        if dry_run:
            tables.show_changes(plan.changes, as_json=as_json)
            if plan.new:
                _remark(_new_text(plan))
            return
        _set(wish, loading, plan, sheet, counted_at)
    _tell_what_was_done(loading.result, plan, sheet, counted_at, as_json=as_json)


def _tell_when_it_was_counted(wish: _Wish, plan: LoadPlan, counted_at: datetime) -> None:
    """Tell what was assumed, where it matters: a copy of a file is newer than its count."""
    is_assumed = wish.as_of is None and not wish.force
    if is_assumed and any(change.standing.total is not None for change in plan.changes):
        _remark(
            f"taken as counted at {exact_text(counted_at)}, when {wish.file} was last written; "
            "--as-of TIME says otherwise"
        )


def _refuse_what_moved(wish: _Wish, moved: Sequence[RowStanding], counted_at: datetime) -> None:
    """Refuse a file whose stock moved before the load began; what moves later is made up for."""
    if not moved:
        return
    found = "1 stock item" if len(moved) == 1 else f"{len(moved):,} stock items"
    written = f"{wish.file} was last written at {exact_text(counted_at)}"
    raise StockFileInvalid(
        [_moved_text(row) for row in moved],
        before=f"{written}; since then {found} of it moved:",
        after=_HOW_TO_GO_ON,
    )


def _refuse_what_cannot_be(wish: _Wish, plan: LoadPlan, sheet: StockSheet) -> None:
    below = [(row.index, row.total, row.standing.reserved) for row in plan.below_reserved]
    if below:
        raise _too_few(sheet, below)
    if wish.all_or_nothing and len(plan.changes) > LOAD_ROWS_MAX:
        problem = f"{len(plan.changes):,} rows differ, and one moment has {LOAD_ROWS_MAX:,} at most"
        raise StockFileInvalid([f"{problem}; {_SMALLER}"])
    _tell_recounted(plan, sheet)


def _set(
    wish: _Wish, loading: StockFileLoad, plan: LoadPlan, sheet: StockSheet, counted_at: datetime
) -> None:
    try:
        if wish.all_or_nothing:
            loading.set_at_once(plan)
        else:
            loading.set_beside_shoppers(plan)
    except StockLoadRefused as error:
        below = [
            (plan.changes[place].index, total, reserved) for place, total, reserved in error.rows
        ]
        raise _too_few(sheet, below) from error
    except TooManyShopRows as error:
        raise StockFileInvalid([f"{error}; {_SMALLER}"]) from error
    except (KeyboardInterrupt, LedgerUnavailable):
        _remark(
            f"stopped: {loading.result.done:,} of {len(plan.changes):,} rows that differ are set"
        )
        _remark(f"go on: python -m worker stock load {wish.file} --as-of {exact_text(counted_at)}")
        raise


def _tell_what_was_done(
    result: LoadResult, plan: LoadPlan, sheet: StockSheet, counted_at: datetime, *, as_json: bool
) -> None:
    left = [_below(sheet, *refused) for refused in result.refused]
    unchanged = plan.rows - result.created - result.changed - len(left)
    if as_json:
        counts = {"rows": plan.rows, "created": result.created, "changed": result.changed}
        more = {"left_out": left, "counted_at": exact_text(counted_at), "new": _new_items(plan)}
        write(json.dumps({**counts, "unchanged": unchanged, **more}))
    else:
        told = f"{result.created:,} new, {result.changed:,} changed, {unchanged:,} as they were"
        write(f"{counted(plan.rows, 'row')}: {told}")
        if result.created:
            write(_new_text(plan))
    if left:
        for line in listed(left):
            _remark(line)
        rows = "1 row was" if len(left) == 1 else f"{len(left):,} rows were"
        _remark(f"{rows} not loaded: more was reserved meanwhile; {_WHO_HOLDS_IT}")
        raise typer.Exit(ExitCode.REFUSED)


def _tell_recounted(plan: LoadPlan, sheet: StockSheet) -> None:
    lines = [
        f"line {sheet.lines[one.index]}: {one.row.sku} at {one.row.location} was counted after "
        f"that; its total stays {one.total:,}"
        for one in plan.moved
        if one.standing.recounted
    ]
    for line in listed(lines):
        _remark(line)


def _moved_text(one: RowStanding) -> str:
    standing = one.standing
    otherwise = standing.moved + standing.sold
    what = [
        f"{standing.sold:,} sold" if standing.sold else "",
        f"{otherwise:+,} by adjustments" if otherwise else "",
        "counted anew" if standing.recounted else "",
    ]
    told = ", ".join(filter(None, what)) or "adjusted to and fro"
    return (
        f"  {one.row.sku} at {one.row.location}: {told}; total now {standing.total or 0:,}, "
        f"in the file {one.row.quantity:,}"
    )


def _new_text(plan: LoadPlan) -> str:
    """Name the stock items that a load makes: one of them may be a SKU that was mistyped."""
    named = [f"{one.row.sku} at {one.row.location}" for one in plan.new[:NEW_NAMED_MAX]]
    left = len(plan.new) - len(named)
    return f"new: {', '.join(named)}" + (f" and {left:,} more" if left else "")


def _new_items(plan: LoadPlan) -> list[dict[str, str]]:
    return [{"sku": one.row.sku, "location": one.row.location} for one in plan.new]


def _too_few(sheet: StockSheet, below: Sequence[tuple[int, int, int]]) -> StockFileInvalid:
    """Refuse rows that are below what is reserved, each with its index and the two figures."""
    is_held = any(reserved for _, _, reserved in below)
    problems = [_below(sheet, *row) for row in below]
    return StockFileInvalid(problems, after=_WHO_HOLDS_IT if is_held else "")


def _below(sheet: StockSheet, index: int, wanted: int, reserved: int) -> str:
    row = sheet.rows[index]
    return (
        f"line {sheet.lines[index]}: {row.sku} at {row.location}: {wanted:,} is below the "
        f"{reserved:,} reserved"
    )


def _remark(line: str) -> None:
    screen().note(line)
