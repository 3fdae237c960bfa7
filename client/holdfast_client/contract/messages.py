"""What callers say to Holdfast: one frozen model per message, exactly as the contract spells it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, ConfigDict, Field, ValidationInfo, field_validator
from pydantic.config import JsonDict

from holdfast_client.contract.fields import (
    HOLD_SECONDS_DEFAULT,
    LINES_MAX,
    PAYMENT_SECONDS_MAX,
    STOCK_QUANTITY_MAX,
    CheckoutId,
    HoldSeconds,
    Location,
    Message,
    PartyId,
    Quantity,
    Reference,
    Revision,
    Sku,
    Text,
)
from holdfast_client.contract.names import DEFAULT_LOCATION


class Line(Message):
    """So many units of one SKU. ``location`` left out or null means the location ``main``."""

    sku: Sku
    quantity: Quantity
    location: Location | None = None


def _not_empty(lines: tuple[Line, ...]) -> tuple[Line, ...]:
    # A minimum length in the field itself would count the good lines only, and complain of none
    # beside the line that is bad.
    if not lines:
        raise ValueError("must hold at least one line")
    return lines


Lines = Annotated[
    tuple[Line, ...],
    Field(max_length=LINES_MAX, strict=False, json_schema_extra={"minItems": 1}),
    AfterValidator(_not_empty),
]


def merged(lines: Iterable[Line]) -> tuple[Line, ...]:
    """Return lines that mean the same and are spelled in one way only.

    Equal SKUs at one location are summed and the lines are put in order, so two sets of lines ask
    for the same exactly when their merged forms are equal.
    """
    wanted: dict[tuple[str, str], int] = {}
    for line in lines:
        key = (line.sku, line.location or DEFAULT_LOCATION)
        wanted[key] = wanted.get(key, 0) + line.quantity
    return tuple(
        # A sum of legal lines may exceed the limit of a single line, so it is not re-checked.
        Line.model_construct(sku=sku, location=location, quantity=quantity)
        for (sku, location), quantity in sorted(wanted.items())
    )


# What the model checks of lines, cart and `from_cart` together, for the JSON Schema.
_LINES_OR_CART: Final[JsonDict] = {
    "if": {"properties": {"from_cart": {"const": True}}, "required": ["from_cart"]},
    "then": {
        "properties": {"lines": {"maxItems": 0}, "cart_id": {"type": "string"}},
        "required": ["cart_id"],
    },
    "else": {"properties": {"lines": {"minItems": 1}}, "required": ["lines"]},
}


class CheckoutRequest(Message):
    """The lines that one attempt to buy wants held, and for how long (1 to 86,400 s).

    With ``from_cart`` they are those of the adopted cart that ``cart_id`` names, and ``lines`` are
    left out. ``supersedes`` names a checkout of the same customer or cart whose units it takes
    over.
    """

    model_config = ConfigDict(json_schema_extra=_LINES_OR_CART)

    checkout_id: CheckoutId
    # Before the fields that it decides about. Left out of what is sent where it says nothing.
    from_cart: Annotated[bool, Field(exclude_if=lambda is_from_cart: not is_from_cart)] = False
    lines: Annotated[
        tuple[Line, ...],
        Field(
            max_length=LINES_MAX,
            strict=False,
            validate_default=True,
            exclude_if=lambda lines: not lines,
        ),
    ] = ()
    hold_seconds: HoldSeconds = HOLD_SECONDS_DEFAULT
    customer_id: PartyId | None = None
    cart_id: Annotated[PartyId | None, Field(validate_default=True)] = None
    supersedes: CheckoutId | None = None

    @field_validator("lines")
    @classmethod
    def _lines_or_cart(cls, lines: tuple[Line, ...], known: ValidationInfo) -> tuple[Line, ...]:
        # Where `from_cart` itself is bad, that is what is complained of.
        match known.data.get("from_cart"):
            case True if lines:
                raise ValueError("must be left out with from_cart: they are those of the cart")
            case False:
                return _not_empty(lines)
        return lines

    @field_validator("cart_id")
    @classmethod
    def _names_the_cart(cls, cart_id: str | None, known: ValidationInfo) -> str | None:
        if cart_id is None and known.data.get("from_cart"):
            raise ValueError("must name the cart, with from_cart")
        return cart_id

    @field_validator("supersedes")
    @classmethod
    def _is_another(cls, supersedes: str | None, known: ValidationInfo) -> str | None:
        if supersedes is not None and supersedes == known.data.get("checkout_id"):
            raise ValueError("must be another checkout")
        return supersedes

    def normalized(self) -> CheckoutRequest:
        """Return the request that means the same and is spelled in one way only.

        Two requests ask for the same exactly when their normalized forms are equal.
        """
        return self.model_copy(update={"lines": merged(self.lines)})


Settle = Literal["fulfil", "commit"]
Late = Literal["refund", "reinstate"]
Rest = Literal["keep", "release"]


class Confirmation(Message):
    """The shop was paid: fulfil the hold, or commit it and ship it later.

    ``late`` says what becomes of a payment whose hold is over: due back (``refund``), or where it
    had expired and all of it can be had, held again and paid (``reinstate``). With it the answer
    tells of the payment; without, where the checkout stands.
    """

    payment_reference: Reference
    settle: Settle = "fulfil"
    late: Late | None = None
    actor: Text = ""


SettlementOperation = Literal["confirm", "payment_ended", "cancel", "resume"]
PaymentResult = Literal["failed", "cancelled"]


_OF_A_PAYMENT: Final = frozenset({"confirm", "payment_ended"})


class Settlement(Message):
    """What comes when a checkout's own workflow is gone: a payment, or that it is given back.

    ``resume`` lets what is open have a workflow again. ``payment_reference`` is of ``confirm`` and
    ``payment_ended``, ``settle`` and ``late`` of the first and ``result`` of the second alone.
    """

    checkout_id: CheckoutId
    operation: SettlementOperation
    payment_reference: Annotated[Reference | None, Field(validate_default=True)] = None
    settle: Settle = "fulfil"
    late: Late = "refund"
    result: PaymentResult = "failed"
    reason: Text = ""
    actor: Text = ""

    @field_validator("payment_reference")
    @classmethod
    def _goes_with_a_payment(cls, reference: str | None, known: ValidationInfo) -> str | None:
        operation = known.data.get("operation")
        if operation in _OF_A_PAYMENT and reference is None:
            raise ValueError(f"is needed by {operation}")
        if operation not in _OF_A_PAYMENT and reference is not None:
            raise ValueError("is of confirm and payment_ended alone")
        return reference


class ResumedAttempt(Message):
    """Which attempt of a checkout a workflow goes on with; ``digest`` is of what was asked for."""

    attempt: Annotated[int, Field(ge=1)]
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{1,128}$")]


class Resumed(Message):
    """The start of a workflow that goes on with a checkout of the ledger."""

    checkout_id: CheckoutId
    resume: ResumedAttempt


class PaymentStarted(Message):
    """The buyer is at the bank: keep the hold for so many seconds (1 to 3,600)."""

    payment_reference: Reference
    seconds: Annotated[int, Field(ge=1, le=PAYMENT_SECONDS_MAX)]
    actor: Text = ""


class PaymentEnded(Message):
    """The payment has come to nothing: its checkout does not wait for it any more."""

    payment_reference: Reference
    result: PaymentResult
    actor: Text = ""


class Extension(Message):
    """Move the deadline of a live hold by so many seconds (1 to 86,400)."""

    seconds: HoldSeconds
    reason: Text = ""
    actor: Text = ""


class Cancellation(Message):
    """Give the hold back, or what is open of a committed checkout."""

    reason: Text = ""
    actor: Text = ""


class Shipment(Message):
    """These units of a committed checkout have left the shelf; without lines all that is open.

    ``rest`` says what becomes of what stays: kept for later shipments, or given back. A location
    left out or null means the one place where the SKU is open.
    """

    shipment_id: CheckoutId
    lines: Lines | None = None
    rest: Rest = "keep"
    actor: Text = ""


class PartialRelease(Message):
    """Give units of a hold or of a committed checkout back, and keep the others."""

    lines: Lines
    reason: Text = ""
    actor: Text = ""


class Amendment(Message):
    """The whole new set of lines of a hold or of a committed checkout: all that is to be open.

    A location left out or null means ``main``. ``revision`` is that of the lines that it is meant
    to replace; left out or null it replaces whatever is open.
    """

    lines: Lines
    revision: Revision | None = None
    reason: Text = ""
    actor: Text = ""


AdjustmentKind = Literal["receive", "adjust", "count", "activate", "deactivate"]


# What the model checks of quantity and kind together, for the JSON Schema.
_QUANTITIES_BY_KIND: Final[JsonDict] = {
    "oneOf": [
        {"properties": {"kind": {"const": "receive"}, "quantity": {"minimum": 1}}},
        {"properties": {"kind": {"const": "count"}, "quantity": {"minimum": 0}}},
        {"properties": {"kind": {"const": "adjust"}, "quantity": {"not": {"const": 0}}}},
        {"properties": {"kind": {"enum": ["activate", "deactivate"]}, "quantity": {"const": 0}}},
    ]
}


class StockAdjustment(Message):
    """A change of a stock item: goods received, a correction, a count, or whether it is for sale.

    ``new`` false lets a ``receive`` add to a stock item that is there, and not make a new one.
    """

    model_config = ConfigDict(json_schema_extra=_QUANTITIES_BY_KIND)

    adjustment_id: CheckoutId
    sku: Sku
    location: Location = DEFAULT_LOCATION
    kind: AdjustmentKind
    quantity: Annotated[int, Field(ge=-STOCK_QUANTITY_MAX, le=STOCK_QUANTITY_MAX)]
    reason: Text = ""
    actor: Text = ""
    new: bool = True

    @field_validator("quantity")
    @classmethod
    def _fits_the_kind(cls, quantity: int, known: ValidationInfo) -> int:
        kind = known.data.get("kind")
        if kind == "receive" and quantity < 1:
            raise ValueError("must be 1 or more to receive")
        if kind == "count" and quantity < 0:
            raise ValueError("must be 0 or more for a count")
        if kind == "adjust" and quantity == 0:
            raise ValueError("must not be 0 to adjust")
        if kind in {"activate", "deactivate"} and quantity != 0:
            raise ValueError(f"must be 0 to {kind}: no figures change")
        return quantity
