"""The words in the Web UI: short enough, cut where long, and never markup of a stranger's."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from activities.inventory.records import (
    Closing,
    ClosingStatus,
    Part,
    ReservationState,
)
from holdfast_client.contract.messages import CheckoutRequest, Extension, Line, StockAdjustment
from holdfast_client.contract.outcomes import (
    Cancelled,
    Committed,
    Denied,
    Held,
    HeldLine,
    KnownOutcome,
    Shortage,
)
from tests.inventory.shop import hold_until
from workflows import current_details, ledger_requests, web_ui
from workflows.lifecycle import Checkout
from workflows.policies import LINES_SHOWN_MAX

# What Temporal takes as a summary, in bytes of JSON.
SUMMARY_BYTES_MAX = 400
NOW = datetime(2031, 3, 14, 9, 26, 53, tzinfo=UTC)
FACE = "\N{GRINNING FACE}"


def held(*lines: tuple[str, int]) -> Held:
    return Held(
        expires_at=NOW,
        lines=tuple(HeldLine(sku=sku, location="main", quantity=n) for sku, n in lines),
    )


def plain(details: str) -> str:
    """Return the details without what keeps the columns of the Web UI's tables apart."""
    return details.replace("\N{EM SPACE}", "").replace("  ", " ").replace("  ", " ")


def checkout(line_count: int) -> Checkout:
    lines = tuple(Line(sku=f"SKU-{number:04d}", quantity=1) for number in range(line_count))
    return Checkout(CheckoutRequest(checkout_id="cart-42", lines=lines))


def wanted(*lines: tuple[str, int], customer_id: str | None = None) -> Checkout:
    request = CheckoutRequest(
        checkout_id="cart-42",
        lines=tuple(Line(sku=sku, quantity=n) for sku, n in lines),
        customer_id=customer_id,
    )
    return Checkout(request)


def holding(*lines: tuple[str, int], customer_id: str | None = None) -> Checkout:
    subject = wanted(*lines, customer_id=customer_id)
    subject.settle(ReservationState(held(*lines), 900), NOW)
    return subject


def closing(status: ClosingStatus, **fields: Any) -> Closing:
    return Closing("cart-42", status, **fields)


def test_a_reserve_says_what_and_for_whom():
    subject = wanted(("MUG-01", 2), ("TEAPOT-01", 1), customer_id="u-17")
    assert web_ui.reserve_summary(subject) == (
        "Reserve 2 MUG-01, 1 TEAPOT-01 for u-17: all or none"
    )


def test_the_timer_says_for_whom_and_when_and_then_what():
    subject = holding(("MUG-01", 3), customer_id="u-17")
    assert web_ui.timer_summary(subject, held(("MUG-01", 3))) == (
        "Held for u-17 until 2031-03-14 09:26:53 UTC unless paid: 3 MUG-01"
    )


def test_an_extension_says_by_how_much_until_when_who_and_why():
    wish = Extension(seconds=600, reason="bank is slow", actor="sam")
    assert web_ui.extend_summary(hold_until("cart-42", NOW), wish) == (
        "10m longer, until 2031-03-14 09:26:53 UTC (sam: bank is slow)"
    )


@pytest.mark.parametrize(
    ("subject", "wish", "words"),
    [
        pytest.param(
            holding(("A", 2)),
            closing("fulfilled", payment_reference="pay_1", actor="web"),
            "Sell 2 A (web: payment pay_1)",
            id="paid",
        ),
        pytest.param(
            holding(("A", 2)),
            closing("cancelled", reason="too dear"),
            "Give back 2 A, cancelled (too dear)",
            id="cancelled",
        ),
        pytest.param(
            wanted(("A", 2)),
            closing("cancelled", actor="sam"),
            "Cancel before anything is decided (sam)",
            id="cancelled early",
        ),
        pytest.param(
            holding(("A", 2)),
            closing("expired", reason="not paid before the deadline"),
            "Give back 2 A, not paid before the deadline",
            id="expired",
        ),
    ],
)
def test_an_ending_says_what_becomes_of_the_stock(subject: Checkout, wish: Closing, words: str):
    assert web_ui.closing_summary(subject, wish) == words


