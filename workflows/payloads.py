"""Reading what strangers send, so that nothing they send can fail a workflow task.

Handlers take raw payloads: the SDK would otherwise decode them before any of our code runs, and
a payload of the wrong type, number or encoding would fail the workflow task, again and again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, TypeVar

from pydantic import ValidationError
from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue
from temporalio.contrib.pydantic import PydanticPayloadConverter, pydantic_data_converter
from temporalio.converter import DataConverter
from temporalio.exceptions import ApplicationError

from holdfast_client.errors import InvalidRequest
from holdfast_client.fields import Message
from holdfast_client.names import INVALID_REQUEST
from workflows.policies import MESSAGE_BYTES_MAX

MessageT = TypeVar("MessageT", bound=Message)

_JSON: Final = b"json/plain"


class RawPayloadConverter(PydanticPayloadConverter):
    """Leaves a payload alone wherever no type is asked for."""

    def from_payloads(
        self, payloads: Sequence[Payload], type_hints: list[type] | None = None
    ) -> list[Any]:
        if type_hints is None:
            return [RawValue(payload) for payload in payloads]
        return super().from_payloads(payloads, type_hints)


DATA_CONVERTER: Final[DataConverter] = replace(
    pydantic_data_converter, payload_converter_class=RawPayloadConverter
)


def invalid_request(error: InvalidRequest) -> ApplicationError:
    """Return the failure by which callers in any language learn of a bad field."""
    return ApplicationError(
        str(error), error.field, error.problem, type=INVALID_REQUEST, non_retryable=True
    )


def read_message(model: type[MessageT], payloads: Sequence[RawValue]) -> MessageT:
    """Return the one message in the payloads.

    Raises:
        InvalidRequest: there is not exactly one, it is no JSON, too long, or breaks the model.
    """
    if len(payloads) != 1:
        raise InvalidRequest("", f"expected one JSON object, got {len(payloads)} payloads")
    payload = payloads[0].payload
    if payload.metadata.get("encoding") != _JSON:
        raise InvalidRequest("", "the payload's encoding is not json/plain")
    if len(payload.data) > MESSAGE_BYTES_MAX:
        raise InvalidRequest("", f"the message is longer than {MESSAGE_BYTES_MAX:,} bytes")
    try:
        return model.model_validate_json(payload.data)
    except ValidationError as error:
        raise InvalidRequest.from_validation(error) from None
