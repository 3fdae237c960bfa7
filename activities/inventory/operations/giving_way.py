"""Ends of many holds where an adopted shop has some of their rows: the others are ended.

A transaction has all the rows that it needs or none. So it is made again without what is busy, and
one row that the shop keeps costs those holds alone that have something of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from activities.inventory.database.calls import Call, Steps, scalar
from activities.inventory.database.errors import LedgerGaveWay
from activities.inventory.sql.statements import reservations as statements

# Each takes as long as the ledger waits for a shop, 300 ms; an activity has 10 s.
REFUSALS_IN_A_TURN_MAX: Final = 8
# A buyer waits for it, and a worker's first try may take 2 s.
REFUSALS_FOR_A_BUYER_MAX: Final = 5
# Where it is not told what is busy, the next try is for so many times fewer.
SHARES: Final = 4


class Turn:
    """What a turn that ends holds does next, and what it leaves out.

    Args:
        size_max: as many are ended in one transaction, 1 or more.
        refusals_max: after so many it ends, 1 or more.
    """

    def __init__(self, size_max: int, refusals_max: int) -> None:
        self.size = size_max
        self._size_max = size_max
        self._refusals_left = refusals_max
        self.item_ids: set[int] = set()
        self.checkout_ids: set[str] = set()

    def went_well(self) -> None:
        """So many could be ended: next take more, if there were fewer than at first."""
        self.size = min(self.size * SHARES, self._size_max)

    def gave_way(self, item_ids: frozenset[int], checkout_ids: Sequence[str]) -> bool:
        """Make the next try a smaller one; say whether there may be one.

        Args:
            item_ids: of which the shop has the rows, as far as it is known.
            checkout_ids: what was to be ended, one or more.
        """
        self._refusals_left -= 1
        if item_ids - self.item_ids:
            self.item_ids |= item_ids
        elif len(checkout_ids) > 1:
            self.size = max(len(checkout_ids) // SHARES, 1)
        else:
            self.checkout_ids.update(checkout_ids)
        return self._refusals_left > 0


def goes_on_without(turn: Turn, refusal: LedgerGaveWay, checkout_ids: Sequence[str]) -> Steps[bool]:
    """Say whether a turn goes on after a refusal: not where it was no shop that had the rows."""
    if not (refusal.item_ids or (yield from scalar(Call(statements.IS_ADOPTED)))):
        return False
    return turn.gave_way(refusal.item_ids, checkout_ids)


def without_busy(turn: Turn, checkout_ids: Sequence[str]) -> Steps[list[str]]:
    """Return those of these holds that the turn does not leave out."""
    if turn.item_ids and checkout_ids:
        rows = yield Call(
            statements.FIND_WITH_ITEMS,
            {"checkout_ids": list(checkout_ids), "item_ids": sorted(turn.item_ids)},
        )
        turn.checkout_ids.update(row.checkout_id for row in rows)
    return [id for id in checkout_ids if id not in turn.checkout_ids]
