"""What a terminal has room for: what may be is shortened, columns go by rank, ids stay whole."""

from __future__ import annotations

import pytest

from holdfast_client.terminal.layout import fit
from holdfast_client.terminal.sheet import Column

COLUMNS = (
    Column("id"),
    Column("name", rank=3, is_prose=True),
    Column("at", rank=2),
    Column("place", rank=1),
    Column("units"),
)
WIDTHS = (30, 40, 20, 10, 5)
LEAST = (30, 12, 20, 10, 5)


def shown(room: int) -> list[str]:
    return [COLUMNS[place].name for place in fit(COLUMNS, WIDTHS, LEAST, room).places]


def test_with_enough_room_all_is_there() -> None:
    layout = fit(COLUMNS, WIDTHS, LEAST, 113)
    assert (layout.widths, layout.left_out) == (WIDTHS, ())


def test_prose_is_cut_before_a_column_goes() -> None:
    layout = fit(COLUMNS, WIDTHS, LEAST, 90)
    assert layout.widths == (30, 17, 20, 10, 5)
    assert layout.left_out == ()


def test_the_columns_of_the_highest_rank_go_first() -> None:
    assert shown(84) == ["id", "at", "place", "units"]
    assert shown(60) == ["id", "place", "units"]
    assert shown(40) == ["id", "units"]
    assert fit(COLUMNS, WIDTHS, LEAST, 40).left_out == ("name", "at", "place")


def test_what_must_be_there_and_has_no_room_is_not_laid_side_by_side() -> None:
    layout = fit(COLUMNS, WIDTHS, LEAST, 36)
    assert layout.widths is None


def test_what_is_not_laid_side_by_side_has_room_for_all_columns_but_empty_ones() -> None:
    layout = fit(COLUMNS, (30, 40, 0, 10, 5), (30, 12, 0, 10, 5), 36)
    assert (layout.widths, layout.places, layout.left_out) == (None, (0, 1, 3, 4), ())


def test_an_empty_column_is_neither_shown_nor_missed() -> None:
    layout = fit(COLUMNS, (30, 0, 20, 10, 5), (30, 0, 20, 10, 5), 71)
    assert layout.places == (0, 2, 3, 4)
    assert layout.left_out == ()


@pytest.mark.parametrize("room", range(20, 130))
def test_nothing_is_wider_than_the_room_and_no_id_is_cut(room: int) -> None:
    layout = fit(COLUMNS, WIDTHS, LEAST, room)
    if layout.widths is not None:
        assert sum(layout.widths) + 2 * (len(layout.widths) - 1) <= room
        for place, width in zip(layout.places, layout.widths, strict=True):
            assert LEAST[place] <= width <= WIDTHS[place]
