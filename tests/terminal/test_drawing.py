"""An answer in a terminal of any width: no id is cut, and what is left out is said."""

from __future__ import annotations

import io
import re
import sys
from datetime import UTC, datetime, timedelta

import pytest

from holdfast_client.terminal.screen import Screen
from holdfast_client.terminal.sheet import Column, Sheet, Table

ID = "shop-eu/cart-2026-11-28-000042"
COLUMNS = (
    "checkout_id",
    Column("status", rank=1),
    Column("at", rank=2),
    Column("overdue", rank=3),
    Column("units", rank=4),
    Column("reason", rank=5, is_prose=True),
)
ROW = (
    ID,
    "held",
    datetime(2026, 1, 31, 9, tzinfo=UTC),
    timedelta(minutes=90),
    12_000,
    "she is on the phone with her bank \u202e and wants more time",
)
SHEET = Sheet(f"{ID} is held.", (("checkout_id", ID),), (Table("hold", COLUMNS, (ROW,)),))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def drawn(monkeypatch: pytest.MonkeyPatch, width: int, sheet: Sheet = SHEET) -> str:
    terminal = Terminal()
    for name, value in {"COLUMNS": str(width), "TERM": "xterm", "NO_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdout", terminal)
    Screen(as_json=False).show(None, sheet)
    return re.sub(r"\x1b\[[0-9;]*m", "", terminal.getvalue())


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 200])
def test_an_id_is_whole_in_a_terminal_of_any_width(
    monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    shown = drawn(monkeypatch, width)
    assert shown.count(ID) == 3
    note = " ".join(shown.split()).partition("Left out for want of room: ")[2]
    headings = [line for line in shown.splitlines() if line.startswith("checkout_id  ")][-1]
    for column in COLUMNS[1:]:
        assert isinstance(column, Column)
        assert (column.name in note) != (re.search(rf"\b{column.name}\b", headings) is not None)


def test_with_room_all_is_shown_as_a_person_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = drawn(monkeypatch, 200)
    assert "Left out" not in shown
    assert "1h30m" in shown
    assert "12,000" in shown
    assert "her bank \\u202e and" in shown, "what turns a line round is written out"


def test_where_not_even_an_id_fits_each_cell_has_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = drawn(monkeypatch, 20)
    assert f"checkout_id  {ID}\n" in shown
