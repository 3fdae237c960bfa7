"""An answer in a terminal of any width: no id is cut, and what is left out is said."""

from __future__ import annotations

import io
import json
import re
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest

from holdfast_client.cli.holds_sheet import holds_sheet
from holdfast_client.contract.holds import Holds
from holdfast_client.terminal.screen import Screen
from holdfast_client.terminal.sheet import LOCATION, Column, Sheet, Table

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


@pytest.mark.parametrize("width", [40, 60, 80, 100, 200])
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
    assert shown.count(f"checkout_id  {ID}\n") == 2
    for column in COLUMNS[1:]:
        assert isinstance(column, Column)
        assert re.search(rf"^{column.name} +\S", shown, re.MULTILINE)
    assert "Left out" not in shown


def test_a_moment_in_the_words_of_an_event_is_local_like_those_beside_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        words = "3 units until 2026-11-28 18:15:42 UTC, or 2026-99-28 18:15:42 UTC"
        shown = drawn(monkeypatch, 200, Sheet("", (("reason", words),)))
    finally:
        monkeypatch.undo()
        time.tzset()
    assert "3 units until 2026-11-29T03:15:42+09:00, or 2026-99-28 18:15:42 UTC" in shown


STOCK = ("sku", LOCATION, Column("total", rank=2), "available")
SKU = "ENAMEL-MUG-WITH-A-VERY-LONG-NAME-" + "X" * 30


def test_one_sku_at_two_locations_is_told_apart_in_a_narrow_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = ((SKU, "north-depot", 4, 3), (SKU, "south-depot", 4, 3))
    for width in (40, 75, 80, 90, 120):
        shown = drawn(monkeypatch, width, Sheet("2 found.", (), (Table("stock", STOCK, rows),)))
        assert "north-depot" in shown
        assert "south-depot" in shown
        assert shown.count(SKU) == 2


def test_a_location_that_is_the_same_in_all_rows_may_be_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = ((SKU, "north-depot", 4, 3), (SKU[1:], "north-depot", 4, 3))
    shown = drawn(monkeypatch, 80, Sheet("2 found.", (), (Table("stock", STOCK, rows),)))
    assert "Left out for want of room: location, total." in shown


def test_who_holds_stock_is_shown_beside_the_longest_ids_of_checkouts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hold = {
        "checkout_id": "6f9619ff-8b86-d011-b42d-00c04fc964ff",
        "customer_id": "customer-of-the-longest-standing",
        "held_at": "2026-11-28T18:00:42.000000Z",
        "expires_at": "2031-11-28T18:15:42.000000Z",
        "units": 3,
        "lines": [{"sku": "CUP-9", "location": "main", "quantity": 3}],
    }
    answer = {"as_of": "2031-11-28T18:01:00.000000Z", "holds": [hold]}
    found = Holds.model_validate_json(json.dumps(answer))
    shown = drawn(monkeypatch, 80, holds_sheet(found, "CUP-9"))
    assert "Left out" not in shown
    for whole in (hold["checkout_id"], hold["customer_id"], "3 CUP-9"):
        assert str(whole) in shown
