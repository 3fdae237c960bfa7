"""Reading what strangers send, so that nothing they send can fail a workflow task.

Handlers take raw payloads: the SDK would otherwise decode them before any of our code runs, and
a payload of the wrong type, number or encoding would fail the workflow task, again and again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, TypeVar

from pydantic import ValidationError
from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue
from temporalio.contrib.pydantic import PydanticPayloadConverter, pydantic_data_converter
from temporalio.converter import CompositePayloadConverter, DataConverter
from temporalio.exceptions import ApplicationError

from holdfast_client.contract.encrypted import is_encrypted, unreadable_because
from holdfast_client.contract.errors import InvalidRequest
from holdfast_client.contract.fields import Message
from holdfast_client.contract.names import INVALID_REQUEST
from workflows.policies import MESSAGE_BYTES_MAX, UNREADABLE_START_BUDGET

MessageT = TypeVar("MessageT", bound=Message)

_JSON: Final = b"json/plain"


# The SDK makes a converter for each workflow and each of its tasks. Each would learn the types that
# it reads anew, at fifty times the cost of reading them; so all of them share what they know.
_CONVERTERS: Final = tuple(PydanticPayloadConverter().converters.values())


class RawPayloadConverter(PydanticPayloadConverter):
    """Leaves a payload alone wherever no type is asked for."""

    def __init__(self) -> None:
        CompositePayloadConverter.__init__(self, *_CONVERTERS)

    def from_payloads(
        self, payloads: Sequence[Payload], type_hints: list[type] | None = None
    ) -> list[Any]:
        if type_hints is None:
            return [RawValue(payload) for payload in payloads]
        return super().from_payloads(payloads, type_hints)


DATA_CONVERTER: Final[DataConverter] = replace(
    pydantic_data_converter, payload_converter_class=RawPayloadConverter
)


class UnreadableMessage(InvalidRequest):
    """A message is encrypted with a key that this worker does not have, or was changed."""


class KeyMissing(Exception):
    """Fails the workflow task, not the workflow: a worker with the key will take the next one."""


def invalid_request(error: InvalidRequest) -> ApplicationError:
    """Return the failure by which callers in any language learn of a bad field."""
    return ApplicationError(
        str(error), error.field, error.problem, type=INVALID_REQUEST, non_retryable=True
    )


def invalid_start(error: InvalidRequest) -> ApplicationError:
    """Return the failure of a workflow that was started with a bad request.

    Raises:
        KeyMissing: the request is encrypted and this worker cannot read it. Another may, so the
            workflow is not failed before nobody could for `UNREADABLE_START_BUDGET`.
    """
    if isinstance(error, UnreadableMessage) and not _waited_long_enough():
        raise KeyMissing(error.problem) from None
    return invalid_request(error)


def read_message(
    model: type[MessageT], payloads: Sequence[RawValue], bytes_max: int = MESSAGE_BYTES_MAX
) -> MessageT:
    """Return the one message in the payloads, of so many bytes at most.

    Raises:
        InvalidRequest: there is not exactly one, it is no JSON, too long, or breaks the model.
        UnreadableMessage: a kind of it; the message is encrypted, and the key is not here.
    """
    if len(payloads) != 1:
        raise InvalidRequest("", f"expected one JSON object, got {len(payloads)} payloads")
    payload = payloads[0].payload
    if is_encrypted(payload):
        raise UnreadableMessage("", f"the message is {unreadable_because(payload)}")
    if payload.metadata.get("encoding") != _JSON:
        raise InvalidRequest("", "the payload's encoding is not json/plain")
    if len(payload.data) > bytes_max:
        raise InvalidRequest("", f"the message is longer than {bytes_max:,} bytes")
    try:
        return model.model_validate_json(payload.data)
    except ValidationError as error:
        raise InvalidRequest.from_validation(error) from None


def read_update(model: type[MessageT], payloads: Sequence[RawValue]) -> MessageT:
    """Return the message of an update; raises as :func:`read_message` does.

    Raises:
        KeyMissing: it was accepted by a worker that could read it, and this one, which does the
            checkout's tasks again, cannot.
    """
    try:
        return read_message(model, payloads)
    except UnreadableMessage as error:
        # Nothing is accepted unread, so it is read again only where tasks are done again.
        if workflow.unsafe.is_replaying():
            raise KeyMissing(error.problem) from None
        raise


def _waited_long_enough() -> bool:
    """Say whether this is a first task, of a first run, that nobody could do for long enough."""
    info = workflow.info()
    is_first = info.continued_run_id is None and not workflow.unsafe.is_replaying()
    return is_first and workflow.now() - info.start_time >= UNREADABLE_START_BUDGET
