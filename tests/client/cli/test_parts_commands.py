"""``holdfast fulfil`` and ``holdfast release``: parts leave, or come back; and ``--version``."""

from __future__ import annotations

import pytest

from holdfast_client import FakeReservationClient, __version__
from tests.client.cli.conftest import Terminal


@pytest.fixture
def committed(holdfast: Terminal) -> str:
    """A checkout that is paid and still on the shelf."""
    holdfast("reserve", "cart-1", "MUG-01=4", "CUP-09=2")
    paid = holdfast("confirm", "cart-1", "pay-1", "--settle", "commit")
    assert (paid.code, paid.facts["status"]) == (0, "committed")
    return "cart-1"


def test_goods_leave_in_shipments_and_the_last_one_ends_it(
    holdfast: Terminal, shop: FakeReservationClient, committed: str
) -> None:
    first = ("fulfil", committed, "MUG-01=3", "--shipment-id", "s-1", "--actor", "sam")
    for shipped in (holdfast(*first), holdfast(*first)):
        assert (shipped.code, shipped.facts["status"]) == (0, "committed")
        assert shipped.rows("line") == [["CUP-09", "main", "2"], ["MUG-01", "main", "1"]]
    assert shop.stock("MUG-01") == (7, 1, 6)
    last = holdfast("fulfil", committed, "--shipment-id", "s-2")
    assert (last.code, last.facts["status"]) == (0, "fulfilled")
    shipments = holdfast("status", committed).rows("shipment")
    assert [(id, units) for id, _, units in shipments] == [("s-1", "3"), ("s-2", "3")]
    told = holdfast("timeline", committed).rows("event")
    assert [row[-2:] for row in told if row[1] == "shipped"] == [["3", "s-1"], ["3", "s-2"]]


def test_the_rest_of_a_shipment_is_given_back_where_it_is_said(
    holdfast: Terminal, shop: FakeReservationClient, committed: str
) -> None:
    shipped = holdfast("fulfil", committed, "MUG-01=4", "--shipment-id", "s-1", "--rest", "release")
    assert (shipped.code, shipped.facts["status"]) == (0, "fulfilled")
    assert shipped.rows("line") == [["MUG-01", "main", "4"]]
    assert shipped.rows("released") == [["CUP-09", "main", "2"]]
    assert shop.stock("CUP-09") == (3, 0, 3)


def test_a_part_of_a_hold_is_given_back_once_for_its_id_and_all_of_it_ends_it(
    holdfast: Terminal, shop: FakeReservationClient
) -> None:
    holdfast("reserve", "cart-1", "MUG-01=4")
    less = ("release", "cart-1", "MUG-01=1", "--reason", "one less", "--release-id", "r-1")
    for given_back in (holdfast(*less), holdfast(*less)):
        assert (given_back.code, given_back.facts["status"]) == (0, "held")
        assert given_back.rows("line") == [["MUG-01", "main", "3"]]
    ended = holdfast("release", "cart-1", "MUG-01=3")
    assert (ended.code, ended.facts["status"]) == (0, "cancelled")
    assert shop.stock("MUG-01") == (10, 0, 10)


@pytest.mark.parametrize("word", ["MUG-01@attic=2", "MUG-01=2@attic"])
def test_the_location_stands_before_or_behind_the_quantity(
    holdfast: Terminal, shop: FakeReservationClient, word: str
) -> None:
    shop.set_stock("MUG-01", 5, "attic")
    assert holdfast("reserve", "cart-1", word).rows("line") == [["MUG-01", "attic", "2"]]
    assert holdfast("release", "cart-1", word).facts["status"] == "cancelled"


def test_behind_a_location_after_the_quantity_all_is_the_sku(
    holdfast: Terminal, shop: FakeReservationClient
) -> None:
    shop.set_stock("MUG@02", 5)
    assert holdfast("reserve", "cart-1", "MUG@02=1@main").rows("line") == [["MUG@02", "main", "1"]]


@pytest.mark.parametrize(
    ("words", "kind", "code"),
    [
        (("fulfil", "cart-1", "MUG-01=5", "--shipment-id", "s-2"), "OverOpen", 1),
        (("fulfil", "cart-1", "MUG-01=2", "--shipment-id", "s-1"), "OperationConflict", 1),
        (("fulfil", "held", "--shipment-id", "s-1"), "HoldNotActive", 1),
        (("fulfil", "never", "--shipment-id", "s-1"), "CheckoutNotFound", 1),
        (("fulfil", "cart-1", "--shipment-id", ""), "InvalidRequest", 2),
        (("fulfil", "cart-1"), "UsageError", 2),
        (("fulfil", "cart-1", "--shipment-id", "s-2", "--rest", "burn"), "UsageError", 2),
        (("fulfil", "cart-1", "MUG-01=1@", "--shipment-id", "s-2"), "InvalidRequest", 2),
        (("release", "cart-1", "NO-SUCH=1"), "OverOpen", 1),
        (("release", "cart-1"), "UsageError", 2),
        (("release", "cart-1", "MUG-01=0"), "InvalidRequest", 2),
        (("confirm", "held", "pay-2", "--settle", "later"), "UsageError", 2),
    ],
)
def test_what_is_refused_is_named_and_changes_nothing(  # noqa: PLR0917 fixtures
    holdfast: Terminal,
    shop: FakeReservationClient,
    committed: str,
    words: tuple[str, ...],
    kind: str,
    code: int,
) -> None:
    holdfast("reserve", "held", "CUP-09=1")
    holdfast("fulfil", committed, "MUG-01=1", "--shipment-id", "s-1")
    refused = holdfast(*words, "--json")
    assert (refused.code, refused.document["error"]["type"]) == (code, kind)
    assert refused.err.count("\n") == 1
    assert (shop.stock("MUG-01"), shop.stock("CUP-09")) == ((9, 3, 6), (3, 3, 0))


def test_a_lost_answer_says_how_to_ask_again(
    holdfast: Terminal, shop: FakeReservationClient, committed: str
) -> None:
    shop.lose_answers()
    lost = holdfast("fulfil", committed, "--shipment-id", "s-1")
    assert lost.code == 3
    assert "ask again with the same shipment id" in lost.err


def test_the_version_is_told(holdfast: Terminal) -> None:
    told = holdfast("--version")
    assert (told.code, told.out, told.err) == (0, f"holdfast {__version__}\n", "")
