"""``holdfast refunds``: what is due back, and that it has gone back, told once and again."""

from __future__ import annotations

import pytest

from holdfast_client.fake.client import FakeReservationClient
from tests.client.cli.conftest import Terminal


@pytest.fixture
def due(holdfast: Terminal, shop: FakeReservationClient) -> Terminal:
    """A shop in which two payments came too late."""
    for number in (1, 2):
        holdfast("reserve", f"cart-{number}", "MUG-01=1", "--hold", "60")
        shop.advance(61)
        assert holdfast("confirm", f"cart-{number}", f"pay-{number}").code == 1
    return holdfast


def test_what_is_due_back_is_listed_the_oldest_first(due: Terminal) -> None:
    found = due("refunds", "list")
    assert found.code == 0
    assert [row[1:4] for row in found.rows("refund")] == [
        ["pay-1", "expired", "cart-1"],
        ["pay-2", "expired", "cart-2"],
    ]
    first = due("refunds", "list", "--limit", "1")
    assert (len(first.rows("refund")), "only the first 1 of 2" in first.err) == (1, True)


def test_a_refund_is_done_once_and_told_as_done_when_it_is_done_again(
    due: Terminal, shop: FakeReservationClient
) -> None:
    done = due("refunds", "done", "pay-1", "--actor", "sam")
    assert (done.code, done.facts["payment_reference"]) == (0, "pay-1")
    shop.advance(3_600)
    again = due("refunds", "done", "pay-1")
    assert (again.code, again.out) == (1, "")
    told = f"payment pay-1 has gone back already, on {done.facts['at'][:10]} at "
    assert told in again.err
    assert done.facts["at"][11:19] in again.err
    assert [row[1] for row in due("refunds", "list").rows("refund")] == ["pay-2"]


def test_what_is_not_due_back_is_refused_with_where_it_stands(due: Terminal) -> None:
    due("reserve", "cart-3", "MUG-01=1")
    due("confirm", "cart-3", "pay-3")
    for payment, word in (("pay-3", "settled"), ("pay-9", "unknown")):
        refused = due("refunds", "done", payment)
        assert refused.code == 1
        assert f"payment {payment} is not due back: it is {word}" in refused.err
    assert due("refunds", "done", "").code == 2
