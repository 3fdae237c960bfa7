"""Reserve: hold all lines of a request, or none and record why.

What fits needs no decision and is one call. Where that finds something to decide, the rule decides
in a transaction, and while overdue holds stand in somebody's way nobody is denied: the transaction
is undone, they are ended, and it is tried again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from activities.inventory.allocation.places import place_of
from activities.inventory.allocation.rule import allocate
from activities.inventory.allocation.wants import Pick, Shortfall
from activities.inventory.database.arrays import array_text
from activities.inventory.database.calls import Call, SomethingToDecide, Steps, scalar
from activities.inventory.operations.batch import ReserveAnswer, ReserveBatch
from activities.inventory.operations.carts import reserve_state, with_cart_lines
from activities.inventory.operations.overdue import look_for_overdue, without_overdue
from activities.inventory.operations.shortages import (
    LockedStock,
    lock_levels,
    short_items,
    tell_shortages,
)
from activities.inventory.operations.standing import read_rows
from activities.inventory.records import (
    ReservationState,
    held_state,
    shortages_json,
)
from activities.inventory.sql.statements import reservations as statements
from holdfast_client.contract.messages import CheckoutRequest
from holdfast_client.contract.outcomes import Denied


def reserve(requests: Sequence[CheckoutRequest]) -> Steps[tuple[ReserveAnswer, ...]]:
    """Hold or deny each request; answer what it was answered before; or tell a conflict."""
    batch = ReserveBatch.of(requests)
    if not batch.carts and (answers := (yield from hold_what_fits(batch))):
        return answers
    return (yield from without_overdue(lambda overdue_max: decide(batch, overdue_max)))


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
    batch, refused = yield from with_cart_lines(batch, numbers)
    open_claims = {id: number for id, number in numbers.items() if id not in refused}
    decided = yield from hold_or_deny(batch, open_claims, overdue_max)
    known = yield from read_rows(batch.requests.keys() - numbers.keys())
    states = decided | refused | {id: reserve_state(row) for id, row in known.items()}
    digests = {**batch.digests, **{id: row.digest for id, row in known.items()}}
    return batch.answers(digests, states)


def hold_or_deny(
    batch: ReserveBatch, numbers: Mapping[str, int], overdue_max: int
) -> Steps[dict[str, ReservationState]]:
    """Hold what can be had, first come first served, and deny the rest.

    Args:
        batch: what is asked for.
        numbers: of the claims, by checkout id.
        overdue_max: as of :func:`decide`.
    """
    demands = batch.demands(id for id in batch.requests if id in numbers)
    if not demands:
        return {}
    keys = [(want.sku, place_of(want)) for demand in demands for want in demand.wants]
    locked = yield from lock_levels(keys, {})
    allocations = allocate(demands, locked.levels)
    granted = {a.demand.checkout_id: a.picks for a in allocations if a.granted}
    refused = {a.demand.checkout_id: a.shortfalls for a in allocations if not a.granted}
    lacking = [shortfall for shortfalls in refused.values() for shortfall in shortfalls]
    yield from look_for_overdue(short_items(lacking, locked), locked.at, overdue_max)
    held = yield from _hold(batch, numbers, granted, locked.at)
    denied = yield from deny(numbers, refused, locked)
    return held | denied


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


def deny(
    numbers: Mapping[str, int],
    refused: Mapping[str, Sequence[Shortfall]],
    locked: LockedStock,
    besides: int | None = None,
) -> Steps[dict[str, ReservationState]]:
    """Record what was refused and why; return where it stands.

    Args:
        numbers: of the claims, by checkout id.
        refused: what they lack, by checkout id.
        locked: the stock.
        besides: the reservation whose own deadline is none of those that are told.
    """
    if not refused:
        return {}
    shortages = yield from tell_shortages(refused, locked, besides)
    yield Call(
        statements.DENY_RESERVATIONS,
        {
            "at": locked.at,
            "ids": array_text(numbers[id] for id in shortages),
            "shortages": array_text(shortages_json(found) for found in shortages.values()),
        },
    )
    return {id: ReservationState(Denied(shortages=found), None) for id, found in shortages.items()}


def _held(
    batch: ReserveBatch, checkout_ids: Iterable[str], at: datetime
) -> dict[str, ReservationState]:
    return {id: held_state(batch.requests[id], at) for id in checkout_ids}
