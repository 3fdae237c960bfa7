"""One answer laid out for reading: a sentence, facts and tables, not yet in any style."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final


@dataclass(frozen=True)
class ItemList:
    """Several things in one cell, such as SKUs.

    All are shown where there is room, as in a pipe. Else the first are, each whole, and the rest is
    counted: an id that is cut may look like another.

    Args:
        items: what there is.
        separator: what stands between two of them.
        left_out: how many more there are, of which nobody told more than that.
    """

    items: tuple[str, ...]
    separator: str = ", "
    left_out: int = 0

    def text(self, shown: int | None = None) -> str:
        """Write the first ``shown`` items, or all, and how many there are besides."""
        words = self.items[:shown]
        more = len(self.items) - len(words) + self.left_out
        return self.separator.join(words) + (f" and {more:,} more" if more else "")


# Times, durations and figures are written as the reader wants them; text is as it is.
Cell = str | int | datetime | timedelta | ItemList | None

# Columns and facts of these names hold a status, and have its colour.
STATUS_NAMES: Final = frozenset({"status", "event"})


@dataclass(frozen=True)
class Column:
    """A column of a table, and what becomes of it where a terminal is too narrow.

    Args:
        name: its heading.
        rank: the column of the highest rank is left out first, one of rank 0 never.
        is_prose: may be cut, as an id or a figure never may.
        tells_apart: is left out only where it is the same in all rows, whatever its rank.
    """

    name: str
    rank: int = 0
    is_prose: bool = False
    tells_apart: bool = False


# A stock item is a SKU at a location: rows of one SKU at two are told apart by nothing else.
LOCATION: Final = Column("location", rank=1, tells_apart=True)


@dataclass(frozen=True)
class Table:
    """Rows of one kind. ``name`` says what one row is, and leads each row in plain text.

    A column may be given by its name alone. ``is_stacked`` in a terminal sets the cells of a row
    below one another, each unbroken: links.
    """

    name: str
    columns: tuple[str | Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    is_stacked: bool = False

    @property
    def laid_columns(self) -> tuple[Column, ...]:
        """All columns with their ranks."""
        return tuple(Column(c) if isinstance(c, str) else c for c in self.columns)


@dataclass(frozen=True)
class Sheet:
    """What a command shows. ``headline`` is for people, and left out of plain text."""

    headline: str
    facts: tuple[tuple[str, Cell], ...] = ()
    tables: tuple[Table, ...] = ()
