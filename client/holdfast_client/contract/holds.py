"""Who holds what, and until when: the question, and the answer that the database gives."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Final, NamedTuple, Self

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
_PAGE: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{6})?\+00:00)/([0-9]{1,18})"
)


class Place(NamedTuple):
    """Where a page of a list ends: at which time, and after which row of that time."""

    at: datetime
    number: int

    def __str__(self) -> str:
        return f"{self.at.astimezone(UTC).isoformat()}/{self.number}"


# Before all rows of a list.
BEGINNING: Final = Place(datetime.min.replace(tzinfo=UTC), 0)


class HoldsRequest(Message):
    """Which open holds are wanted: those that meet every given condition, by their deadline.

    Or what is ``committed``, to be packed, those that were paid first, and of them perhaps only
    what was paid longer ago than ``older_than_seconds``. ``page`` is the ``next_page`` of the
    answer to the same question, for what comes after it.
    """

    sku: Sku | None = None
    customer_id: PartyId | None = None
    ends_within_seconds: Annotated[int, Field(ge=1, le=ENDS_WITHIN_SECONDS_MAX)] | None = None
    limit: Annotated[int, Field(ge=1, le=HOLDS_LIMIT_MAX)] = HOLDS_LIMIT_DEFAULT
    committed: bool = False
    older_than_seconds: Annotated[int, Field(ge=0, le=OLDER_THAN_SECONDS_MAX)] | None = None
    page: str | None = None

    @property
    def after(self) -> Place:
        """After which row the list is to begin."""
        return BEGINNING if self.page is None else _place(self.page)

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

    @field_validator("page")
    @classmethod
    def _is_of_an_answer(cls, page: str | None) -> str | None:
        if page is not None:
            _place(page)
        return page


def _place(page: str) -> Place:
    found = _PAGE.fullmatch(page)
    if found is None:
        raise ValueError("is not the next_page of an answer")
    return Place(datetime.fromisoformat(found[1]), int(found[2]))


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
    What reserves stock and is no hold is counted beside them: ``committed_left_out`` checkouts
    have paid and are on the shelf; of a SKU an adopted shop's own code has ``shop_reserved`` units.
    """

    as_of: UtcTime
    holds: Annotated[tuple[OpenHold, ...], Field(strict=False)] = ()
    holds_left_out: int = 0
    comes_free: Annotated[tuple[ComingFree, ...], Field(strict=False)] = ()
    comes_free_left_out: int = 0
    committed_left_out: int = 0
    shop_reserved: int = 0
    # What to ask for next; None where nothing is left out.
    next_page: str | None = None

    def followed_by(self, more: Self) -> Self:
        """Return both pages as one."""
        free, left_out = self.comes_free, self.comes_free_left_out
        if left_out:
            left_out += len(more.comes_free) + more.comes_free_left_out
        else:
            before = {(step.sku, step.location): step.units_by_then for step in free}
            free += tuple(
                step.model_copy(
                    update={
                        "units_by_then": step.units_by_then
                        + before.get((step.sku, step.location), 0)
                    }
                )
                for step in more.comes_free
            )
            left_out = more.comes_free_left_out
        return self.model_copy(
            update={
                "holds": self.holds + more.holds,
                "holds_left_out": more.holds_left_out,
                "comes_free": free,
                "comes_free_left_out": left_out,
                "next_page": more.next_page,
            }
        )
