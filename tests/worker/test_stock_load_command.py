"""`stock load` as an operator types it: what it does, what it refuses, and what it says."""

from __future__ import annotations

import json
import os
import re
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from activities.inventory.ledger import LOAD_ROWS_MAX, Ledger
from activities.inventory.records import Closing
from holdfast_client.contract.messages import CheckoutRequest, Line
from tests.inventory.crowd import until
from tests.worker.conftest import Operator
from worker.stock_load import BATCH_ROWS

IN_2096 = 4_000_000_000


@pytest.fixture
def stock_file(tmp_path: Path) -> Path:
    file = tmp_path / "stock.csv"
    file.write_text("SKU;Quantity;Colour\nMUG-01;30;blue\nTEAPOT;2;\n;;\n")
    return file


@pytest.fixture
def loaded_file(operator: Operator, stock_file: Path) -> Path:
    result = operator.run("stock", "load", str(stock_file))
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == (
        "2 rows: 2 new, 0 changed, 0 as they were\nnew: MUG-01 at main, TEAPOT at main\n"
    )
    return stock_file


def _sell(ledger: Ledger, sku: str, quantity: int) -> None:
    line = Line(sku=sku, quantity=quantity)
    ledger.reserve([CheckoutRequest(checkout_id="c1", lines=(line,))])
    ledger.close([Closing("c1", "fulfilled", payment_reference="paid")])


def _totals(ledger: Ledger) -> dict[str, int]:
    return {item.sku: item.total for item in ledger.availability(["MUG-01", "TEAPOT"])}


def test_a_file_that_was_counted_before_sales_is_refused_and_names_them(
    operator: Operator, ledger: Ledger, loaded_file: Path
):
    _sell(ledger, "MUG-01", 3)
    result = operator.run("stock", "load", str(loaded_file))
    assert result.returncode == 1
    first, named, remedy, last = result.stderr.splitlines()
    assert first.startswith(f"{loaded_file} was last written at 2")
    assert first.endswith("since then 1 stock item of it moved:")
    assert named == "  MUG-01 at main: 3 sold; total now 27, in the file 30"
    assert "--as-of TIME" in remedy
    assert "--force" in remedy
    assert last == "nothing was loaded"
    assert _totals(ledger) == {"MUG-01": 27, "TEAPOT": 2}


def test_with_the_time_of_the_count_the_sales_since_are_taken_off(
    operator: Operator, ledger: Ledger, loaded_file: Path
):
    counted_at = ledger.clock().isoformat().replace("+00:00", "Z")
    _sell(ledger, "MUG-01", 3)
    loaded_file.write_text("sku,quantity\nMUG-01,20\nTEAPOT,2\n")
    for said in ("1 changed, 1 as they were", "0 changed, 2 as they were"):
        result = operator.run("stock", "load", str(loaded_file), "--as-of", counted_at)
        assert (result.returncode, result.stderr) == (0, "")
        assert result.stdout == f"2 rows: 0 new, {said}\n"
        assert _totals(ledger) == {"MUG-01": 17, "TEAPOT": 2}


def test_by_force_the_totals_are_those_of_the_file(
    operator: Operator, ledger: Ledger, loaded_file: Path
):
    _sell(ledger, "MUG-01", 3)
    assert operator.run("stock", "load", str(loaded_file), "--force").returncode == 0
    assert _totals(ledger) == {"MUG-01": 30, "TEAPOT": 2}


def test_a_file_that_was_written_after_the_sales_is_loaded(
    operator: Operator, ledger: Ledger, loaded_file: Path
):
    _sell(ledger, "MUG-01", 3)
    loaded_file.write_text("sku,quantity\nMUG-01,20\n")
    result = operator.run("stock", "load", str(loaded_file))
    assert result.returncode == 0
    assert _totals(ledger)["MUG-01"] == 20
    # A copy is newer than its count, so what was assumed is told.
    assert re.fullmatch(rf"taken as counted at 2\S+Z, when {loaded_file} was .*\n", result.stderr)


