"""``holdfast amend``, and ``holdfast reserve --supersedes``."""

from __future__ import annotations

import pytest

from holdfast_client import FakeReservationClient
from tests.client.cli.conftest import Terminal


def test_other_lines_take_the_place_of_the_old_ones_once_for_their_id(
    holdfast: Terminal, shop: FakeReservationClient
) -> None:
    holdfast("reserve", "cart-1", "MUG-01=4")
    change = ("amend", "cart-1", "MUG-01=1", "CUP-09=2", "--revision", "1", "--amendment-id", "a-1")
    for amended in (holdfast(*change), holdfast(*change)):
        assert (amended.code, amended.facts["status"]) == (0, "held")
        assert amended.rows("line") == [["CUP-09", "main", "2"], ["MUG-01", "main", "1"]]
    assert shop.stock("MUG-01") == (10, 1, 9)


@pytest.mark.parametrize(
    ("words", "kind", "code"),
    [
        (("MUG-01=99",), "AmendmentRefused", 1),
        (("MUG-01=1", "--revision", "7"), "RevisionConflict", 1),
        (("MUG-01=0",), "InvalidRequest", 2),
        (("MUG-01=1", "--revision", "0"), "UsageError", 2),
        ((), "UsageError", 2),
    ],
)
def test_a_refusal_is_told_by_its_kind(
    holdfast: Terminal, words: tuple[str, ...], kind: str, code: int
) -> None:
    holdfast("reserve", "cart-1", "MUG-01=4")
    refused = holdfast("amend", "cart-1", *words, "--json")
    assert (refused.code, refused.document["error"]["type"]) == (code, kind)


def test_a_checkout_takes_over_the_units_of_another(
    holdfast: Terminal, shop: FakeReservationClient
) -> None:
    holdfast("reserve", "cart-1", "MUG-01=10", "--customer", "u-1")
    new = holdfast("reserve", "cart-2", "MUG-01=10", "--customer", "u-1", "--supersedes", "cart-1")
    assert (new.code, new.facts["status"]) == (0, "held")
    assert holdfast("status", "cart-1").facts["status"] == "cancelled"
    assert shop.stock("MUG-01") == (10, 10, 0)
