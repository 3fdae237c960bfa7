"""Which columns of a table a terminal has room for. Pure: widths in, widths out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from holdfast_client.terminal.sheet import Column

GAP: Final = 2
# So much of a text still says something.
PROSE_WIDTH_MIN: Final = 12


@dataclass(frozen=True)
class Layout:
    """The places of the columns that are shown, the width of each, and what is left out.

    ``widths`` is None where not even the columns that must be shown fit beside one another: each
    cell then has a line of its own, where all columns have room.
    """

    places: tuple[int, ...]
    widths: tuple[int, ...] | None
    left_out: tuple[str, ...]


def fit(columns: Sequence[Column], widths: Sequence[int], room: int) -> Layout:
    """Shorten prose, then leave out whole columns, until all fits into the room.

    Args:
        columns: the columns.
        widths: how wide each would have to be; 0 for one that is empty, which is not shown.
        room: how wide the terminal is.
    """
    places = [place for place, width in enumerate(widths) if width]
    left_out: list[int] = []
    while _least(columns, widths, places) > room:
        spare = [place for place in places if columns[place].rank]
        if not spare:
            return Layout(tuple(sorted((*places, *left_out))), None, ())
        out = max(spare, key=lambda place: (columns[place].rank, place))
        places.remove(out)
        left_out.append(out)
    return Layout(
        tuple(places), _shared_out(columns, widths, places, room), _names(columns, left_out)
    )


def _least(columns: Sequence[Column], widths: Sequence[int], places: Sequence[int]) -> int:
    needed = sum(_least_width(columns[place], widths[place]) for place in places)
    return needed + GAP * (len(places) - 1)


def _least_width(column: Column, width: int) -> int:
    return min(width, max(PROSE_WIDTH_MIN, len(column.name))) if column.is_prose else width


def _shared_out(
    columns: Sequence[Column], widths: Sequence[int], places: Sequence[int], room: int
) -> tuple[int, ...]:
    """Give what room is left over to the prose, from the left."""
    spare = room - _least(columns, widths, places)
    shared = []
    for place in places:
        least = _least_width(columns[place], widths[place])
        more = min(spare, widths[place] - least)
        spare -= more
        shared.append(least + more)
    return tuple(shared)


def _names(columns: Sequence[Column], places: Sequence[int]) -> tuple[str, ...]:
    return tuple(columns[place].name for place in sorted(places))
