"""What each replayed shopper does, and under which checkout id: pure functions of seed and order.

Nothing here depends on time or on the order of arrival, so a replay can be repeated exactly.
"""

from __future__ import annotations

import hashlib
import math
import re
from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from holdfast_client.contract.fields import CheckoutId, HoldSeconds, Message

CONCURRENCY_MAX: Final = 500
PREFIX_LENGTH_MAX: Final = 60
THINK_SECONDS_MAX: Final = 3600.0

_ESCAPED_LENGTH_MAX: Final = 130
_SHARES_ROUNDING: Final = 1e-9
# What a checkout id may hold, except the colon, which marks an escaped byte.
_ESCAPED: Final = re.compile(rb"[^A-Za-z0-9._/\-]")

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class Intent(StrEnum):
    """What a shopper does with the hold."""

    PAY = "pay"
    EXTEND = "extend"
    CANCEL = "cancel"
    ABANDON = "abandon"


class ReplayOptions(Message):
    """How orders are replayed.

    Args:
        prefix: leads every checkout id, so that the same prefix asks for the same checkouts.
        concurrency: so many checkouts at once, 1 to 500.
        abandon_share: share of the orders that are never paid, 0 to 1.
        cancel_share: share that is given back, 0 to 1.
        extend_share: share that is extended once by its own length and then paid, 0 to 1.
        seed: decides which order does what.
        hold_seconds: how long each hold lasts, 1 to 86,400.
        think_seconds: how long each shopper waits before the next step, 0 to 3,600.
        wait_for_expiry: whether the replay ends only when the abandoned holds have ended.
    """

    prefix: Annotated[CheckoutId, Field(max_length=PREFIX_LENGTH_MAX)]
    concurrency: Annotated[int, Field(ge=1, le=CONCURRENCY_MAX)] = 20
    abandon_share: Share = 0.10
    cancel_share: Share = 0.05
    extend_share: Share = 0.0
    seed: int = 1
    hold_seconds: HoldSeconds = 30
    think_seconds: Annotated[float, Field(ge=0, le=THINK_SECONDS_MAX)] = 0.0
    wait_for_expiry: bool = True

    @model_validator(mode="after")
    def _shares_fit_into_one(self) -> Self:
        shares = math.fsum((self.abandon_share, self.cancel_share, self.extend_share))
        if shares > 1 + _SHARES_ROUNDING:
            raise ValueError("the shares that abandon, cancel and extend exceed 1 together")
        return self


def intent_of(order_id: str, options: ReplayOptions) -> Intent:
    """Return what the shopper of an order does.

    A larger share adds orders to those of the smaller one, and never exchanges them.
    """
    fate = _fraction(f"{options.seed}:{order_id}")
    if fate < options.abandon_share:
        return Intent.ABANDON
    if fate >= 1 - options.cancel_share:
        return Intent.CANCEL
    if fate < options.abandon_share + options.extend_share:
        return Intent.EXTEND
    return Intent.PAY


def checkout_id_of_order(prefix: str, order_id: str) -> str:
    """Return the checkout id of an order: different orders never share one.

    Characters that a checkout id may not hold are written as ``:`` and two hexadecimal digits for
    each of their bytes in UTF-8; an id that grows too long by it is named by its digest.
    """
    raw = order_id.encode()
    escaped = _ESCAPED.sub(lambda found: b":%02x" % found[0][0], raw).decode("ascii")
    if len(escaped) > _ESCAPED_LENGTH_MAX:
        # No escape begins with these letters, so this is no other order's escaped id.
        escaped = f":sha256-{hashlib.sha256(raw).hexdigest()}"
    return f"{prefix}/{escaped}"


def _fraction(text: str) -> float:
    """Return a number of [0, 1) that depends on the text alone, evenly spread."""
    digest = hashlib.sha256(text.encode()).digest()
    # 53 bits are what a float holds exactly; more could round up to 1.
    return (int.from_bytes(digest[:8], "big") >> 11) / (1 << 53)
