"""Reading what strangers send."""

from __future__ import annotations

import json
from typing import Any

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue

from holdfast_client.contract.errors import InvalidRequest
from holdfast_client.contract.messages import Cancellation, CheckoutRequest, Confirmation
from tests.workflows.garbage import NO_MESSAGE, Arguments, raw, text
from workflows.payloads import DATA_CONVERTER, invalid_request, read_message
from workflows.policies import MESSAGE_BYTES_MAX


def test_one_json_object_is_a_message():
    wish = read_message(Cancellation, [text({"reason": "no"})])
    assert wish == Cancellation(reason="no")


def test_the_encoding_counts_and_other_labels_do_not():
    labelled = raw(b'{"reason": "no"}', "json/plain", messageType="x", whatever="y")
    assert read_message(Cancellation, [labelled]).reason == "no"


def as_payload(value: Any) -> RawValue:
    return value if isinstance(value, RawValue) else text(value)


@pytest.mark.parametrize("arguments", NO_MESSAGE.values(), ids=NO_MESSAGE.keys())
def test_what_is_no_message_is_refused_with_a_reason(arguments: Arguments):
    with pytest.raises(InvalidRequest) as caught:
        read_message(Confirmation, [as_payload(value) for value in arguments])
    assert caught.value.problem
    assert caught.value.problem.isprintable()


@pytest.mark.parametrize(("excess", "problem"), [(0, "unknown"), (1, "longer than")])
def test_a_message_is_long_enough_at_a_million_bytes(excess: int, problem: str):
    padding = "x" * (MESSAGE_BYTES_MAX - len('{"a": ""}') + excess)
    with pytest.raises(InvalidRequest) as caught:
        read_message(Cancellation, [text({"a": padding})])
    assert ("longer than" in caught.value.problem) is (problem == "longer than")


def test_a_thousand_lines_of_the_longest_names_are_not_too_long_in_ascii():
    lines = [{"sku": "x" * 96 + f"{n:04d}", "quantity": 1_000_000, "location": "y" * 100}
             for n in range(1_000)]  # fmt: skip
    message = text({"checkout_id": "c", "lines": lines})
    assert len(read_message(CheckoutRequest, [message]).lines) == 1_000


def test_a_failure_carries_field_and_problem_for_programs_and_both_for_people():
    failure = invalid_request(InvalidRequest("lines[0].sku", "is empty"))
    assert (failure.type, failure.non_retryable) == ("InvalidRequest", True)
    assert tuple(failure.details) == ("lines[0].sku", "is empty")
    assert failure.message == "lines[0].sku: is empty"


def test_the_converter_leaves_alone_what_no_type_is_asked_for():
    payload = Payload(metadata={"encoding": b"binary/encrypted"}, data=b"\x00")
    (value,) = DATA_CONVERTER.payload_converter.from_payloads([payload])
    assert value.payload == payload


def test_the_converter_writes_plain_json():
    (payload,) = DATA_CONVERTER.payload_converter.to_payloads([Cancellation(reason="no")])
    assert payload.metadata["encoding"] == b"json/plain"
    assert json.loads(payload.data) == {"reason": "no", "actor": ""}
