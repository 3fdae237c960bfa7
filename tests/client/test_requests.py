"""What the real client sends to a real Temporal, and how refusals come back."""

from __future__ import annotations

import json

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from holdfast_client import (
    AdjustmentConflict,
    CheckoutConflict,
    ExtensionRefused,
    HoldfastError,
    HoldNotActive,
    InvalidRequest,
    ReservationClient,
)
from tests.client.waiting import workflow_of


async def test_the_same_plain_json_goes_with_the_start_and_with_the_update(
    client: ReservationClient, temporal_client: Client, checkout_id: str
) -> None:
    await client.reserve(checkout_id, [("MUG", 2)], customer_id="u-17")
    history = await workflow_of(temporal_client, checkout_id).fetch_history()
    started = history.events[0].workflow_execution_started_event_attributes.input
    accepted = next(
        event.workflow_execution_update_accepted_event_attributes
        for event in history.events
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED
    )
    payloads = [*started.payloads, *accepted.accepted_request.input.args.payloads]
    assert [payload.metadata["encoding"] for payload in payloads] == [b"json/plain"] * 2
    assert [json.loads(payload.data) for payload in payloads] == [
        {
            "checkout_id": checkout_id,
            "lines": [{"sku": "MUG", "quantity": 2, "location": None}],
            "hold_seconds": 900,
            "customer_id": "u-17",
            "cart_id": None,
            "supersedes": None,
        }
    ] * 2


async def test_the_start_says_in_the_web_ui_what_it_is_about(
    client: ReservationClient, temporal_client: Client, checkout_id: str
) -> None:
    await client.reserve(checkout_id, [("MUG", 2), ("CUP", 1)], customer_id="u-17")
    description = await workflow_of(temporal_client, checkout_id).describe()
    assert await description.static_summary() == "1 CUP, 2 MUG for u-17, hold of 15m"
    assert await description.static_details() == "- 1 of `CUP` at main\n- 2 of `MUG` at main"
    found = {pair.key.name: pair.value for pair in description.typed_search_attributes}
    assert "CheckoutStatus" not in found
    assert found["CustomerId"] == "u-17"
    assert found["Skus"] == ["CUP", "MUG"]


async def test_the_largest_request_that_is_allowed_can_be_sent(
    client: ReservationClient, checkout_id: str
) -> None:
    lines = [(f"{n:04}{'é' * 96}", 1_000_000) for n in range(1_000)]
    outcome = await client.reserve(checkout_id, lines, customer_id="😀" * 200, hold_seconds=86_399)
    assert outcome.status == "held"


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        ("InvalidRequest", InvalidRequest),
        ("CheckoutConflict", CheckoutConflict),
        ("HoldNotActive", HoldNotActive),
        ("ExtensionRefused", ExtensionRefused),
        ("AdjustmentConflict", AdjustmentConflict),
        ("SomethingElse", HoldfastError),
    ],
)
async def test_a_refusal_by_the_workflow_arrives_as_the_error_of_its_name(
    client: ReservationClient, checkout_id: str, failure: str, error: type[HoldfastError]
) -> None:
    with pytest.raises(HoldfastError) as refusal:
        await client.reserve(checkout_id, [("MUG", 1)], cart_id=f"refuse:{failure}")
    assert type(refusal.value) is error
    with pytest.raises(HoldfastError) as refusal:
        await client.extend(checkout_id, 60)
    assert type(refusal.value) is error


async def test_a_refusal_of_the_request_names_the_field_that_the_workflow_named(
    client: ReservationClient, checkout_id: str
) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        await client.reserve(checkout_id, [("MUG", 1)], cart_id="refuse:InvalidRequest")
    assert (refusal.value.field, refusal.value.problem) == ("lines[0].sku", "is odd")


async def test_an_answer_of_an_unknown_shape_is_an_error_that_shows_it(
    client: ReservationClient, checkout_id: str
) -> None:
    with pytest.raises(HoldfastError, match=r"status is .held., .* same version"):
        await client.reserve(checkout_id, [("MUG", 1)], cart_id="unreadable")
    with pytest.raises(HoldfastError, match=r"status is .held."):
        await client.confirm(checkout_id, "pay_1")


async def test_a_missing_namespace_is_not_a_missing_checkout(
    temporal_address: str, checkout_id: str
) -> None:
    client = await ReservationClient.connect(temporal_address, namespace="nowhere")
    with pytest.raises(HoldfastError, match="Namespace nowhere is not found") as refusal:
        await client.status(checkout_id)
    assert type(refusal.value) is HoldfastError
