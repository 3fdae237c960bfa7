"""Write the JSON Schemas of all messages and answers from the models: ``python -m schemas``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from holdfast_client.contract.holds import Holds, HoldsRequest
from holdfast_client.contract.messages import (
    Amendment,
    Cancellation,
    CheckoutRequest,
    Confirmation,
    Extension,
    PartialRelease,
    PaymentEnded,
    PaymentStarted,
    Resumed,
    Settlement,
    Shipment,
    StockAdjustment,
)
from holdfast_client.contract.outcomes import (
    AdjustmentRefused,
    CheckoutReport,
    KnownAdjustmentOutcome,
    KnownOutcome,
    RefundDue,
    UnknownOutcome,
)
from holdfast_client.contract.refunds import RefundDone, Refunded, Refunds, RefundsRequest
from holdfast_client.contract.timeline import Timeline, TimelineRequest

DIRECTORY: Final = Path(__file__).parent
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
MESSAGES: Final[Mapping[str, Any]] = {
    "checkout-request": CheckoutRequest,
    "confirmation": Confirmation,
    "extension": Extension,
    "cancellation": Cancellation,
    "payment-started": PaymentStarted,
    "payment-ended": PaymentEnded,
    "shipment": Shipment,
    "release": PartialRelease,
    "amendment": Amendment,
    "stock-adjustment": StockAdjustment,
    "timeline-request": TimelineRequest,
    "holds-request": HoldsRequest,
    "settlement": Settlement,
    "resumed-checkout": Resumed,
    "refunds-request": RefundsRequest,
    "refund-done": RefundDone,
}
ANSWERS: Final[Mapping[str, Any]] = {
    "outcome": Annotated[KnownOutcome, Field(discriminator="status")] | UnknownOutcome,
    "settled": Annotated[KnownOutcome | RefundDue, Field(discriminator="status")] | UnknownOutcome,
    "checkout-report": CheckoutReport,
    "adjustment-outcome": (
        Annotated[KnownAdjustmentOutcome, Field(discriminator="status")] | UnknownOutcome
    ),
    "timeline": Timeline,
    "holds": Holds,
    "refunds": Refunds,
    "refunded": Refunded,
}


# What answers of 0.1.0, which stay readable, do not have yet; and what is told only where it says
# something.
_NEWER_KEYS: Final[Mapping[str, frozenset[str]]] = {
    "Held": frozenset({"revision", "paying_until"}),
    "Fulfilled": frozenset({"released", "released_left_out", "reinstated"}),
    "Committed": frozenset({"reinstated"}),
    "Cancelled": frozenset({"superseded_by", "was_known"}),
    "CheckoutReport": frozenset(
        {
            "paying_until",
            "revision",
            "payments",
            "payments_left_out",
            "shipments",
            "shipments_left_out",
            "lines_left_out",
            "events_left_out",
        }
    ),
    "AdjustmentApplied": frozenset({"created", "active"}),
    "AdjustmentRefused": frozenset(AdjustmentRefused.model_fields) - {"status", "reason"},
}


class _AnswerSchema(GenerateJsonSchema):
    """What the worker writes has every key, also where a reader could do without it."""

    def field_is_required(self, *_args: Any, **_options: Any) -> bool:
        return True

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        told = super().model_schema(schema)
        newer = _NEWER_KEYS.get(schema["cls"].__name__, frozenset())
        return told | {"required": [key for key in told["required"] if key not in newer]}

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])


def schemas() -> dict[str, JsonSchemaValue]:
    """Return the schema of each message and answer, by the name of its file."""
    told = {name: TypeAdapter(model).json_schema() for name, model in MESSAGES.items()}
    answered = {
        name: TypeAdapter(model).json_schema(schema_generator=_AnswerSchema)
        for name, model in ANSWERS.items()
    }
    return {name: {"$schema": DIALECT, **schema} for name, schema in (told | answered).items()}


def as_text(schema: JsonSchemaValue) -> str:
    """Return a schema as its file holds it."""
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    for name, schema in schemas().items():
        (DIRECTORY / f"{name}.json").write_text(as_text(schema))
