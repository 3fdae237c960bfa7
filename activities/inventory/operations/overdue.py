"""Holds past their deadline that nothing has ended yet: nobody is refused because of them.

They cannot be ended in the transaction that meets them, because it has stock locked by then, and
reservations are locked before stock. So it is undone, they are ended, and it is made anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from activities.inventory.database.calls import ROLLBACK, Call, ResultT, Steps, in_transaction
from activities.inventory.database.errors import LedgerGaveWay
from activities.inventory.operations.close import close
from activities.inventory.operations.giving_way import (
    REFUSALS_FOR_A_BUYER_MAX,
    Turn,
    goes_on_without,
    without_busy,
)
from activities.inventory.records import Closing
from activities.inventory.sql.statements import reservations as statements

# A decision that meets overdue holds ends them and is made again, at most so often. After that it
# is made with what is there: many thousands of overdue holds on one SKU were ended on the way.
DECISION_PASSES_MAX: Final = 24
OVERDUE_BATCH_MAX: Final = 500


class OverdueInTheWay(Exception):
    """Holds past their deadline that stood in somebody's way, by checkout id."""

    def __init__(self, checkout_ids: Sequence[str]) -> None:
        self.checkout_ids = checkout_ids


def without_overdue(decide: Callable[[int], Steps[ResultT]]) -> Steps[ResultT]:
    """Make a decision in a transaction of its own, again while overdue holds stand in its way.

    Where an adopted shop keeps rows of some, these are left out, and it is decided beside them.

    Args:
        decide: told how many overdue holds to look for at most; 0 decides without looking.

    Raises:
        LedgerGaveWay: too often, or what is busy is what has to be ended first.
    """
    turn = Turn(OVERDUE_BATCH_MAX, REFUSALS_FOR_A_BUYER_MAX)
    is_all_busy = False
    for passes_left in reversed(range(DECISION_PASSES_MAX)):
        left_out = len(turn.checkout_ids)
        overdue_max = OVERDUE_BATCH_MAX + left_out if passes_left and not is_all_busy else 0
        try:
            return (yield from in_transaction(decide(overdue_max)))
        except OverdueInTheWay as found:
            yield ROLLBACK
            if is_all_busy:
                raise LedgerGaveWay("the shop has rows of a hold that must end first") from None
            free = yield from without_busy(turn, found.checkout_ids)
            is_all_busy = not free and len(turn.checkout_ids) == left_out
            yield from _end_what_is_free(turn, free)
    raise RuntimeError("the last pass looks for nothing that stands in the way")


def _end_what_is_free(turn: Turn, checkout_ids: Sequence[str]) -> Steps[None]:
    """End overdue holds, but for those of which a shop keeps rows: the turn leaves them out."""
    while checkout_ids:
        batch = checkout_ids[: turn.size]
        try:
            yield from close([Closing(id, "expired") for id in batch])
        except LedgerGaveWay as refusal:
            if not (yield from goes_on_without(turn, refusal, batch)):
                raise
            checkout_ids = yield from without_busy(turn, checkout_ids)
        else:
            turn.went_well()
            checkout_ids = checkout_ids[len(batch) :]


def look_for_overdue(item_ids: Sequence[int], at: datetime, overdue_max: int) -> Steps[None]:
    """Look for overdue holds on stock items of which there is too little.

    Args:
        item_ids: the items.
        at: the ledger's clock, read under their locks.
        overdue_max: at most so many are looked for, 0 or more.

    Raises:
        OverdueInTheWay: there are some, so the transaction is to be undone.
    """
    if not (item_ids and overdue_max):
        return
    rows = yield Call(
        statements.FIND_OVERDUE_ON,
        {"item_ids": list(item_ids), "at": at, "batch_size_max": overdue_max},
    )
    if rows:
        raise OverdueInTheWay([row.checkout_id for row in rows])
