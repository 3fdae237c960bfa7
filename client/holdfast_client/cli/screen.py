"""Where answers are written: tables in a terminal, plain text in a pipe, or one JSON document.

Plain text is stable: each line begins with a name and its cells are parted by tabs, as in
``status<TAB>held`` or ``line<TAB>MUG-01<TAB>main<TAB>2``. Empty cells stay empty.

With JSON, stdout always gets exactly one document: the answer, or on failure
``{"error": {"type": ..., "message": ..., "field": ...}}`` (``field`` only where one is to blame).
Errors go to stderr as one line in every style.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from typing import Any

from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from holdfast_client.cli.sheet import Sheet, Table


class Screen:
    """The two streams of one command."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json

    def show(self, document: Any, sheet: Sheet) -> None:
        """Write the answer to stdout in the style that fits its reader."""
        if self._as_json:
            _write(json.dumps(document))
        elif sys.stdout is not None and sys.stdout.isatty():
            _draw(sheet)
        else:
            _write("\n".join(_plain_lines(sheet)))

    def fail(self, kind: str, message: str, *, field: str = "") -> None:
        """Write an error: one line to stderr, and with JSON its document to stdout."""
        line = " ".join(message.split())
        self.note(line)
        if self._as_json:
            error = {"type": kind, "message": line}
            _write(json.dumps({"error": error | ({"field": field} if field else {})}))

    def note(self, line: str) -> None:
        """Write a remark to stderr."""
        say(line)


def say(line: str) -> None:
    """Write one line to stderr; what nobody reads any more is no reason to stop."""
    with suppress(OSError):
        print(f"holdfast: {line}", file=sys.stderr, flush=True)


def _plain_lines(sheet: Sheet) -> list[str]:
    lines = ["\t".join(fact) for fact in sheet.facts]
    for table in sheet.tables:
        lines += ["\t".join((table.name, *row)) for row in table.rows]
    return lines


def _write(text: str) -> None:
    if not text or sys.stdout is None:
        return
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has seen enough. What was asked is done, so the exit code stays; the
        # interpreter must only find nothing left to flush into the broken pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _draw(sheet: Sheet) -> None:

    console = Console(highlight=False)
    console.print(Text(sheet.headline, style="bold"))
    _draw_facts(console, sheet)
    for table in sheet.tables:
        if table.is_stacked:
            _draw_stacked(console, table)
        elif table.rows:
            _draw_table(console, table)


def _draw_facts(console: Console, sheet: Sheet) -> None:

    grid = Grid.grid(padding=(0, 2))
    for name, value in sheet.facts:
        if value:
            grid.add_row(Text(name, style="dim"), Text(value))
    if grid.row_count:
        console.print(grid)


def _draw_table(console: Console, table: Table) -> None:

    grid = Grid()
    for place, column in enumerate(table.columns):
        cells = [row[place] for row in table.rows if row[place]]
        figures = bool(cells) and all(cell.lstrip("-").isdigit() for cell in cells)
        grid.add_column(column, justify="right" if figures else "left", overflow="fold")
    for row in table.rows:
        # Text and not str: a SKU such as "[red]" is no markup.
        grid.add_row(*(Text(cell) for cell in row))
    console.print(grid)


def _draw_stacked(console: Console, table: Table) -> None:
    for first, *others in table.rows:
        console.print()
        console.print(Text(first, style="bold"), soft_wrap=True)
        for cell in others:
            console.print(Text(f"  {cell}"), soft_wrap=True)
