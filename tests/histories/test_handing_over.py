"""What a run that continues as new hands to the next, which may be of an older or a newer release.

The rules are those of docs/versioning.md. The older release is here as what it once recorded.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from pydantic import BaseModel
from temporalio.api.common.v1 import Payload
from temporalio.client import WorkflowHistory
from temporalio.common import RawValue
from temporalio.workflow import NondeterminismError

from holdfast_client.contract.messages import CheckoutRequest, Line
from holdfast_client.contract.outcomes import CheckoutEvent
from tests.histories.shelf import SHELVES, label
from tests.histories.test_committed import replay
from workflows.carried import CarriedState
from workflows.lifecycle import Checkout
from workflows.payloads import DATA_CONVERTER, read_message

CONTINUED: Final = sorted(SHELVES.glob("*/continued-last-run.json"))
every_release = pytest.mark.parametrize("file", CONTINUED, ids=label)


def handed_over(file: Path) -> list[Any]:
    """Return the request and the state that a release handed over, as JSON."""
    return [json.loads(base64.b64decode(payload["data"])) for payload in _payloads(_read(file))]


def _read(file: Path) -> dict[str, Any]:
    history: dict[str, Any] = json.loads(file.read_text())
    return history


def _payloads(history: dict[str, Any]) -> list[dict[str, Any]]:
    started = history["events"][0]["workflowExecutionStartedEventAttributes"]
    payloads: list[dict[str, Any]] = started["input"]["payloads"]
    return payloads


def with_other_input(file: Path, *values: Any) -> WorkflowHistory:
    """Return the history as if something else had been handed over."""
    history = _read(file)
    for payload, value in zip(_payloads(history), values, strict=True):
        payload["data"] = base64.b64encode(json.dumps(value).encode()).decode()
    return WorkflowHistory.from_json(history.pop("workflowId"), history)


def written_anew(file: Path) -> list[Any]:
    """Read what was handed over, and return what this release would hand over then."""
    models: tuple[Any, ...] = (CheckoutRequest, CarriedState)
    metadata = {"encoding": b"json/plain"}
    request, carried = (
        read_message(model, [RawValue(Payload(metadata=metadata, data=json.dumps(value).encode()))])
        for model, value in zip(models, handed_over(file), strict=True)
    )
    state = Checkout.resumed(request, carried).carried()
    converter = DATA_CONVERTER.payload_converter
    return [json.loads(converter.to_payload(value).data) for value in (request, state)]


def keys(value: Any, at: str = "") -> Iterator[str]:
    """Yield every key, with the keys that lead there."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield f"{at}.{key}"
            yield from keys(inner, f"{at}.{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from keys(inner, at)


def without_optional(value: Any, *models: type[BaseModel]) -> Any:
    """Leave out every key that one of the models does not need."""
    optional = {
        name
        for model in models
        for name, field in model.model_fields.items()
        if not field.is_required()
    }
    if isinstance(value, dict):
        kept = {name: inner for name, inner in value.items() if name not in optional}
        return {name: without_optional(inner, *models) for name, inner in kept.items()}
    if isinstance(value, list):
        return [without_optional(inner, *models) for inner in value]
    return value


def with_a_later_key(value: Any) -> Any:
    """Add, in every object, a key that only a later release knows."""
    if isinstance(value, dict):
        return {k: with_a_later_key(inner) for k, inner in value.items()} | {"later": 1}
    return [with_a_later_key(inner) for inner in value] if isinstance(value, list) else value


def test_every_release_has_a_run_that_was_continued():
    assert {file.parent for file in CONTINUED} == {file.parent for file in SHELVES.glob("*/*.json")}


@every_release
def test_what_this_release_hands_over_is_read_by_the_release_that_recorded(file: Path):
    (request, state), (request_then, state_then) = written_anew(file), handed_over(file)
    assert set(keys(request)) <= set(keys(request_then)), "an older worker refuses the new key"
    assert set(keys(state)) >= set(keys(state_then)), "an older worker misses the key"


@every_release
async def test_what_lacks_every_optional_key_is_read_by_this_release(file: Path):
    request, state = handed_over(file)
    # Lines are needed by every request but one for a cart.
    least_request = without_optional(request, CheckoutRequest, Line) | {"lines": request["lines"]}
    least_state = without_optional(state, CarriedState, CheckoutEvent)
    assert "customer_id" not in least_request
    assert "events_left_out" not in least_state
    await replay(with_other_input(file, least_request, least_state))


@every_release
async def test_a_later_key_is_passed_over_in_the_state_and_refused_in_the_request(file: Path):
    request, state = handed_over(file)
    await replay(with_other_input(file, request, with_a_later_key(state)))
    with pytest.raises(NondeterminismError):
        await replay(with_other_input(file, with_a_later_key(request), state))
