"""An answer drawn in a terminal: what fits beside one another, no id cut, no word broken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Final

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from holdfast_client.contract.characters import visible
from holdfast_client.contract.wording import duration
from holdfast_client.terminal.colours import style_of
from holdfast_client.terminal.layout import GAP, Layout, fit, least_width
from holdfast_client.terminal.moments import local_text, local_words
from holdfast_client.terminal.sheet import STATUS_NAMES, Cell, Column, ItemList, Sheet, Table

_ELLIPSIS: Final = "..."


def draw(sheet: Sheet) -> None:
    """Draw an answer to stdout, as wide as the terminal is.

    What does not fit into a line is left to the terminal to wrap, so that it is copied whole.
    """
    console = Console(highlight=False)
    _print(console, Text(visible(sheet.headline), style="bold"))
    _draw_facts(console, sheet)
    for table in sheet.tables:
        if table.is_stacked:
            _draw_stacked(console, table)
        elif table.rows:
            _draw_table(console, table)


def shown(cell: Cell) -> str:
    """Return a cell as a person reads it: local time, durations in units, figures grouped."""
    match cell:
        case None:
            return ""
        case datetime():
            return local_text(cell)
        case timedelta():
            return duration(cell.total_seconds())
        case ItemList():
            return visible(cell.text())
        case int():
            return f"{cell:,}"
        case _:
            return local_words(visible(cell))


def _draw_facts(console: Console, sheet: Sheet) -> None:
    facts = [(name, shown(value)) for name, value in sheet.facts]
    facts = [(name, value) for name, value in facts if value]
    width = max((len(name) for name, _ in facts), default=0)
    for name, value in facts:
        _print(console, Text.assemble((f"{name:<{width + GAP}}", "dim"), _styled(name, value)))


def _draw_table(console: Console, table: Table) -> None:
    columns = table.laid_columns
    rows = [[shown(cell) for cell in row] for row in table.rows]
    widths = [
        max(len(column.name), *map(cell_len, cells)) if any(cells) else 0
        for column, cells in zip(columns, zip(*rows, strict=True), strict=True)
    ]
    least = [
        _least_width(column, width, cells)
        for column, width, cells in zip(columns, widths, zip(*table.rows, strict=True), strict=True)
    ]
    layout = fit(_ranked(columns, rows), widths, least, console.width)
    if layout.widths is None:
        _draw_records(console, columns, rows, layout)
    else:
        _draw_grid(console, table, layout.places, layout.widths)
    if layout.left_out:
        names = ", ".join(layout.left_out)
        note = f"Left out for want of room: {names}. A wider terminal shows all, and --json."
        console.print(Text(note, style="dim"))


def _ranked(columns: tuple[Column, ...], rows: list[list[str]]) -> list[Column]:
    """Return the columns, of which those that tell these rows apart must be shown."""
    return [
        replace(column, rank=0) if column.tells_apart and len(set(cells)) > 1 else column
        for column, cells in zip(columns, zip(*rows, strict=True), strict=True)
    ]


def _least_width(column: Column, width: int, cells: Sequence[Cell]) -> int:
    """Return how wide a column is with its prose cut, or its lists shortened, as far as may be."""
    if not any(isinstance(cell, ItemList) for cell in cells):
        return least_width(column, width)
    return max(min(width, len(column.name)), *(cell_len(_shortened(cell, 0)) for cell in cells))


def _shortened(cell: Cell, width: int) -> str:
    """Return a cell in so much room; of a list that is longer at least one item is left, whole."""
    whole = shown(cell)
    if not isinstance(cell, ItemList) or cell_len(whole) <= width:
        return whole
    forms = (visible(cell.text(count)) for count in range(1, len(cell.items)))
    longest = next(forms, whole)
    for form in takewhile(lambda form: cell_len(form) <= width, forms):
        longest = form
    # Of "A, B" the short form would be the longer one.
    return min(whole, longest, key=cell_len)


def _draw_grid(
    console: Console, table: Table, places: tuple[int, ...], widths: tuple[int, ...]
) -> None:
    names = [column.name for column in table.laid_columns]
    figures = {
        place
        for place in places
        if all(row[place] is None or isinstance(row[place], int) for row in table.rows)
    }

    def line(cells: list[Text]) -> Text:
        padded = (
            _padded(cell, width, right=place in figures)
            for cell, place, width in zip(cells, places, widths, strict=True)
        )
        whole = Text(" " * GAP).join(padded)
        whole.rstrip()
        return whole

    console.print()
    _print(console, line([Text(names[place], style="bold") for place in places]))
    for row in table.rows:
        fitted = zip(places, widths, strict=True)
        _print(
            console,
            line([_styled(names[p], _shortened(row[p], width)) for p, width in fitted]),
        )


def _draw_records(
    console: Console, columns: tuple[Column, ...], rows: list[list[str]], layout: Layout
) -> None:
    """Draw each row as lines of a heading and its cell."""
    width = max(len(columns[place].name) for place in layout.places)
    for row in rows:
        console.print()
        for place in layout.places:
            name = columns[place].name
            _print(
                console,
                Text.assemble((f"{name:<{width + GAP}}", "dim"), _styled(name, row[place])),
            )


def _draw_stacked(console: Console, table: Table) -> None:
    for first, *others in table.rows:
        console.print()
        _print(console, Text(shown(first), style="bold"))
        for cell in others:
            _print(console, Text(f"  {shown(cell)}"))


def _padded(text: Text, width: int, *, right: bool) -> Text:
    missing = width - cell_len(text.plain)
    if missing < 0:
        cut = set_cell_size(text.plain, width - len(_ELLIPSIS)).rstrip()
        return _padded(Text(cut + _ELLIPSIS, style=text.style), width, right=False)
    space = Text(" " * missing)
    return space + text if right else text + space


def _styled(name: str, value: str) -> Text:
    # Text and not str: a SKU such as "[red]" is no markup.
    return Text(value, style=style_of(value) if name in STATUS_NAMES else "")


def _print(console: Console, line: Text) -> None:
    console.print(line, soft_wrap=True)
