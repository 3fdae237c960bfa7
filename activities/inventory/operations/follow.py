"""Follow: words of an adopted shop that could not be followed when they were written."""

from __future__ import annotations

from typing import Final

from activities.inventory.database.calls import Call, Steps, scalar
from activities.inventory.sql.statements.stock import FOLLOW_LATE_WORDS

# Each follows some dozens; what is left waits for the next time.
FOLLOWING_MAX: Final = 100


def follow_shop() -> Steps[None]:
    """Follow what waits, each batch in a transaction of its own, until nothing is left."""
    for _ in range(FOLLOWING_MAX):
        look_again = yield from scalar(Call(FOLLOW_LATE_WORDS, {}))
        if not look_again:
            break
