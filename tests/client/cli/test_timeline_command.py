"""``holdfast timeline``: the timeline of a checkout, for people and for scripts."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from holdfast_client import FakeReservationClient
from holdfast_client.cli.checkout_sheet import outcome_sheet, report_sheet, timeline_sheet
from holdfast_client.terminal.moments import local_text
from holdfast_client.terminal.screen import Screen
from tests.client.cli.conftest import Terminal


@pytest.fixture
def desk(holdfast: Terminal) -> Terminal:
    """Held, extended on the phone, and paid."""
    holdfast("reserve", "cart-1", "MUG-01=2", "--customer", "u-17")
    holdfast("extend", "cart-1", "600", "--reason", "on the phone", "--actor", "sam")
    holdfast("confirm", "cart-1", "pay_1")
    return holdfast


def test_the_plain_lines_tell_it_in_order(desk: Terminal) -> None:
    ran = desk("timeline", "cart-1")
    assert ran.code == 0
    assert ran.facts["status"] == "fulfilled"
    assert (ran.facts["customer_id"], ran.facts["payment_reference"]) == ("u-17", "pay_1")
    assert ran.rows("line") == [["MUG-01", "main", "2"]]
    events = [[row[1], row[2], *row[4:6]] for row in ran.rows("event")]
    assert events == [
        ["held", "", "", ""],
        ["extended", "600", "sam", "on the phone"],
        ["fulfilled", "", "", ""],
    ]
    movements = [row[1:] for row in ran.rows("movement")]
    assert movements == [["reserve", "MUG-01", "main", "2"], ["fulfil", "MUG-01", "main", "-2"]]


def test_the_document_is_the_clients_answer(desk: Terminal, shop: FakeReservationClient) -> None:
    told = asyncio.run(shop.timeline("cart-1"))
    assert desk("timeline", "cart-1", "--json").document == told.model_dump(mode="json")


def test_an_unknown_checkout_is_refused(holdfast: Terminal) -> None:
    ran = holdfast("timeline", "cart-9", "--json")
    assert ran.code == 1
    assert ran.document["error"]["type"] == "CheckoutNotFound"


@pytest.mark.parametrize(
    ("words", "headline"),
    [
        ((), "cart-1 is held until "),
        (("confirm", "cart-1", "pay_1"), "cart-1 is fulfilled, paid by pay_1."),
        (("cancel", "cart-1"), "cart-1 is cancelled."),
    ],
)
def test_a_person_reads_the_end_first(
    holdfast: Terminal, shop: FakeReservationClient, words: tuple[str, ...], headline: str
) -> None:
    holdfast("reserve", "cart-1", "MUG-01=2")
    if words:
        holdfast(*words)
    assert timeline_sheet(asyncio.run(shop.timeline("cart-1"))).headline.startswith(headline)


def test_a_hold_that_waits_for_a_payment_is_held_until_then(
    shop: FakeReservationClient, holdfast: Terminal
) -> None:
    holdfast("reserve", "cart-1", "MUG-01=2", "--hold", "60")
    asyncio.run(shop.payment_started("cart-1", "pay_1", 600))
    outcome: Any = asyncio.run(shop.reserve("cart-1", [("MUG-01", 2)], hold_seconds=60))
    paying_until = outcome.paying_until
    for sheet in (
        outcome_sheet("cart-1", outcome),
        report_sheet(asyncio.run(shop.status("cart-1"))),
        timeline_sheet(asyncio.run(shop.timeline("cart-1"))),
    ):
        assert dict(sheet.facts)["paying_until"] == paying_until
        assert dict(sheet.facts)["expires_at"] == outcome.expires_at
        assert local_text(paying_until) in sheet.headline or "until" not in sheet.headline


def test_a_hold_past_its_deadline_that_nothing_has_freed_is_told_so(
    shop: FakeReservationClient, holdfast: Terminal
) -> None:
    holdfast("reserve", "cart-1", "MUG-01=2", "--hold", "60")
    past = datetime(2020, 1, 31, 9, tzinfo=UTC)
    passed = f"held: its deadline, {local_text(past)}, has passed; not freed yet."
    outcome: Any = asyncio.run(shop.reserve("cart-1", [("MUG-01", 2)], hold_seconds=60))
    report = asyncio.run(shop.status("cart-1"))
    told = asyncio.run(shop.timeline("cart-1"))
    late = {"expires_at": past}
    for sheet in (
        outcome_sheet("cart-1", outcome.model_copy(update=late)),
        report_sheet(report.model_copy(update=late)),
        timeline_sheet(told.model_copy(update=late)),
    ):
        assert sheet.headline == f"cart-1 is {passed}"
    assert report_sheet(report).headline == f"cart-1 is held until {local_text(outcome.ends_at)}."


def test_what_was_left_out_is_said(shop: FakeReservationClient, holdfast: Terminal) -> None:
    holdfast("reserve", "cart-1", "MUG-01=2")
    told: Any = asyncio.run(shop.timeline("cart-1")).model_copy(update={"events_left_out": 7})
    Screen(as_json=False).show(None, timeline_sheet(told))
    assert "events_left_out\t7\n" in holdfast.capture.readouterr().out
