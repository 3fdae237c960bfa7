"""An answer in a terminal of any width: no id is cut, and what is left out is said."""

from __future__ import annotations

import io
import json
import re
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest

from holdfast_client.cli.checkout_sheet import summaries_sheet
from holdfast_client.cli.holds_sheet import holds_sheet
from holdfast_client.contract.holds import Holds
from holdfast_client.contract.summaries import CheckoutSummary
from holdfast_client.terminal.screen import Screen
from holdfast_client.terminal.sheet import LOCATION, Column, ItemList, Sheet, Table

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


BLUE, RED = (f"ENAMEL-MUG-{colour}" for colour in ("BLUE", "REDX"))
LONG_BLUE, LONG_RED = (f"ENAMEL-MUG-{'X' * 40}-{colour}" for colour in ("BLUE", "REDX"))


def listed(*carts: tuple[str, ...]) -> Sheet:
    started_at = datetime(2026, 1, 31, 9, tzinfo=UTC)
    return summaries_sheet(
        [
            CheckoutSummary(
                checkout_id=f"cart-{n}", status="held", skus=skus, started_at=started_at
            )
            for n, skus in enumerate(carts)
        ]
    )


def last_cells(shown: str) -> list[str]:
    """Return the last column of the rows of a list."""
    rows = [line for line in shown.splitlines() if line.startswith("cart-")]
    return [re.split(" {2,}", row)[-1] for row in rows]


def test_a_list_of_skus_is_shortened_between_them(monkeypatch: pytest.MonkeyPatch) -> None:
    others = ("TEAPOT-WITH-A-LID", "CUP-09", "PLATE-11")
    sheet = listed((BLUE, *others), (RED, *others), (RED, "CUP-09"))
    both = f"{RED} CUP-09"
    assert last_cells(drawn(monkeypatch, 120, sheet)) == [
        f"{BLUE} TEAPOT-WITH-A-LID CUP-09 PLATE-11",
        f"{RED} TEAPOT-WITH-A-LID CUP-09 PLATE-11",
        both,
    ]
    assert last_cells(drawn(monkeypatch, 90, sheet)) == [
        f"{BLUE} TEAPOT-WITH-A-LID and 2 more",
        f"{RED} TEAPOT-WITH-A-LID and 2 more",
        both,
    ]
    assert last_cells(drawn(monkeypatch, 80, sheet)) == [
        f"{BLUE} and 3 more",
        f"{RED} and 3 more",
        both,
    ]


@pytest.mark.parametrize("width", range(40, 130, 5))
def test_no_sku_is_cut_however_long_and_however_narrow(
    monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    shown = drawn(monkeypatch, width, listed((LONG_BLUE, "CUP-09"), (LONG_RED, "CUP-09")))
    if "skus" in " ".join(shown.split()).partition("Left out for want of room: ")[2]:
        assert "ENAMEL" not in shown
        return
    for sku, cell in zip((LONG_BLUE, LONG_RED), last_cells(shown), strict=True):
        assert cell in {f"{sku} CUP-09", f"{sku} and 1 more"}


def test_a_list_too_long_for_its_column_is_left_out_at_80_and_60_and_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sheet = listed((LONG_BLUE, "CUP-09"), (LONG_RED, "CUP-09"))
    for width in (80, 60):
        shown = " ".join(drawn(monkeypatch, width, sheet).split())
        assert "Left out for want of room: skus." in shown


def test_a_list_of_which_some_were_not_told_says_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    items = ItemList(("2 MUG-01", "1 TEAPOT-01"), left_out=3)
    sheet = Sheet("", (), (Table("hold", ("checkout_id", "lines"), (("cart-1", items),)),))
    assert "2 MUG-01, 1 TEAPOT-01 and 3 more\n" in drawn(monkeypatch, 80, sheet)
    assert "2 MUG-01 and 4 more\n" in drawn(monkeypatch, 40, sheet)


def test_a_list_of_which_the_count_would_be_longer_is_shown_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    columns = ("checkout_id", Column("skus", rank=1))
    sheet = Sheet("", (), (Table("cart", columns, (("cart-1", ItemList(("A", "B"))),)),))
    assert "cart-1       A, B\n" in drawn(monkeypatch, 17, sheet)


def test_a_pipe_has_all_of_a_list(capsys: pytest.CaptureFixture[str]) -> None:
    skus = (LONG_BLUE, LONG_RED, *(f"SKU-{n}" for n in range(40)))
    Screen(as_json=False).show(None, listed(skus))
    (row,) = capsys.readouterr().out.splitlines()
    assert row.split("\t")[-1] == " ".join(skus)


def test_what_a_hold_has_is_told_sku_by_sku(monkeypatch: pytest.MonkeyPatch) -> None:
    holds = [
        {
            "checkout_id": f"cart-{n}",
            "customer_id": "u-17",
            "held_at": "2026-11-28T18:00:42.000000Z",
            "expires_at": "2031-11-28T18:15:42.000000Z",
            "units": 3,
            "lines": [
                {"sku": sku, "location": "main", "quantity": 1}
                for sku in (blue, "TEAPOT-01", "CUP")
            ],
            "lines_left_out": n,
        }
        for n, blue in enumerate((BLUE, RED))
    ]
    answer = {"as_of": "2031-11-28T18:01:00.000000Z", "holds": holds}
    sheet = holds_sheet(Holds.model_validate_json(json.dumps(answer)), None)
    narrow = re.findall(r"3  (1 ENAMEL.*)$", drawn(monkeypatch, 90, sheet), re.MULTILINE)
    assert narrow == [f"1 {BLUE} and 2 more", f"1 {RED} and 3 more"]
    wide = re.findall(r"3  (1 ENAMEL.*)$", drawn(monkeypatch, 120, sheet), re.MULTILINE)
    assert wide == [f"1 {BLUE}, 1 TEAPOT-01, 1 CUP", f"1 {RED}, 1 TEAPOT-01, 1 CUP and 1 more"]
