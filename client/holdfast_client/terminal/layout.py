"""Which columns of a table a terminal has room for. Pure: widths in, widths out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from holdfast_client.terminal.sheet import Column

GAP: Final = 2
# So much of a text still says something.
_PROSE_WIDTH_MIN: Final = 12


@dataclass(frozen=True)
class Layout:
    """The places of the columns that are shown, the width of each, and what is left out.

    ``widths`` is None where not even the columns that must be shown fit beside one another: each
    cell then has a line of its own, where all columns have room.
    """

    places: tuple[int, ...]
    widths: tuple[int, ...] | None
    left_out: tuple[str, ...]


def least_width(column: Column, width: int) -> int:
    """Return how wide a column of that width is with its prose cut as far as may be."""
    return min(width, max(_PROSE_WIDTH_MIN, len(column.name))) if column.is_prose else width


def fit(
    columns: Sequence[Column], widths: Sequence[int], least: Sequence[int], room: int
) -> Layout:
    """Shorten what may be, then leave out whole columns, until all fits into the room.

    Args:
        columns: the columns.
        widths: how wide each would have to be; 0 for one that is empty, which is not shown.
        least: how wide each has to be at least, shortened as far as it may be.
        room: how wide the terminal is.
    """
    places = [place for place, width in enumerate(widths) if width]
    left_out: list[int] = []
    while _needed(least, places) > room:
        spare = [place for place in places if columns[place].rank]
        if not spare:
            return Layout(tuple(sorted((*places, *left_out))), None, ())
        out = max(spare, key=lambda place: (columns[place].rank, place))
        places.remove(out)
        left_out.append(out)
    return Layout(
        tuple(places), _shared_out(widths, least, places, room), _names(columns, left_out)
    )


def _needed(least: Sequence[int], places: Sequence[int]) -> int:
    return sum(least[place] for place in places) + GAP * (len(places) - 1)


def _shared_out(
    widths: Sequence[int], least: Sequence[int], places: Sequence[int], room: int
) -> tuple[int, ...]:
    """Give what room is left over to what was shortened, from the left."""
    spare = room - _needed(least, places)
    shared = []
    for place in places:
        more = min(spare, widths[place] - least[place])
        spare -= more
        shared.append(least[place] + more)
    return tuple(shared)


def _names(columns: Sequence[Column], places: Sequence[int]) -> tuple[str, ...]:
    return tuple(columns[place].name for place in sorted(places))
