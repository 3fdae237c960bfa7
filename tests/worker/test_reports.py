"""What operators ask of the past: a stock item's history, and what was denied."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from activities.inventory.ledger import Ledger
from activities.inventory.records import Closing, StockRow
from holdfast_client.contract.messages import CheckoutRequest, Line, StockAdjustment
from holdfast_client.terminal.layout import fit
from holdfast_client.terminal.sheet import Column, Table
from tests.worker.conftest import Operator
from worker.reports import _DENIED_COLUMNS, _MOVEMENT_COLUMNS


def _reserve(ledger: Ledger, checkout_id: str, lines: Mapping[str, int], customer: str) -> None:
    request = CheckoutRequest(
        checkout_id=checkout_id,
        lines=tuple(Line(sku=sku, quantity=quantity) for sku, quantity in lines.items()),
        customer_id=customer,
    )
    ledger.reserve([request])


@pytest.fixture
def sold(ledger: Ledger) -> Ledger:
    """Ten mugs of which two are sold, and two checkouts denied."""
    ledger.adjust(
        StockAdjustment(adjustment_id="d1", sku="MUG", kind="receive", quantity=10, actor="ware")
    )
    ledger.load_stock([StockRow("CUP", "main", 1), StockRow("CUP", "depot", 2)])
    _reserve(ledger, "c1", {"MUG": 2}, "u-1")
    ledger.close([Closing("c1", "fulfilled", payment_reference="pay_1")])
    _reserve(ledger, "c2", {"MUG": 9, "HAT": 1}, "u-2")
    _reserve(ledger, "c3", {"MUG": 20}, "u-2")
    return ledger


@pytest.fixture
def day(sold: Ledger) -> str:
    """The day of it: a run of all tests may go on past midnight."""
    return f"{datetime.now(UTC):%Y-%m-%d}"


def _rows(out: str, name: str) -> list[list[str]]:
    cells = [line.split("\t") for line in out.splitlines()]
    return [row[1:] for row in cells if row[0] == name]


# --- what a narrow terminal shows ----------------------------------------------------------------


def _shown(columns: Sequence[Column | str], longest: Sequence[str]) -> set[str]:
    """Return the columns that 80 characters have room for."""
    laid = Table("", tuple(columns), ()).laid_columns
    widths = [max(len(column.name), len(cell)) for column, cell in zip(laid, longest, strict=True)]
    return {laid[place].name for place in fit(laid, widths, widths, 80).places}


def test_of_a_movement_a_narrow_terminal_shows_when_and_by_whom() -> None:
    source = "8b1f4c1e-6a0e-4f64-9a8e-0f6f2d1c7b11"
    longest = ("2026-01-31T09:00:00Z", "deactivate", "12", "12", "12", "12", source, "", "")
    assert _shown(_MOVEMENT_COLUMNS, longest) == {"at", "kind", "units", "source"}
    assert "available" in _shown(_MOVEMENT_COLUMNS, (*longest[:6], source[:25], "", ""))


def test_of_what_was_denied_a_narrow_terminal_shows_the_figures_that_decide() -> None:
    day, reason, few = "2026-01-31", "insufficient", ("12",) * 5
    told = {"day", "sku", "reason", "largest_request", "least_available"}
    assert _shown(_DENIED_COLUMNS, (day, "MUG-01", "main", reason, *few)) == {*told, "location"}
    assert _shown(_DENIED_COLUMNS, (day, "x" * 20, "main", reason, *few)) >= told


# --- history -------------------------------------------------------------------------------------


def test_a_history_has_each_movement_with_the_figures_after_it(operator: Operator, sold: Ledger):
    result = operator.run("history", "MUG")
    assert (result.returncode, result.stderr) == (0, "")
    assert "available\t8\n" in result.stdout
    assert [row[1:] for row in _rows(result.stdout, "movement")] == [
        ["receive", "10", "10", "0", "10", "d1", "ware", ""],
        ["reserve", "2", "10", "2", "8", "c1", "", ""],
        ["fulfil", "-2", "8", "0", "8", "c1", "", ""],
    ]


def test_a_history_as_a_document_goes_on_page_by_page(operator: Operator, day: str):
    last = json.loads(operator.run("history", "MUG", "--limit", "1", "--json").stdout)
    words = ("--before", str(last["before"]), "--since", day, "--json")
    rest = json.loads(operator.run("history", "MUG", *words).stdout)
    kinds = [move["kind"] for move in (*rest["movements"], *last["movements"])]
    assert kinds == ["receive", "reserve", "fulfil"]
    assert (rest["before"], rest["total"], rest["available"]) == (None, 8, 8)
    assert rest["movements"][-1]["reserved"] == 2


def test_a_history_with_earlier_movements_says_how_to_go_on(operator: Operator, sold: Ledger):
    result = operator.run("history", "MUG", "--limit", "1")
    assert "go on with --before " in result.stderr
    assert len(_rows(result.stdout, "movement")) == 1


def test_a_history_tells_what_was_available_at_a_moment(operator: Operator, sold: Ledger):
    before = operator.run("history", "MUG", "--at", "2020-02-03", "--until", "2020-02-03")
    assert "\nat\t2020-02-03T00:00:00Z\ntotal_at\t0\n" in before.stdout
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
    after = json.loads(operator.run("history", "MUG", "--at", now, "--json").stdout)["at"]
    assert (after["at"][:19], after["available"]) == (now[:19], 8)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("HAT",), 1, "there is no stock item 'HAT'"),
        (("CUP",), 1, "'CUP' is at several locations; say --location with one of: depot, main"),
        (("MUG", "--location", "x"), 1, "there is no 'MUG' at x; say --location with one of: main"),
        (("MUG", "--since", "yesterday"), 2, "--since: 'yesterday' is not a time; such as"),
        (("MUG", "--at", "2026-01-31T09:00:00"), 2, "does not say where it is so late"),
        (("MUG", "--at", "9000-01-01"), 2, "--at: is later than the database's clock"),
        (("MUG", "--until", "2026-02-30"), 2, "--until: '2026-02-30' is not a time"),
        (("MUG", "--limit", "0"), 2, "--limit"),
    ],
)
def test_a_history_that_cannot_be_told_says_why(
    operator: Operator, sold: Ledger, words: tuple[str, ...], code: int, said: str
):
    result = operator.run("history", *words)
    assert (result.returncode, result.stdout) == (code, "")
    assert said in result.stderr


def test_a_history_of_one_location_of_several(operator: Operator, sold: Ledger):
    result = operator.run("history", "CUP", "--location", "depot")
    assert "location\tdepot\n" in result.stdout
    assert "available\t2\n" in result.stdout


# --- denied --------------------------------------------------------------------------------------


def test_denied_demand_is_told_alike_in_every_form(operator: Operator, day: str):
    told: list[list[Any]] = [
        [day, "MUG", "main", "insufficient", 2, 1, 29, 20, 8],
        [day, "HAT", "main", "unknown_sku", 1, 1, 1, 1, 0],
    ]
    plain = operator.run("denied")
    assert (plain.returncode, plain.stderr) == (0, "")
    assert _rows(plain.stdout, "denied") == [[str(cell) for cell in row] for row in told]
    document = json.loads(operator.run("denied", "--json").stdout)
    assert [list(row.values()) for row in document] == told
    headings, *rows = csv.reader(io.StringIO(operator.run("denied", "--csv").stdout))
    assert headings == list(document[0])
    assert rows == [[str(cell) for cell in row] for row in told]


def test_denied_skus_are_no_formulas_to_whoever_opens_the_file(operator: Operator, ledger: Ledger):
    """Anybody may ask for anything, and a denial keeps it."""
    skus = {"=1+1": "'=1+1", "x;=1+1;": "x;'=1+1;", "@SUM(A1)": "'@SUM(A1)"}
    _reserve(ledger, "c1", dict.fromkeys(skus, 1), "u-1")
    result = operator.run("denied", "--csv")
    assert (result.returncode, result.stderr) == (0, "")
    written = [row["sku"] for row in csv.DictReader(io.StringIO(result.stdout))]
    assert sorted(written) == sorted(skus.values())
    for text in re.split(r"[,;]", result.stdout):
        assert text[:1] not in {"=", "@"}
    told = [row["sku"] for row in json.loads(operator.run("denied", "--json").stdout)]
    assert sorted(told) == sorted(skus)


def test_denied_demand_of_one_sku_and_of_some_days(operator: Operator, day: str):
    hats = operator.run("denied", "--sku", "HAT", "--since", day, "--until", day)
    assert [row[1] for row in _rows(hats.stdout, "denied")] == ["HAT"]
    cut = operator.run("denied", "--limit", "1")
    assert len(_rows(cut.stdout, "denied")) == 1
    assert "only the first 1 rows are shown" in cut.stderr


def test_where_nothing_was_denied_it_says_so(operator: Operator, sold: Ledger):
    result = operator.run("denied", "--since", "2020-02-03", "--until", "2020-02-04")
    assert (result.returncode, result.stdout) == (0, "")
    assert result.stderr == (
        "nothing was denied from 2020-02-03T00:00:00Z to 2020-02-05T00:00:00Z\n"
    )
    assert operator.run("denied", "--sku", "CUP", "--json").stdout == "[]\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--since", "2026-1"), "--since: '2026-1' is not a day; such as 2026-01-31"),
        (("--since", "2026-02-02", "--until", "2026-02-01"), "is later than --until, 2026-02-01"),
        (("--until", "9999-12-31"), "--until: is too late"),
        (("--csv", "--json"), "--csv: cannot be had together with --json"),
    ],
)
def test_a_wrong_question_about_denials_is_exit_code_2(
    operator: Operator, words: tuple[str, ...], said: str
):
    result = operator.run("denied", *words)
    assert result.returncode == 2
    assert said in result.stderr
