"""Reserve: hold all lines of a request, or none and record why.

What fits needs no decision and is one call. Where that finds something to decide, the rule decides
in a transaction, and while overdue holds stand in somebody's way nobody is denied: the transaction
is undone, they are ended, and it is tried again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from activities.inventory.allocation.places import place_of
from activities.inventory.allocation.rule import Allocation, allocate
from activities.inventory.allocation.wants import Demand, Pick, Shortfall, StockKey, StockLevel
from activities.inventory.database.arrays import array_text
from activities.inventory.database.calls import (
    ROLLBACK,
    Call,
    SomethingToDecide,
    Steps,
    in_transaction,
    scalar,
)
from activities.inventory.operations.batch import ReserveAnswer, ReserveBatch
from activities.inventory.operations.close import close
from activities.inventory.operations.standing import read_rows
from activities.inventory.records import (
    Closing,
    ReservationState,
    held_state,
    reservation_state,
    shortages_json,
)
from activities.inventory.sql.statements import reservations as statements
from activities.inventory.sql.statements.stock import LOCK_STOCK
from holdfast_client.contract.messages import CheckoutRequest
from holdfast_client.contract.outcomes import Denied, Shortage

# A reserve that meets overdue holds ends them and tries again, at most so often. After that it
# decides with what is there: many thousands of overdue holds on one SKU were ended on the way.
RESERVE_PASSES_MAX: Final = 24
OVERDUE_BATCH_MAX: Final = 500


@dataclass(frozen=True, slots=True)
class Locked:
    """The stock that is demanded, and the time at which all of it was locked."""

    stock: Mapping[StockKey, StockLevel]
    at: datetime


class OverdueInTheWay(Exception):
    """Holds past their deadline that stood in somebody's way, by checkout id."""

    def __init__(self, checkout_ids: Sequence[str]) -> None:
        self.checkout_ids = checkout_ids


def reserve(requests: Sequence[CheckoutRequest]) -> Steps[tuple[ReserveAnswer, ...]]:
    """Hold or deny each request; answer what it was answered before; or tell a conflict."""
    batch = ReserveBatch.of(requests)
    answers = yield from hold_what_fits(batch)
    if answers:
        return answers
    for passes_left in reversed(range(RESERVE_PASSES_MAX)):
        overdue_max = OVERDUE_BATCH_MAX if passes_left else 0
        try:
            return (yield from in_transaction(decide(batch, overdue_max)))
        except OverdueInTheWay as found:
            yield ROLLBACK
            yield from close([Closing(id, "expired") for id in found.checkout_ids])
    raise RuntimeError("the last pass looks for nothing that stands in the way")


def hold_what_fits(batch: ReserveBatch) -> Steps[tuple[ReserveAnswer, ...]]:
    """Hold all of a batch where all of it is new and can be had; answer nothing where it cannot."""
    try:
        began = yield from scalar(Call(statements.RESERVE_WHAT_FITS, batch.picks()))
    except SomethingToDecide:
        return ()
    if began is None:
        return ()
    return batch.answers(batch.digests, _held(batch, batch.requests, began))


def decide(batch: ReserveBatch, overdue_max: int) -> Steps[tuple[ReserveAnswer, ...]]:
    """Decide a batch, in one transaction.

    Args:
        batch: what is asked for.
        overdue_max: at most so many overdue holds are looked for; 0 decides without looking.

    Raises:
        OverdueInTheWay: nobody may be denied yet, so the transaction is to be undone.
    """
    claims = yield Call(statements.CLAIM_RESERVATIONS, batch.claims())
    numbers: dict[str, int] = {row.checkout_id: row.id for row in claims}
    decided = yield from _hold_or_deny(batch, numbers, overdue_max)
    known = yield from read_rows(batch.requests.keys() - numbers.keys())
    states = decided | {id: reservation_state(row) for id, row in known.items()}
    digests = {**batch.digests, **{id: row.digest for id, row in known.items()}}
    return batch.answers(digests, states)


