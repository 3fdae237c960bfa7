"""A run's figures in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from benchmarks.case import Case
from benchmarks.layout import Table, bars_table, case_tables, machine_lines
from benchmarks.results import RunResult

# Where nobody says how wide the paper is.
_WIDTH: Final = 140


def print_report(result: RunResult, cases: Sequence[Case]) -> None:
    """Print every case's tables, and the bars."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_WIDTH)
    for line in machine_lines(result):
        console.print(Text(line, style="dim"))
    for case in cases:
        measured = result.case(case.name)
        if measured is None:
            continue
        console.print(Text(f"\n{case.title}", style="bold"))
        console.print(Text(case.about, style="dim"))
        for table in case_tables(case, measured):
            _print_table(console, table)
    if bars := result.bars():
        _print_table(console, bars_table(bars))


def _print_table(console: Console, table: Table) -> None:
    grid = Grid(title=table.title, title_justify="left", title_style="")
    for place, column in enumerate(table.columns):
        grid.add_column(column, justify="left" if place < table.words else "right")
    for row in table.rows:
        grid.add_row(*(Text(cell) for cell in row))
    console.print(grid)