def committed(*lines: tuple[str, int]) -> Checkout:
    subject = holding(*lines)
    paid = Committed(payment_reference="pay_1", lines=held(*lines).lines, at=NOW)
    subject.settle(ReservationState(paid, None), NOW)
    return subject


def test_a_shipment_and_a_release_say_what_who_and_why():
    subject = committed(("MUG-01", 3))
    one = (Line(sku="MUG-01", quantity=1),)
    for part, words in (
        (Part("cart-42", "fulfil", "s-1", actor="sam"), "Ship 3 MUG-01 (sam: shipment s-1)"),
        (
            Part("cart-42", "fulfil", "s-1", one, rest_released=True),
            "Ship 1 MUG-01 and give the rest back (shipment s-1)",
        ),
        (Part("cart-42", "release", "r", one, reason="less"), "Give back 1 MUG-01 (less)"),
    ):
        assert web_ui.part_summary(subject, part) == words
    private = web_ui.part_summary(subject, Part("cart-42", "fulfil", "s-1", one), private=True)
    assert private == "Ship 1 unit of 1 SKU"


def test_the_details_of_a_committed_checkout_say_that_it_is_to_be_shipped():
    details = current_details.details(committed(("MUG-01", 3)))
    assert details.startswith("**committed** at 2031-03-14 09:26:53 UTC, payment pay\\_1. Still on")


def test_giving_up_gives_nothing_back_because_nothing_is_known_to_be_held():
    subject = wanted(("A", 2))
    subject.give_up()
    assert web_ui.closing_summary(subject, ledger_requests.giving_up(subject)) == (
        "Make sure that nothing is held (the inventory did not answer in time)"
    )


def test_a_payment_that_comes_too_late_is_named_because_somebody_has_to_refund_it():
    assert (
        web_ui.late_reason(closing("fulfilled", payment_reference="pay_1"))
        == "payment pay_1 is due back"
    )
    assert web_ui.late_reason(closing("cancelled", reason="too dear")) == "too dear"


def test_a_private_summary_names_nobody_and_nothing():
    subject = holding(("SECRET", 2), customer_id="SECRET")
    wish = Extension(seconds=60, reason="SECRET", actor="SECRET")
    summaries = [
        web_ui.reserve_summary(subject, private=True),
        web_ui.timer_summary(subject, held(("SECRET", 2)), private=True),
        web_ui.extend_summary(hold_until("cart-42", NOW), wish, private=True),
        web_ui.closing_summary(
            subject,
            closing("fulfilled", actor="SECRET", payment_reference="SECRET"),
            private=True,
        ),
        web_ui.closing_summary(
            subject, closing("cancelled", actor="SECRET", reason="SECRET"), private=True
        ),
        web_ui.closing_summary(subject, closing("expired"), private=True),
    ]
    assert [text for text in summaries if "SECRET" in text] == []


@pytest.mark.parametrize("character", ["x", '"', "\\", "\u00fc", "\u4e2d", FACE])
@pytest.mark.parametrize("length", [1, 30, 200, 500])
def test_every_summary_fits_whatever_it_is_made_of(character: str, length: int):
    text = character * length
    subject = holding((text[:100], 3), customer_id=text[:200])
    wish = Extension(seconds=60, reason=text, actor=text)
    summaries = [
        web_ui.reserve_summary(subject),
        web_ui.timer_summary(subject, held((text[:100], 3))),
        web_ui.closing_summary(subject, closing("cancelled", reason=text, actor=text)),
        web_ui.closing_summary(subject, closing("fulfilled", payment_reference=text)),
        web_ui.extend_summary(hold_until("a", NOW), wish),
        web_ui.adjustment_summary(
            StockAdjustment(
                adjustment_id="a", sku=text[:100], kind="receive", quantity=1, reason=text
            )
        ),
    ]
    assert max(len(json.dumps(summary)) for summary in summaries) <= SUMMARY_BYTES_MAX


