"""Payments that are due back: the question, the answer, and that one has gone back."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from holdfast_client.contract.fields import Answer, Message, Reference, Text, UtcTime
from holdfast_client.contract.outcomes import RefundReason

# With the longest texts that are allowed an answer stays below what Temporal carries in a payload.
REFUNDS_LIMIT_MAX: Final = 200
REFUNDS_LIMIT_DEFAULT: Final = 100


class RefundsRequest(Message):
    """How many of the payments that are due back are wanted, the oldest first."""

    limit: Annotated[int, Field(ge=1, le=REFUNDS_LIMIT_MAX)] = REFUNDS_LIMIT_DEFAULT


class DueRefund(Answer):
    """A payment that somebody has to give back, why, and since when."""

    payment_reference: str
    checkout_id: str
    customer_id: str | None = None
    reason: RefundReason | str
    due_at: UtcTime


class Refunds(Answer):
    """The payments that are due back, as of a moment of the ledger's clock."""

    as_of: UtcTime
    refunds: Annotated[tuple[DueRefund, ...], Field(strict=False)] = ()
    refunds_left_out: int = 0


class RefundDone(Message):
    """A payment that was due back has gone back."""

    payment_reference: Reference
    actor: Text = ""


class Refunded(Answer):
    """It is on record that the payment has gone back."""

    status: Literal["refunded"] = "refunded"
    payment_reference: str
    checkout_id: str
    at: UtcTime
