"""The types of single fields, with their limits: what a SKU, an id or a time may be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer
from pydantic.config import JsonDict

from holdfast_client.contract.characters import (
    REFUSED_IN_IDS,
    REFUSED_IN_TEXT,
    check_id,
    check_text,
    composed,
)

CHECKOUT_ID_LENGTH_MAX: Final = 200
SKU_LENGTH_MAX: Final = 100
LOCATION_LENGTH_MAX: Final = 100
PARTY_ID_LENGTH_MAX: Final = 200
TEXT_LENGTH_MAX: Final = 500
LINES_MAX: Final = 1_000
# Of one checkout over all its amendments: its outcome tells what was sold and what was given back.
LINES_EVER_MAX: Final = 1_000
QUANTITY_MAX: Final = 1_000_000
PAYMENT_SECONDS_MAX: Final = 3_600
HOLD_SECONDS_MAX: Final = 86_400
HOLD_SECONDS_DEFAULT: Final = 900
STOCK_QUANTITY_MAX: Final = 1_000_000_000
# As high as the database counts.
REVISION_MAX: Final = 2_147_483_647

_ID_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._:/\-]*$"


def excerpt(text: str, length_max: int) -> str:
    """Cut what a stranger wrote to a length, and to characters that every system can carry."""
    kept = text[:length_max]
    # Nearly every text is, and a flood of bad messages asks five times for each.
    if not kept.isprintable():
        kept = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in kept)
    return kept if len(text) <= length_max else kept[: length_max - 3] + "..."


class Message(BaseModel):
    """Base of every message: immutable, strict about types, closed to unknown keys."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="forbid",
        hide_input_in_errors=True,
        ser_json_timedelta="float",
    )


class Answer(Message):
    """Base of every answer. Keys that a later version adds are passed over, so that old readers
    and new writers can run side by side during an upgrade."""

    model_config = ConfigDict(extra="ignore")


def _id(text: Any) -> Any:
    """Put an id into its one spelling, and name what in it nobody sees; types are checked later."""
    return check_id(composed(text)) if isinstance(text, str) else text


def _free_text(text: Any) -> Any:
    return check_text(composed(text)) if isinstance(text, str) else text


def _code(text: str) -> str:
    if text != text.strip():
        raise ValueError("begins or ends with a space")
    return text


def _utc(moment: datetime) -> datetime:
    if moment.utcoffset() != timedelta(0):
        raise ValueError("is not in UTC; write it with Z or +00:00")
    return moment.astimezone(UTC)


def _rfc3339(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _time_text(value: Any) -> Any:
    """Let a JSON text through to a strict datetime field, which Python input would refuse."""
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            raise ValueError("is not an RFC 3339 time") from None
    return value


# What the checks refuse, for the JSON Schemas. That text is brought to NFC they cannot say.
_TEXT_SCHEMA: Final[JsonDict] = {"not": {"pattern": REFUSED_IN_TEXT}}
_ID_SCHEMA: Final[JsonDict] = {"not": {"pattern": REFUSED_IN_IDS}}
_CODE_SCHEMA: Final[JsonDict] = {"not": {"pattern": f"{REFUSED_IN_IDS}|^ | $"}}

CheckoutId = Annotated[
    str,
    Field(min_length=1, max_length=CHECKOUT_ID_LENGTH_MAX, pattern=_ID_PATTERN),
    BeforeValidator(_id),
]
Sku = Annotated[
    str,
    Field(min_length=1, max_length=SKU_LENGTH_MAX, json_schema_extra=_CODE_SCHEMA),
    AfterValidator(_code),
    BeforeValidator(_id),
]
Location = Annotated[
    str,
    Field(min_length=1, max_length=LOCATION_LENGTH_MAX, json_schema_extra=_CODE_SCHEMA),
    AfterValidator(_code),
    BeforeValidator(_id),
]
PartyId = Annotated[
    str,
    Field(min_length=1, max_length=PARTY_ID_LENGTH_MAX, json_schema_extra=_ID_SCHEMA),
    BeforeValidator(_id),
]
Text = Annotated[
    str,
    Field(max_length=TEXT_LENGTH_MAX, json_schema_extra=_TEXT_SCHEMA),
    BeforeValidator(_free_text),
]
Reference = Annotated[
    str,
    Field(min_length=1, max_length=TEXT_LENGTH_MAX, json_schema_extra=_ID_SCHEMA),
    BeforeValidator(_id),
]
Quantity = Annotated[int, Field(ge=1, le=QUANTITY_MAX)]
Revision = Annotated[int, Field(ge=1, le=REVISION_MAX)]
HoldSeconds = Annotated[int, Field(ge=1, le=HOLD_SECONDS_MAX)]
UtcTime = Annotated[
    datetime,
    BeforeValidator(_time_text),
    AfterValidator(_utc),
    PlainSerializer(_rfc3339, return_type=str, when_used="json"),
]
