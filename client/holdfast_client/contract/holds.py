"""Who holds what, and until when: the question, and the answer that the database gives."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from holdfast_client.contract.fields import Answer, Message, PartyId, Sku, UtcTime
from holdfast_client.contract.outcomes import HeldLine

# With the longest texts that are allowed an answer stays below what Temporal carries in a payload.
HOLDS_LIMIT_MAX: Final = 200
HOLDS_LIMIT_DEFAULT: Final = 100
HOLD_LINES_MAX: Final = 5
COMES_FREE_MAX: Final = 200
ENDS_WITHIN_SECONDS_MAX: Final = 2_592_000


class HoldsRequest(Message):
    """Which open holds are wanted: those that meet every given condition, by their deadline."""

    sku: Sku | None = None
    customer_id: PartyId | None = None
    ends_within_seconds: Annotated[int, Field(ge=1, le=ENDS_WITHIN_SECONDS_MAX)] | None = None
    limit: Annotated[int, Field(ge=1, le=HOLDS_LIMIT_MAX)] = HOLDS_LIMIT_DEFAULT


class OpenHold(Answer):
    """One checkout's open hold.

    Where one SKU was asked for, ``units`` and ``lines`` are of that SKU alone. Of many lines the
    first ``HOLD_LINES_MAX`` are told. A deadline that has passed belongs to a hold that nothing has
    ended yet, as happens within a second or so, or while the servers are down.
    """

    checkout_id: str
    customer_id: str | None = None
    cart_id: str | None = None
    held_at: UtcTime
    expires_at: UtcTime
    units: int
    lines: Annotated[tuple[HeldLine, ...], Field(strict=False)]
    lines_left_out: int = 0


class ComingFree(Answer):
    """Units of one stock item that come free at a deadline, unless they are paid before.

    ``units_by_then`` adds up those of all listed holds up to that moment.
    """

    sku: str
    location: str
    at: UtcTime
    units: int
    units_by_then: int


class Holds(Answer):
    """The open holds by deadline, and what comes free when, as of a moment of the ledger's clock.

    ``comes_free`` is of the holds that are listed: complete up to the last deadline among them.
    """

    as_of: UtcTime
    holds: Annotated[tuple[OpenHold, ...], Field(strict=False)] = ()
    holds_left_out: int = 0
    comes_free: Annotated[tuple[ComingFree, ...], Field(strict=False)] = ()
    comes_free_left_out: int = 0