def test_what_is_no_file_wants_the_time_of_its_count(
    operator: Operator, ledger: Ledger, loaded_file: Path, tmp_path: Path
):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    def load(*words: str) -> str:
        with ThreadPoolExecutor() as threads:
            writing = threads.submit(pipe.write_text, "sku,quantity\nMUG-01,20\n")
            result = operator.run("stock", "load", str(pipe), *words)
            writing.result()
        return result.stderr

    assert load().startswith(f"--as-of: is needed: {pipe} is no file")
    assert _totals(ledger)["MUG-01"] == 30
    assert load("--force") == ""
    assert _totals(ledger)["MUG-01"] == 20


def test_a_file_from_the_future_counts_as_written_now(
    operator: Operator, ledger: Ledger, loaded_file: Path
):
    os.utime(loaded_file, (IN_2096, IN_2096))
    assert operator.run("stock", "load", str(loaded_file)).returncode == 0
    assert _totals(ledger)["MUG-01"] == 30


def test_a_dry_run_shows_old_and_new_and_loads_nothing(
    operator: Operator, ledger: Ledger, loaded_file: Path
):
    loaded_file.write_text("sku,quantity\nMUG-01,20\nTEAPOT,2\nHAT,4\n")
    result = operator.run("stock", "load", str(loaded_file), "--dry-run")
    assert result.returncode == 0
    assert result.stderr.startswith("taken as counted at 2")
    assert result.stderr.endswith("\nnew: HAT at main\n")
    assert result.stdout == "change\tMUG-01\tmain\t30\t20\t0\t0\nchange\tHAT\tmain\t\t4\t0\t0\n"
    assert _totals(ledger) == {"MUG-01": 30, "TEAPOT": 2}


def test_a_dry_run_refuses_what_the_load_would(
    operator: Operator, ledger: Ledger, loaded_file: Path
):
    _sell(ledger, "MUG-01", 3)
    results = [operator.run("stock", "load", str(loaded_file), *w) for w in ([], ["--dry-run"])]
    assert [result.returncode for result in results] == [1, 1]
    assert results[0].stderr == results[1].stderr


def test_with_json_there_is_one_document_whatever_comes_of_it(
    operator: Operator, ledger: Ledger, loaded_file: Path
):
    loaded_file.write_text("sku,quantity\nMUG-01,20\nTEAPOT,2\n")

    def told(*words: str) -> Any:
        return json.loads(operator.run("stock", "load", str(loaded_file), "--json", *words).stdout)

    change = {"sku": "MUG-01", "location": "main", "old": 30, "new": 20}
    assert told("--dry-run") == [{**change, "reserved": 0, "sold_since": 0}]
    counts = {"rows": 2, "created": 0, "changed": 1, "unchanged": 1}
    found = told()
    assert found.pop("counted_at").startswith("2")
    assert found == {**counts, "left_out": [], "new": []}
    _sell(ledger, "MUG-01", 3)
    assert told()["error"]["type"] == "StockFileInvalid"


def test_a_total_that_sales_since_would_bring_below_zero_is_refused(
    operator: Operator, ledger: Ledger, loaded_file: Path
):
    counted_at = ledger.clock().isoformat()
    _sell(ledger, "MUG-01", 9)
    loaded_file.write_text("sku,quantity\nTEAPOT,1\nMUG-01,4\n")
    words = ("stock", "load", str(loaded_file), "--as-of", counted_at.replace("+00:00", "Z"))
    result = operator.run(*words)
    assert result.returncode == 1
    assert result.stderr == (
        "line 3: MUG-01 at main: -5 is below the 0 reserved\nnothing was loaded\n"
    )
    assert _totals(ledger) == {"MUG-01": 21, "TEAPOT": 2}


def test_what_is_held_is_named_with_how_to_find_out_by_whom(
    operator: Operator, ledger: Ledger, loaded_file: Path
):
    line = Line(sku="MUG-01", quantity=9)
    ledger.reserve([CheckoutRequest(checkout_id="c1", lines=(line,))])
    loaded_file.write_text("sku,quantity\nTEAPOT,1\nMUG-01,4\n")
    for words in ([], ["--all-or-nothing"], ["--dry-run"]):
        result = operator.run("stock", "load", str(loaded_file), "--force", *words)
        assert result.returncode == 1
        assert result.stderr.splitlines() == [
            "line 3: MUG-01 at main: 4 is below the 9 reserved",
            "holdfast holds --sku SKU lists who holds it",
            "nothing was loaded",
        ]


