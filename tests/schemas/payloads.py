"""The messages and answers inside a workflow's history, each with the schema that it must meet."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from jsonschema import Draft202012Validator, FormatChecker

from tests.docs.pages import ROOT

SCHEMAS: Final = ROOT / "schemas"
_STARTS: Final = {
    "CheckoutWorkflow": "checkout-request",
    "AdjustStockWorkflow": "stock-adjustment",
    "SettlementWorkflow": "settlement",
}
_RESULTS: Final = {
    "CheckoutWorkflow": "outcome",
    "AdjustStockWorkflow": "adjustment-outcome",
    "SettlementWorkflow": "settled",
}
_MESSAGES: Final = {
    "reserved": "checkout-request",
    "confirm": "confirmation",
    "payment_started": "payment-started",
    "payment_ended": "payment-ended",
    "extend_hold": "extension",
    "extend": "extension",
    "cancel_hold": "cancellation",
    "fulfil": "shipment",
    "release": "release",
    "amend": "amendment",
    "cancel": "cancellation",
}


class Payload(NamedTuple):
    """One JSON document, the schema that it must meet, and whether it is an answer."""

    schema: str
    document: Any
    is_answer: bool


def validator(schema: str) -> Draft202012Validator:
    """Return the validator of a schema file."""
    text = (SCHEMAS / f"{schema}.json").read_text()
    return Draft202012Validator(json.loads(text), format_checker=FormatChecker())


def payloads(history: Mapping[str, Any]) -> Iterator[Payload]:
    """Yield what a history, as Temporal's JSON writes it, holds of messages and answers."""
    first = history["events"][0]["workflowExecutionStartedEventAttributes"]
    workflow = first["workflowType"]["name"]
    if workflow not in _STARTS:
        return
    start = _documents(first["input"])[0]
    schema = "resumed-checkout" if "resume" in start else _STARTS[workflow]
    yield Payload(schema, start, False)
    for event in history["events"]:
        yield from _messages(event)
        yield from _answers(event, _RESULTS[workflow])


def _messages(event: Mapping[str, Any]) -> Iterator[Payload]:
    if accepted := event.get("workflowExecutionUpdateAcceptedEventAttributes"):
        sent = accepted["acceptedRequest"]["input"]
        yield Payload(_MESSAGES[sent["name"]], _documents(sent["args"])[0], False)
    signaled = event.get("workflowExecutionSignaledEventAttributes")
    if signaled and signaled["signalName"] in _MESSAGES:
        yield Payload(_MESSAGES[signaled["signalName"]], _documents(signaled["input"])[0], False)


def _answers(event: Mapping[str, Any], result: str) -> Iterator[Payload]:
    answered = event.get("workflowExecutionUpdateCompletedEventAttributes", {})
    if success := answered.get("outcome", {}).get("success"):
        yield Payload("settled", _documents(success)[0], True)
    if completed := event.get("workflowExecutionCompletedEventAttributes"):
        yield Payload(result, _documents(completed["result"])[0], True)


def _documents(payloads: Mapping[str, Any]) -> list[Any]:
    return [json.loads(base64.b64decode(each["data"])) for each in payloads["payloads"]]
