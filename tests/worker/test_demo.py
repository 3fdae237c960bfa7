"""The demo without a terminal: plain lines, proof, and an exit code that means it."""

from __future__ import annotations

from pathlib import Path

import pytest

from activities.inventory.ledger import LOAD_ROWS_MAX, Ledger
from activities.inventory.ledger_operations import BATCH_SIZE_MAX
from activities.inventory.records import Breach, Closing, StockRow
from holdfast_client.cli.replay.report import Step
from holdfast_client.contract.messages import CheckoutRequest, Line
from tests.worker.conftest import Operator
from worker.demo.demonstration import _FILE_SHOPPERS, Show, _disagreements, _stock_up
from worker.demo.report import Verdict


def test_the_demo_shows_every_kind_of_end_and_proves_the_invariants(operator: Operator):
    result = operator.run("demo")
    assert result.returncode == 0, result.stdout + result.stderr
    for words in ("has paid: fulfilled", "cancels:", "walks away", "the hold is over", "is denied"):
        assert words in result.stdout
    for invariant in ("I1", "I2", "I3", "I4", "I5", "I6"):
        assert f"{invariant} holds" in result.stdout
    # The servers are gone by then: a link would lead nowhere.
    assert "Timelines in the Web UI" not in result.stdout
    assert "\x1b" not in result.stdout


def test_the_demo_replays_an_order_file_and_counts_what_it_skips(
    operator: Operator, tmp_path: Path
):
    orders = tmp_path / "orders.csv"
    lines = [f"{100 + n},SKU-{n % 3},Thing,{n % 4 + 1},7" for n in range(30)]
    # More SKUs than one look at the ledger takes, three pages of them.
    lines += [f"{200 + n // 200},WIDE-{n},Thing,2,8" for n in range(2 * BATCH_SIZE_MAX + 1)]
    lines += ["C900,SKU-1,Thing,-1,7", "901,POST,Postage,1,7"]
    orders.write_text("InvoiceNo,StockCode,Description,Quantity,CustomerID\n" + "\n".join(lines))
    result = operator.run("demo", "--orders", str(orders))
    assert result.returncode == 0, result.stdout + result.stderr
    assert "36 orders; 2 rows are skipped" in result.stdout
    for kind in ("cancellation", "service_code"):
        assert result.stdout.count(f"  {kind}: 1 row, the first on line ") == 1
    assert "Stock of 1,004 SKUs is loaded; 36 shoppers come" in result.stdout
    assert "stock now: 0 total" not in result.stdout
    assert "Traceback" not in result.stderr


def test_more_skus_are_stocked_than_one_load_takes(ledger: Ledger):
    stock = tuple(StockRow(f"SKU-{n}", "main", 1) for n in range(LOAD_ROWS_MAX + 1))
    said = _stock_up(ledger, Show(stock, (), _FILE_SHOPPERS))
    assert said == "Stock of 10,001 SKUs is loaded; 0 shoppers come"
    assert [item.total for item in ledger.availability([stock[0].sku, stock[-1].sku])] == [1, 1]


def test_an_order_file_without_orders_is_one_clear_line_and_starts_no_server(
    operator: Operator, tmp_path: Path
):
    orders = tmp_path / "orders.csv"
    orders.write_text("order,sku,quantity\n1,MUG-01,-1\n")
    result = operator.run("demo", "--orders", str(orders))
    assert (result.returncode, result.stdout) == (4, "")
    assert "orders.csv: there are no orders in it: 1 row, and none is" in result.stderr
    assert "Traceback" not in result.stderr


def test_an_order_file_that_is_not_there_is_one_clear_line(operator: Operator):
    result = operator.run("demo", "--orders", "nowhere.csv")
    assert result.returncode == 2
    assert "nowhere.csv cannot be read" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    "verdict",
    [
        Verdict((Breach("I2", "MUG-01 at main", "reserved 1, open holds 0"),), (), 0),
        Verdict((), ("demo/1 was told fulfilled, the database has expired",), 0),
        Verdict((), (), 1),
    ],
)
def test_a_breach_a_disagreement_or_an_open_hold_fails_the_demo(verdict: Verdict):
    assert not verdict.holds


def test_an_answer_that_the_database_does_not_confirm_is_found(ledger: Ledger):
    ledger.load_stock([StockRow("MUG-01", "main", 2)])
    ledger.reserve([CheckoutRequest(checkout_id="c1", lines=(Line(sku="MUG-01", quantity=1),))])
    ledger.close([Closing("c1", "cancelled")])
    assert _disagreements(ledger, {"c1": Step.CANCELLED}) == ()
    assert _disagreements(ledger, {"c1": Step.FULFILLED, "c2": Step.HELD}) == (
        "c1 was told fulfilled, the database has cancelled",
        "c2 was told held, the database has nothing",
    )


def test_all_answers_are_compared_also_where_they_are_more_than_one_page(ledger: Ledger):
    told = {f"c{number}": Step.DENIED for number in range(BATCH_SIZE_MAX + 1)}
    assert len(_disagreements(ledger, told)) == BATCH_SIZE_MAX + 1
