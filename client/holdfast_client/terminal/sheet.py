"""One answer laid out for reading: a sentence, facts and tables, not yet in any style."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

# Times, durations and figures are written as the reader wants them; text is as it is.
Cell = str | int | datetime | timedelta | None

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
