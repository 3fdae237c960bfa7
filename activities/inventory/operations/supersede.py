"""Supersede: a new hold takes over the units of an open one of the same customer or cart.

In one transaction: what both want stays reserved, the rest of the old units is given back, and what
is new is taken. If that cannot be had the new one is denied, and the old one goes on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from activities.inventory.allocation.places import place_of
from activities.inventory.allocation.rule import allocate
from activities.inventory.allocation.wants import Pick, StockKey
from activities.inventory.database.calls import ROLLBACK, Call, Steps
from activities.inventory.database.errors import RequestRefused, ReservationConflict
from activities.inventory.operations.carts import read_carts, reserve_state
from activities.inventory.operations.overdue import (
    OverdueInTheWay,
    look_for_overdue,
    without_overdue,
)
from activities.inventory.operations.reserve import ReserveAnswer, ReserveBatch, deny, hold_or_deny
from activities.inventory.operations.shortages import (
    LockedStock,
    lock_levels,
    require_items,
    short_items,
)
from activities.inventory.operations.standing import read_rows
from activities.inventory.records import ReservationState, reservation_state
from activities.inventory.sql.statements import reservations as statements
from holdfast_client.contract.messages import CheckoutRequest

_OPEN: Final = frozenset({"held", "committed"})


class _MayNotSupersede(Exception):
    """The checkout to be superseded is somebody else's, or is paid."""


class _IsKnown(Exception):
    """The new id was asked for before; by what the old one is superseded. Nothing is changed."""

    def __init__(self, superseded_by: str | None) -> None:
        self.superseded_by = superseded_by


def supersede(request: CheckoutRequest, hold_seconds_cap: int) -> Steps[ReserveAnswer]:
    """Hold a request that names another checkout, or deny it; each try is a transaction."""
    batch = ReserveBatch.of([request])
    try:
        return (
            yield from without_overdue(
                lambda overdue_max: decide(batch, request, hold_seconds_cap, overdue_max)
            )
        )
    except _IsKnown as known:
        # An old id that nobody knew is not taken by it either.
        yield ROLLBACK
        return (yield from _known(batch, request.checkout_id, known.superseded_by))
    except _MayNotSupersede:
        yield ROLLBACK
        return ReservationConflict(
            f"checkout {request.checkout_id} cannot supersede {request.supersedes}: that is of "
            "another customer and cart, or is paid",
            ("supersedes",),
        )


def decide(
    batch: ReserveBatch, request: CheckoutRequest, hold_seconds_cap: int, overdue_max: int
) -> Steps[ReserveAnswer]:
    """Decide in one transaction.

    Raises:
        OverdueInTheWay: nobody may be denied yet, so the transaction is to be undone.
        _IsKnown, _MayNotSupersede: nothing is decided, and it is to be undone, too.
    """
    id, supersedes = request.checkout_id, str(request.supersedes)
    claims = yield Call(
        statements.CLAIM_SUPERSEDING,
        {
            "checkout_id": id,
            "supersedes": supersedes,
            "customer_id": request.customer_id,
            "cart_id": request.cart_id,
            "digest": batch.digests[id],
        },
    )
    numbers = {row.checkout_id: row.id for row in claims if row.checkout_id == id}
    yield Call(statements.LOCK_RESERVATIONS, {"checkout_ids": [id, supersedes]})
    (old,) = yield Call(statements.READ_SUPERSEDED, {"checkout_id": supersedes})
    if id not in numbers:
        raise _IsKnown(old.superseded_by)
    _require_time(request, old, old.at)
    carts, refused = yield from read_carts(batch.of_carts, numbers)
    batch = batch.with_carts(carts)
    states: Mapping[str, ReservationState | RequestRefused]
    if refused:
        states = refused
    elif old.status not in _OPEN:
        states = yield from hold_or_deny(batch, numbers, overdue_max)
    elif old.status == "committed" or not _are_of_one(batch.requests[id], old):
        raise _MayNotSupersede
    else:
        states = yield from _take_over(batch, numbers[id], old, hold_seconds_cap, overdue_max)
    (answer,) = batch.answers(batch.digests, states)
    return answer


def _require_time(request: CheckoutRequest, old: Any, at: datetime) -> None:
    """Raise OverdueInTheWay where the old hold is past its deadline: it is to be ended first."""
    if old.status == "held" and at >= old.ends_at:
        raise OverdueInTheWay([str(request.supersedes)])


def _known(batch: ReserveBatch, id: str, superseded_by: str | None) -> Steps[ReserveAnswer]:
    row = (yield from read_rows([id]))[id]
    state = reserve_state(row)
    if isinstance(state, ReservationState):
        state = replace(state, supersedes=superseded_by == id)
    (answer,) = batch.answers({id: row.digest}, {id: state})
    return answer


def _are_of_one(request: CheckoutRequest, old: Any) -> bool:
    """Say whether both name the same customer, or the same cart."""
    is_customer = request.customer_id is not None and request.customer_id == old.customer_id
    return is_customer or (request.cart_id is not None and request.cart_id == old.cart_id)


def _take_over(
    batch: ReserveBatch, number: int, old: Any, hold_seconds_cap: int, overdue_max: int
) -> Steps[dict[str, ReservationState]]:
    (request,) = batch.requests.values()
    id = request.checkout_id
    rows = yield Call(statements.READ_OPEN_LINES, {"id": old.id})
    own = {(row.sku, row.location): row.quantity for row in rows if row.quantity}
    (demand,) = batch.demands([id])
    wanted = [(want.sku, place_of(want)) for want in demand.wants]
    locked = yield from lock_levels([*wanted, *own], own)
    require_items([row for row in rows if row.quantity], locked)
    _require_time(request, old, locked.at)
    (allocation,) = allocate([demand], locked.levels)
    lacking = allocation.shortfalls
    yield from look_for_overdue(short_items(lacking, locked), locked.at, overdue_max)
    if lacking:
        return (yield from deny({id: number}, {id: lacking}, locked, old.id))
    yield Call(
        statements.SUPERSEDE,
        {
            "id": number,
            "old": old.id,
            "seconds": request.hold_seconds,
            "cap_seconds": hold_seconds_cap,
            **_columns(allocation.picks, own, locked),
        },
    )
    row = (yield from read_rows([id]))[id]
    return {id: replace(reservation_state(row), supersedes=True)}


def _columns(
    picks: tuple[Pick, ...], own: Mapping[StockKey, int], locked: LockedStock
) -> dict[str, list[Any]]:
    return {
        "items": [pick.item_id for pick in picks],
        "quantities": [pick.quantity for pick in picks],
        "old_items": [locked.levels[key].item_id for key in own],
        "old_quantities": list(own.values()),
    }
