"""Who holds what, and until when: the question, and the answer that the database gives."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

from pydantic import Field, ValidationInfo, field_validator

from holdfast_client.contract.fields import Answer, Message, PartyId, Sku, UtcTime
from holdfast_client.contract.outcomes import HeldLine

# With the longest texts that are allowed an answer stays below what Temporal carries in a payload.
HOLDS_LIMIT_MAX: Final = 200
HOLDS_LIMIT_DEFAULT: Final = 100
HOLD_LINES_MAX: Final = 5
COMES_FREE_MAX: Final = 200
ENDS_WITHIN_SECONDS_MAX: Final = 2_592_000
OLDER_THAN_SECONDS_MAX: Final = 315_360_000


class HoldsRequest(Message):
    """Which open holds are wanted: those that meet every given condition, by their deadline.

    Or what is ``committed``, to be packed, those that were paid first, and of them perhaps only
    what was paid longer ago than ``older_than_seconds``.
    """

    sku: Sku | None = None
    customer_id: PartyId | None = None
    ends_within_seconds: Annotated[int, Field(ge=1, le=ENDS_WITHIN_SECONDS_MAX)] | None = None
    limit: Annotated[int, Field(ge=1, le=HOLDS_LIMIT_MAX)] = HOLDS_LIMIT_DEFAULT
    committed: bool = False
    older_than_seconds: Annotated[int, Field(ge=0, le=OLDER_THAN_SECONDS_MAX)] | None = None

    @field_validator("committed")
    @classmethod
    def _has_no_deadline(cls, committed: bool, known: ValidationInfo) -> bool:
        if committed and known.data.get("ends_within_seconds") is not None:
            raise ValueError("does not go with ends_within_seconds: it has no deadline")
        return committed

    @field_validator("older_than_seconds")
    @classmethod
    def _is_of_what_is_committed(cls, seconds: int | None, known: ValidationInfo) -> int | None:
        if seconds is not None and not known.data.get("committed"):
            raise ValueError("goes with committed alone")
        return seconds


class OpenHold(Answer):
    """One checkout's open hold, or a committed checkout: paid, and still on the shelf.

    Where one SKU was asked for, ``units`` and ``lines`` are of that SKU alone. Of many lines the
    first ``HOLD_LINES_MAX`` are told. A deadline that has passed belongs to a hold that nothing has
    ended yet, as happens within a second or so, or while the servers are down.
    """

    checkout_id: str
    customer_id: str | None = None
    cart_id: str | None = None
    held_at: UtcTime
    # None of what is committed, which has no deadline.
    expires_at: UtcTime | None
    paying_until: UtcTime | None = None
    committed_at: UtcTime | None = None
    payment_reference: str | None = None
    units: int
    lines: Annotated[tuple[HeldLine, ...], Field(strict=False)]
    lines_left_out: int = 0

    @property
    def ends_at(self) -> datetime | None:
        """When it ends: later than its deadline where a payment is in flight."""
        return max((at for at in (self.expires_at, self.paying_until) if at), default=None)


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
