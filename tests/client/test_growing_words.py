"""Sets of words may grow: what a newer server says reaches the caller as text."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from holdfast_client import FakeReservationClient, InvalidRequest, UnknownOutcome
from holdfast_client.answers import final_outcome_of, held_of
from holdfast_client.cli import exit_codes
from holdfast_client.cli.adjustment_sheet import adjustment_sheet, refusal_words
from holdfast_client.cli.checkout_sheet import outcome_sheet, report_sheet, timeline_sheet
from holdfast_client.contract.errors import HoldNotActive
from holdfast_client.contract.outcomes import (
    AdjustmentRefused,
    CheckoutReport,
    FinalOutcome,
    RefundDue,
    Shortage,
    parse_adjustment_outcome,
    parse_outcome,
)
from holdfast_client.contract.timeline import Timeline, TimelineEvent
from holdfast_client.terminal.exit_codes import ExitCode
from tests.schemas.payloads import validator

NEWER = {"status": "backordered", "until": "2026-12-01T00:00:00Z", "lines": [{"sku": "MUG"}]}
AT = "2026-01-01T00:00:00Z"
SHORTAGE = {
    "sku": "MUG", "location": "main", "requested": 2, "available": 1, "reason": "quarantined",
}  # fmt: skip
MOVEMENT = {
    "at": AT, "kind": "amend", "sku": "MUG", "location": "main", "total_delta": 0,
    "reserved_delta": -1,
}  # fmt: skip
TIMELINE = {
    "checkout_id": "cart-1",
    "status": "backordered",
    "created_at": AT,
    "events": [{"at": AT, "event": "amended"}],
    "movements": [MOVEMENT],
}


@pytest.mark.parametrize("parse", [parse_outcome, parse_adjustment_outcome, final_outcome_of])
def test_an_outcome_of_an_unknown_status_keeps_all_that_it_says(parse):
    outcome = parse(NEWER)
    assert isinstance(outcome, UnknownOutcome)
    assert not isinstance(outcome, FinalOutcome)
    assert outcome.model_dump(mode="json") == NEWER


def test_where_a_refused_extension_stands_may_be_of_an_unknown_status():
    standing = HoldNotActive("over", {"standing": NEWER}).standing
    assert standing is not None
    assert standing.status == "backordered"


def test_where_a_payment_that_is_due_back_found_its_checkout_may_be_too():
    due = RefundDue.model_validate(
        {"payment_reference": "pay-1", "reason": "duplicate", "standing": NEWER}
    )
    assert isinstance(due.standing, UnknownOutcome)
    assert due.standing.model_dump(mode="json") == NEWER
    assert validator("settled").is_valid(due.model_dump(mode="json"))


def test_nor_is_a_broken_known_status_read_as_an_unknown_one():
    with pytest.raises(ValidationError):
        RefundDue.model_validate(
            {"payment_reference": "pay-1", "reason": "duplicate", "standing": {"status": "held"}}
        )


@pytest.mark.parametrize("answer", [{"status": "held"}, {"status": 7}, {}, None, []])
def test_a_known_status_without_its_keys_and_no_status_at_all_stay_errors(answer):
    with pytest.raises(ValidationError):
        parse_outcome(answer)


def test_an_unknown_status_is_no_live_hold():
    with pytest.raises(Exception, match="backordered"):
        held_of(NEWER)


def test_unknown_reasons_kinds_events_and_statuses_are_read_as_text():
    assert Shortage.model_validate(SHORTAGE).reason == "quarantined"
    assert AdjustmentRefused(reason="frozen").reason == "frozen"
    timeline = Timeline.model_validate(TIMELINE)
    assert (timeline.status, timeline.events[0].event) == ("backordered", "amended")
    assert timeline.movements[0].kind == "amend"
    assert CheckoutReport(checkout_id="cart-1", status="backordered").status == "backordered"


@pytest.mark.parametrize("schema", ["outcome", "adjustment-outcome"])
def test_the_schema_of_an_outcome_admits_an_unknown_status_and_no_broken_known_one(schema: str):
    assert validator(schema).is_valid(NEWER)
    assert not validator(schema).is_valid({"status": "held"})
    assert not validator(schema).is_valid({"status": "applied"})


def test_the_schemas_admit_unknown_words_in_answers():
    nobody = dict.fromkeys(("actor", "reason"), "")
    event = TimelineEvent.model_validate({"at": AT, "event": "amended"} | nobody)
    told = Timeline.model_validate(TIMELINE).model_dump(mode="json") | {
        "events": [event.model_dump(mode="json")]
    }
    validator("timeline").validate(told)
    denied = {"status": "denied", "shortages": [SHORTAGE | {"next_expiry": None}]}
    validator("outcome").validate(denied)
    report = CheckoutReport(checkout_id="cart-1", status="backordered")
    validator("checkout-report").validate(report.model_dump(mode="json"))


def test_the_command_line_shows_what_it_does_not_know():
    sheet = outcome_sheet("cart-1", parse_outcome(NEWER))
    assert "backordered" in sheet.headline
    assert ("until", "2026-12-01T00:00:00Z") in sheet.facts
    assert exit_codes.of_status("backordered", {"held"}) is ExitCode.UNKNOWN
    assert "backordered" in adjustment_sheet("a-1", parse_adjustment_outcome(NEWER)).headline
    assert "frozen" in refusal_words(AdjustmentRefused(reason="frozen"), "count")
    assert "backordered" in timeline_sheet(Timeline.model_validate(TIMELINE)).headline
    report = CheckoutReport(checkout_id="cart-1", status="backordered")
    assert "backordered" in report_sheet(report).headline


async def test_what_is_sent_stays_checked():
    with pytest.raises(InvalidRequest, match="kind"):
        await FakeReservationClient().adjust_stock("a-1", "MUG", "borrow", 1)  # type: ignore[arg-type]
