"""Holds past their deadline that nothing has ended yet: nobody is refused because of them.

They cannot be ended in the transaction that meets them, because it has stock locked by then, and
reservations are locked before stock. So it is undone, they are ended, and it is made anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from activities.inventory.database.calls import ROLLBACK, Call, ResultT, Steps, in_transaction
from activities.inventory.operations.close import close
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

    Args:
        decide: told how many overdue holds to look for at most; 0 decides without looking.
    """
    for passes_left in reversed(range(DECISION_PASSES_MAX)):
        overdue_max = OVERDUE_BATCH_MAX if passes_left else 0
        try:
            return (yield from in_transaction(decide(overdue_max)))
        except OverdueInTheWay as found:
            yield ROLLBACK
            yield from close([Closing(id, "expired") for id in found.checkout_ids])
    raise RuntimeError("the last pass looks for nothing that stands in the way")


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