def test_a_long_table_is_cut_and_says_how_much_is_missing():
    details = current_details.details(checkout(LINES_SHOWN_MAX + 3))
    assert details.count("| SKU-") == LINES_SHOWN_MAX
    assert "... and 3 more lines" in details


def test_a_table_that_just_fits_is_not_cut():
    assert "more lines" not in current_details.details(checkout(LINES_SHOWN_MAX))


def test_the_columns_of_a_table_are_kept_apart():
    table = current_details.details(checkout(2)).splitlines()[2:]
    assert table == [
        "| SKU\N{EM SPACE} | location\N{EM SPACE} | units |",
        "| :--- | :--- | :--- |",
        "| SKU-0000\N{EM SPACE} | main\N{EM SPACE} | 1 |",
        "| SKU-0001\N{EM SPACE} | main\N{EM SPACE} | 1 |",
    ]


def test_of_many_events_the_latest_are_shown():
    subject = checkout(1)
    for number in range(LINES_SHOWN_MAX + 5):
        subject.note(NOW, f"event-{number:03d}")
    details = current_details.details(subject)
    assert f"event-{LINES_SHOWN_MAX + 4:03d}" in details
    assert "event-004" not in details
    assert "... after 5 earlier entries" in details


@pytest.mark.parametrize(
    ("outcome", "begin", "end"),
    [
        (None, "**pending**: not decided yet. If", ". Asked for:"),
        (
            held(("MUG-01", 1)),
            "**held** until 2031-03-14 09:26:53 UTC, unless it is paid or given back before. If",
            ". Held:",
        ),
        (
            Committed(payment_reference="p", lines=(), revision=1, at=NOW),
            "**committed** at 2031-03-14 09:26:53 UTC, payment p. Still on the shelf, to be",
            ". To be shipped:",
        ),
    ],
    ids=["pending", "held", "committed"],
)
def test_the_details_of_what_is_open_stay_true_where_a_terminated_workflow_says_no_more(
    outcome: KnownOutcome | None, begin: str, end: str
):
    subject = checkout(1)
    subject.outcome = outcome
    first = current_details.details(subject).splitlines()[0]
    assert first.startswith(begin)
    assert "If this workflow is terminated, these words stay" in first
    assert "`holdfast timeline cart-42` tells what became of the stock" in first
    assert first.endswith(end)


def test_the_details_of_a_denial_say_what_is_short():
    subject = checkout(1)
    short = {"location": "main", "requested": 5}
    shortages = [
        Shortage.model_validate({"sku": sku, "available": left, "reason": reason, **short})
        for sku, left, reason in (
            ("A", 2, "insufficient"),
            ("B", 0, "unknown_sku"),
            ("C", 0, "inactive"),
        )
    ]
    subject.settle(ReservationState(Denied(shortages=tuple(shortages)), None), NOW)
    details = current_details.details(subject)
    words = "**denied**, nothing is held: A: 5 asked, 2 free; B: unknown SKU; C: not for sale"
    assert words in details
    assert "| A | main | 5 | 2 | |" in plain(details)


@pytest.mark.parametrize(
    "markup",
    ["**bold**", "[click](https://evil)", "<b>x</b>", "`code`", "a | b", "# title", "_x_", "\\"],
)
def test_what_strangers_wrote_is_never_markup(markup: str):
    subject = checkout(1)
    subject.note(NOW, "cancelled", actor=markup, reason=markup)
    subject.settle(ReservationState(Cancelled(reason=markup, actor=markup, at=NOW), None), NOW)
    details = current_details.details(subject)
    escaped = "".join(f"\\{c}" if c in "\\`*_[]<>|#" else c for c in markup)
    own_markup = details.replace(escaped, "")
    assert escaped in details
    assert markup not in own_markup


def test_every_row_of_a_table_has_as_many_cells_as_its_heading():
    subject = checkout(2)
    subject.note(NOW + timedelta(seconds=1), "held | x", actor="a|b", reason="c|d")
    for row in current_details.details(subject).splitlines():
        if row.startswith("| 2031"):
            assert row.replace("\\|", "").count("|") == 5