def _hold_or_deny(
    batch: ReserveBatch, numbers: Mapping[str, int], overdue_max: int
) -> Steps[dict[str, ReservationState]]:
    """Hold what can be had, first come first served, and deny the rest."""
    demands = batch.demands(id for id in batch.requests if id in numbers)
    if not demands:
        return {}
    locked = yield from _lock(demands)
    allocations = allocate(demands, locked.stock)
    granted = {a.demand.checkout_id: a.picks for a in allocations if a.granted}
    refused = {a.demand.checkout_id: a.shortfalls for a in allocations if not a.granted}
    short_items = _short_items(allocations, locked)
    if short_items and overdue_max:
        yield from _look_for_overdue(short_items, locked.at, overdue_max)
    held = yield from _hold(batch, numbers, granted, locked.at)
    denied = yield from _deny(numbers, refused, short_items, locked)
    return held | denied


def _lock(demands: Iterable[Demand]) -> Steps[Locked]:
    keys = sorted({(want.sku, place_of(want)) for demand in demands for want in demand.wants})
    rows = yield Call(
        LOCK_STOCK,
        {
            "skus": array_text(sku for sku, _ in keys),
            "locations": array_text(location for _, location in keys),
        },
    )
    stock = {
        (row.sku, row.location): StockLevel(row.id, row.active, row.for_sale_quantity)
        for row in rows
    }
    at = max(row.at for row in rows) if rows else (yield from scalar(Call(statements.CLOCK, {})))
    return Locked(stock, at)


def _short_items(allocations: Iterable[Allocation], locked: Locked) -> list[int]:
    return sorted(
        {
            locked.stock[shortfall.key].item_id
            for allocation in allocations
            for shortfall in allocation.shortfalls
            if shortfall.reason == "insufficient"
        }
    )


def _look_for_overdue(item_ids: Sequence[int], at: datetime, overdue_max: int) -> Steps[None]:
    rows = yield Call(
        statements.FIND_OVERDUE_ON,
        {"item_ids": array_text(item_ids), "at": at, "batch_size_max": overdue_max},
    )
    if rows:
        raise OverdueInTheWay([row.checkout_id for row in rows])


def _hold(
    batch: ReserveBatch,
    numbers: Mapping[str, int],
    granted: Mapping[str, Sequence[Pick]],
    at: datetime,
) -> Steps[dict[str, ReservationState]]:
    if not granted:
        return {}
    lines = [(numbers[id], pick) for id, picks in granted.items() for pick in picks]
    yield Call(
        statements.HOLD_RESERVATIONS,
        {
            "at": at,
            "ids": array_text(numbers[id] for id in granted),
            "seconds": array_text(batch.requests[id].hold_seconds for id in granted),
            "line_ids": array_text(number for number, _ in lines),
            "line_items": array_text(pick.item_id for _, pick in lines),
            "line_quantities": array_text(pick.quantity for _, pick in lines),
        },
    )
    return _held(batch, granted, at)


def _deny(
    numbers: Mapping[str, int],
    refused: Mapping[str, Sequence[Shortfall]],
    short_items: Sequence[int],
    locked: Locked,
) -> Steps[dict[str, ReservationState]]:
    if not refused:
        return {}
    rows = yield Call(statements.FIND_NEXT_EXPIRY, {"item_ids": array_text(short_items)})
    next_expiries = {row.id: row.next_expiry for row in rows}
    shortages = {
        id: tuple(_shortage(shortfall, locked, next_expiries) for shortfall in shortfalls)
        for id, shortfalls in refused.items()
    }
    yield Call(
        statements.DENY_RESERVATIONS,
        {
            "at": locked.at,
            "ids": array_text(numbers[id] for id in shortages),
            "shortages": array_text(shortages_json(found) for found in shortages.values()),
        },
    )
    return {id: ReservationState(Denied(shortages=found), None) for id, found in shortages.items()}


def _shortage(
    shortfall: Shortfall, locked: Locked, next_expiries: Mapping[int, datetime | None]
) -> Shortage:
    sku, location = shortfall.key
    level = locked.stock.get(shortfall.key)
    return Shortage(
        sku=sku,
        location=location,
        requested=shortfall.requested,
        available=shortfall.available,
        reason=shortfall.reason,
        next_expiry=next_expiries.get(level.item_id) if level else None,
    )


def _held(
    batch: ReserveBatch, checkout_ids: Iterable[str], at: datetime
) -> dict[str, ReservationState]:
    return {id: held_state(batch.requests[id], at) for id in checkout_ids}
