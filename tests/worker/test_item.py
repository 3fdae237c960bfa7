"""Taking a stock item out of sale at the command line, and putting it back."""

from __future__ import annotations

import json

import pytest

from activities.inventory.ledger import Ledger
from activities.inventory.records import StockRow
from holdfast_client.contract.messages import CheckoutRequest, Line
from tests.worker.conftest import Operator


@pytest.fixture
def stocked(ledger: Ledger) -> Ledger:
    """Ten mugs of which two are held, and cups at two places."""
    ledger.load_stock(
        [StockRow("MUG", "main", 10), StockRow("CUP", "main", 1), StockRow("CUP", "depot", 2)]
    )
    ledger.reserve([_checkout("c1", quantity=2)])
    return ledger


def _checkout(checkout_id: str, quantity: int) -> CheckoutRequest:
    return CheckoutRequest(checkout_id=checkout_id, lines=(Line(sku="MUG", quantity=quantity),))


def _is_held(ledger: Ledger, checkout_id: str) -> bool:
    ledger.reserve([_checkout(checkout_id, quantity=1)])
    return ledger.reservations([checkout_id])[checkout_id].outcome.status == "held"


def test_an_item_goes_out_of_sale_and_back_with_its_holds_and_its_history(
    operator: Operator, stocked: Ledger
):
    out = operator.run("item", "set", "MUG", "--inactive", "--reason", "recall", "--actor", "ann")
    assert (out.returncode, out.stderr) == (0, "")
    assert "reserved\t2\n" in out.stdout
    assert "for_sale\tno\n" in out.stdout
    assert not _is_held(stocked, "c2")
    assert stocked.reservations(["c1"])["c1"].outcome.status == "held"
    back = json.loads(operator.run("item", "set", "MUG", "--active", "--json").stdout)
    assert (back["active"], back["total"]) == (True, 10)
    assert _is_held(stocked, "c3")
    told = operator.run("history", "MUG").stdout
    assert "deactivate" in told
    assert "ann\trecall" in told


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("HAT", "--inactive"), 1, "there is no stock item 'HAT'"),
        (("MUG", "--location", "attic", "--inactive"), 1, "no 'MUG' at attic; say --location"),
        (("CUP", "--inactive"), 1, "say --location with one of: depot, main"),
        (("MUG",), 2, "nothing to set; say --active or --inactive"),
        (("MUG", "--location", " ", "--active"), 2, "'--location': begins or ends with a space"),
    ],
)
def test_what_cannot_be_set_says_why(
    operator: Operator, stocked: Ledger, words: tuple[str, ...], code: int, said: str
):
    result = operator.run("item", "set", *words)
    assert (result.returncode, result.stdout) == (code, "")
    assert said in result.stderr


def test_one_place_of_several_goes_out_of_sale(operator: Operator, stocked: Ledger):
    assert operator.run("item", "set", "CUP", "--location", "depot", "--inactive").returncode == 0
    by_place = {item.location: item.active for item in stocked.availability(["CUP"])}
    assert by_place == {"main": True, "depot": False}
