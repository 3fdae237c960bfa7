"""What the demo shows in a terminal of any width: no SKU is cut, and no word is broken."""

from __future__ import annotations

import io
import re
import sys
from dataclasses import replace

import pytest
from rich.console import Console

from activities.inventory.records import Availability
from holdfast_client.cli.orders.reading import Order
from holdfast_client.cli.replay.plan import Intent
from holdfast_client.cli.replay.report import CheckoutStep, Step, Tally
from worker.demo.board import Board
from worker.demo.report import Verdict, print_report

# As long as the product ids of Olist; the longest that stock can have is 100.
LONG = "1e9e8ef04dbcff4541ed26657ea517e5"
LONGEST = "SKU-" + "0123456789" * 9 + "-WHITE"
WIDTHS = (60, 80, 100)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def item(sku: str) -> Availability:
    return Availability(sku, "main", "", True, total=1_200, reserved=345, available=855)


def frame(width: int, *skus: str) -> list[str]:
    """Return the lines of the board's last frame."""
    screen = Terminal()
    # A terminal that cannot move its cursor is shown the last frame only.
    console = Console(file=screen, width=width, force_terminal=True, color_system=None)
    order = Order("cart-1", ((skus[0], 1),), "a customer with a name of several words")
    with Board(console, 1_234) as board:
        board.see([item(sku) for sku in skus])
        step = CheckoutStep(order, f"demo/{LONG}", Intent.ABANDON, Step.ABANDONED)
        board.hear(step)
        board.hear(replace(step, order=replace(order, customer_id=None)))
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.getvalue())
    assert shown.count("Stock, as the database") > 0
    last = shown[shown.rindex("Stock, as the database") :]
    return [line.rstrip() for line in last.splitlines()]


@pytest.mark.parametrize("width", WIDTHS)
def test_a_narrow_board_has_whole_skus_and_no_broken_words(width: int) -> None:
    skus = ("MUG-01", LONG)
    lines = frame(width, *skus)
    assert max(map(len, lines)) <= width
    words = set(" ".join(lines).split())
    assert words >= {*skus, "available", "855"}
    assert words <= set(" ".join(frame(300, *skus)).split())


@pytest.mark.parametrize("width", WIDTHS[:2])
def test_a_sku_that_is_wider_than_the_terminal_is_shown_to_its_end(width: int) -> None:
    lines = frame(width, "MUG-01", LONGEST)
    assert LONGEST in "".join(lines)
    assert "available 855" in " ".join(" ".join(lines).split())


@pytest.mark.parametrize("width", [30, 60, 80])
def test_the_report_has_a_line_for_each_outcome_in_a_terminal_of_any_width(
    monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    for name, value in {"COLUMNS": str(width), "TERM": "xterm", "NO_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    tally = Tally()
    tally.steps[Step.HELD] = 1_200
    report = tally.report(prefix="demo", orders=1_234, duration_seconds=1, expiry_wait_seconds=0)
    print_report(Console(width=width), report, [item("MUG-01")], Verdict((), (), 0))
    shown = re.sub(r"\x1b\[[0-9;]*m", "", terminal.getvalue())
    assert re.search(r"^held at first +1,200$", shown, re.MULTILINE)
    assert "I6 holds" in shown
    assert "┃" not in shown