def test_new_items_are_named_for_a_mistyped_sku_is_one(operator: Operator, loaded_file: Path):
    skus = [f"HAT-{number}" for number in range(7)]
    loaded_file.write_text("sku,quantity\nMUG-01,31\n" + "".join(f"{sku},1\n" for sku in skus))
    words = ("stock", "load", str(loaded_file), "--force")
    named = "new: " + ", ".join(f"{sku} at main" for sku in skus[:5]) + " and 2 more"
    assert operator.run(*words, "--dry-run").stderr == f"{named}\n"
    told = operator.run(*words).stdout
    assert told == f"8 rows: 7 new, 1 changed, 0 as they were\n{named}\n"
    assert operator.run(*words).stdout == "8 rows: 0 new, 0 changed, 8 as they were\n"
    loaded_file.write_text("sku,quantity\n" + "".join(f"X{sku},1\n" for sku in skus))
    found = json.loads(operator.run(*words, "--json").stdout)
    assert found["new"] == [{"sku": f"X{sku}", "location": "main"} for sku in skus]


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--as-of", "2999-01-01T00:00:00Z"], "--as-of: is later than the database's clock"),
        (["--as-of", "yesterday"], "--as-of: 'yesterday'"),
        (["--as-of", "2026-01-01", "--force"], "--force: cannot be had together with --as-of"),
    ],
)
def test_a_time_that_cannot_be_meant_is_wrong_usage(
    operator: Operator, stock_file: Path, words: list[str], problem: str
):
    result = operator.run("stock", "load", str(stock_file), *words)
    assert result.returncode == 2
    assert result.stderr.startswith(problem)


def test_all_or_nothing_sets_as_many_as_one_moment_has(operator: Operator, tmp_path: Path):
    file = tmp_path / "large.csv"
    rows = [f"SKU-{number},1\n" for number in range(LOAD_ROWS_MAX)]
    file.write_text("".join(["sku,quantity\n", *rows, "ONE-MORE,1\n"]))
    words = ("stock", "load", str(file), "--all-or-nothing")
    refused = operator.run(*words)
    assert refused.returncode == 1
    assert refused.stderr.startswith("10,001 rows differ, and one moment has 10,000 at most")
    assert operator.run("stock", "show").stdout == ""
    file.write_text("".join(["sku,quantity\n", *rows]))
    told = operator.run(*words).stdout
    assert told.startswith("10,000 rows: 10,000 new, 0 changed, 0 as they were\n")


def test_an_interrupted_load_says_how_to_go_on_and_then_does(
    operator: Operator, ledger: Ledger, tmp_path: Path
):
    file = tmp_path / "large.csv"
    rows = 20_000
    file.write_text("sku,quantity\n" + "".join(f"SKU-{number},1\n" for number in range(rows)))
    loading = operator.start("stock", "load", str(file))

    def is_under_way() -> bool:
        assert loading.poll() is None
        return bool(ledger.availability([f"SKU-{BATCH_ROWS}"]))

    # By the second batch, so that the first is counted. A command that looked would itself take
    # as long to start as the rest of the load may take.
    until(is_under_way)
    loading.send_signal(signal.SIGINT)
    out, told = loading.communicate()
    assert (loading.returncode, out) == (130, "")
    stopped = re.search(r"stopped: ([0-9,]+) of 20,000 rows that differ are set", told)
    again = re.search(r"go on: python -m worker (.+) (--as-of) (\S+Z)\n", told)
    assert stopped
    assert again
    done = int(stopped[1].replace(",", ""))
    assert 0 < done < rows
    assert again[1] == f"stock load {file}"
    rest = operator.run("stock", "load", str(file), again[2], again[3])
    assert re.match(r"20,000 rows: [0-9,]+ new, 0 changed, [0-9,]+ as they were\n", rest.stdout)
    assert operator.run("audit").returncode == 0
