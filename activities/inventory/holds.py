"""The transactions on reservations, each run inside one that the ledger has opened.

Order of locks, the same in each: claim ids, lock reservations, lock stock; each by id.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from activities.inventory import statements
from activities.inventory.allocation import (
    Allocation,
    Demand,
    Shortfall,
    StockKey,
    StockLevel,
    allocate,
)
from activities.inventory.errors import ReservationConflict
from activities.inventory.records import (
    Closing,
    ExtensionAnswer,
    ExtensionVerdict,
    HoldExtension,
    ReservationState,
    request_digest,
    reservation_state,
)
from holdfast_client.messages import CheckoutRequest
from holdfast_client.names import checkout_id_of, checkout_workflow_id
from holdfast_client.outcomes import Held, Shortage


@dataclass(frozen=True, slots=True)
class ReservePass:
    """One try at reserving a batch.

    ``overdue`` names holds past their deadline that stood in somebody's way. While there are
    any, nothing may be denied: the transaction is to be undone, those ended, and it tried again.
    """

    answers: tuple[ReservationState | ReservationConflict, ...] = ()
    overdue: tuple[str, ...] = ()


def reserve(
    connection: Connection, requests: Sequence[CheckoutRequest], overdue_max: int
) -> ReservePass:
    """Decide a batch of requests, or say which overdue holds must end before it can be decided.

    Args:
        connection: in a transaction.
        requests: normalized; of equal checkout ids the first counts.
        overdue_max: at most so many overdue holds are named; 0 decides without looking for any.
    """
    by_id: dict[str, CheckoutRequest] = {}
    for request in requests:
        by_id.setdefault(checkout_workflow_id(request.checkout_id), request)
    claimed = _claim_requests(connection, by_id)
    fresh = [_demand(id, request) for id, request in by_id.items() if id in claimed]
    stock = _lock_demanded(connection, fresh)
    at = connection.execute(statements.CLOCK).scalar_one()
    allocations = allocate(fresh, stock)
    short_ids = _short_items(allocations, stock)
    if short_ids and overdue_max:
        overdue = _find_overdue(connection, short_ids, at, overdue_max)
        if overdue:
            return ReservePass(overdue=overdue)
    _grant(connection, [a.demand for a in allocations if a.granted], by_id, stock, at)
    _deny(connection, [a for a in allocations if not a.granted], stock, short_ids, at)
    states = _read(connection, by_id)
    return ReservePass(answers=tuple(_answer(request, states) for request in requests))


def close(connection: Connection, closings: Sequence[Closing]) -> tuple[ReservationState, ...]:
    """End a batch of holds and return where each reservation stands.

    Of several wishes for an id the first counts, but an expiry, which may come to nothing, gives
    way to any other. One that lost a race gets the outcome that won. An id that was never reserved
    becomes a closed row, so that a reserve that comes late is refused.
    """
    by_id: dict[str, Closing] = {}
    for closing in closings:
        known = by_id.setdefault(closing.reservation_id, closing)
        if known.status == "expired":
            by_id[closing.reservation_id] = closing
    _claim_tombstones(connection, by_id)
    connection.execute(statements.LOCK_RESERVATIONS, {"ids": list(by_id)})
    _close_locked(connection, by_id)
    states = _read(connection, by_id)
    return tuple(reservation_state(states[closing.reservation_id]) for closing in closings)


def expire_overdue(connection: Connection, grace_seconds: float, batch_size_max: int) -> int:
    """End a batch of holds that are overdue by more than the grace period; return how many."""
    limits = {"grace_seconds": grace_seconds, "batch_size_max": batch_size_max}
    ids = connection.execute(statements.LOCK_OVERDUE, limits).scalars().all()
    if not ids:
        return 0
    wishes = {
        id: Closing(checkout_id_of(id), "expired", reason="overdue", actor="reconciler")
        for id in ids
    }
    return _close_locked(connection, wishes)


def extend(
    connection: Connection, extensions: Sequence[HoldExtension], hold_seconds_cap: int
) -> tuple[ExtensionAnswer, ...]:
    """Move the deadlines of live holds; of several for one id the furthest under the cap counts.

    An id that was never reserved becomes a closed row, as in :func:`close`.
    """
    by_id = {
        extension.reservation_id: Closing(extension.checkout_id, "expired")
        for extension in extensions
    }
    _claim_tombstones(connection, by_id)
    connection.execute(statements.LOCK_RESERVATIONS, {"ids": list(by_id)})
    connection.execute(
        statements.EXTEND,
        {
            "ids": [extension.reservation_id for extension in extensions],
            "deadlines": [extension.expires_at for extension in extensions],
            "hold_seconds_cap": hold_seconds_cap,
        },
    )
    states = _read(connection, by_id)
    return tuple(_extension_answer(e, states[e.reservation_id]) for e in extensions)


def read(connection: Connection, checkout_ids: Sequence[str]) -> dict[str, ReservationState]:
    """Return where reservations stand, by checkout id; unknown ones are left out."""
    rows = _read(connection, [checkout_workflow_id(id) for id in checkout_ids])
    return {row.checkout_id: reservation_state(row) for row in rows.values()}


# --- reserve -------------------------------------------------------------------------------------


def _demand(reservation_id: str, request: CheckoutRequest) -> Demand:
    lines = {(line.sku, str(line.location)): line.quantity for line in request.lines}
    return Demand(reservation_id, lines)


def _claim_requests(connection: Connection, requests: Mapping[str, CheckoutRequest]) -> set[str]:
    count = len(requests)
    rows = connection.execute(
        statements.CLAIM_RESERVATIONS,
        {
            "ids": list(requests),
            "checkout_ids": [request.checkout_id for request in requests.values()],
            "statuses": ["denied"] * count,
            "customer_ids": [request.customer_id for request in requests.values()],
            "cart_ids": [request.cart_id for request in requests.values()],
            "reasons": [""] * count,
            "actors": [""] * count,
            "digests": [request_digest(request) for request in requests.values()],
        },
    )
    return set(rows.scalars())


def _lock_demanded(connection: Connection, demands: Iterable[Demand]) -> dict[StockKey, StockLevel]:
    keys = sorted({key for demand in demands for key in demand.lines})
    if not keys:
        return {}
    found = connection.execute(
        statements.FIND_STOCK,
        {"skus": [sku for sku, _ in keys], "locations": [location for _, location in keys]},
    ).all()
    rows = connection.execute(statements.LOCK_STOCK, {"ids": [row.id for row in found]})
    return {
        (row.sku, row.location): StockLevel(
            row.id, row.active, row.total_quantity - row.reserved_quantity
        )
        for row in rows
    }


def _short_items(
    allocations: Sequence[Allocation], stock: Mapping[StockKey, StockLevel]
) -> list[int]:
    return sorted(
        {
            stock[shortfall.key].item_id
            for allocation in allocations
            for shortfall in allocation.shortfalls
            if shortfall.reason == "insufficient"
        }
    )


def _find_overdue(
    connection: Connection, item_ids: Sequence[int], at: datetime, overdue_max: int
) -> tuple[str, ...]:
    rows = connection.execute(
        statements.FIND_OVERDUE_ON,
        {"item_ids": list(item_ids), "at": at, "batch_size_max": overdue_max},
    )
    return tuple(rows.scalars())


def _grant(
    connection: Connection,
    demands: Sequence[Demand],
    requests: Mapping[str, CheckoutRequest],
    stock: Mapping[StockKey, StockLevel],
    at: datetime,
) -> None:
    if not demands:
        return
    lines = [
        (demand.reservation_id, stock[key].item_id, quantity)
        for demand in demands
        for key, quantity in demand.lines.items()
    ]
    ids = [demand.reservation_id for demand in demands]
    connection.execute(
        statements.GRANT,
        {
            "ids": ids,
            "deadlines": [at + timedelta(seconds=requests[id].hold_seconds) for id in ids],
            "line_ids": [reservation_id for reservation_id, _, _ in lines],
            "line_items": [item_id for _, item_id, _ in lines],
            "line_quantities": [quantity for _, _, quantity in lines],
            "at": at,
        },
    )


def _deny(
    connection: Connection,
    refused: Sequence[Allocation],
    stock: Mapping[StockKey, StockLevel],
    short_ids: Sequence[int],
    at: datetime,
) -> None:
    if not refused:
        return
    next_expiries: dict[int, datetime | None] = {}
    if short_ids:
        rows = connection.execute(statements.FIND_NEXT_EXPIRY, {"item_ids": list(short_ids)})
        next_expiries = {row.id: row.next_expiry for row in rows}
    shortages = [
        [
            _shortage(shortfall, stock, next_expiries).model_dump(mode="json")
            for shortfall in allocation.shortfalls
        ]
        for allocation in refused
    ]
    connection.execute(
        statements.DENY,
        {
            "ids": [allocation.demand.reservation_id for allocation in refused],
            "shortages": [json.dumps(found) for found in shortages],
            "at": at,
        },
    )


def _shortage(
    shortfall: Shortfall,
    stock: Mapping[StockKey, StockLevel],
    next_expiries: Mapping[int, datetime | None],
) -> Shortage:
    sku, location = shortfall.key
    level = stock.get(shortfall.key)
    return Shortage(
        sku=sku,
        location=location,
        requested=shortfall.requested,
        available=shortfall.available,
        reason=shortfall.reason,
        next_expiry=next_expiries.get(level.item_id) if level else None,
    )


def _answer(
    request: CheckoutRequest, states: Mapping[str, Any]
) -> ReservationState | ReservationConflict:
    row = states[checkout_workflow_id(request.checkout_id)]
    # A tombstone has no digest: whatever was asked, the answer is that it is over.
    if row.request_digest not in (None, request_digest(request)):
        return ReservationConflict(
            f"checkout {request.checkout_id} was made with a different request"
        )
    return reservation_state(row)


# --- close, extend -------------------------------------------------------------------------------


def _claim_tombstones(connection: Connection, closings: Mapping[str, Closing]) -> None:
    count = len(closings)
    connection.execute(
        statements.CLAIM_RESERVATIONS,
        {
            "ids": list(closings),
            "checkout_ids": [closing.checkout_id for closing in closings.values()],
            # Nothing was held, so nothing can have been sold.
            "statuses": [
                "cancelled" if closing.status == "cancelled" else "expired"
                for closing in closings.values()
            ],
            "customer_ids": [None] * count,
            "cart_ids": [None] * count,
            "reasons": [closing.reason for closing in closings.values()],
            "actors": [closing.actor for closing in closings.values()],
            "digests": [None] * count,
        },
    )


def _close_locked(connection: Connection, closings: Mapping[str, Closing]) -> int:
    ids = list(closings)
    items = connection.execute(statements.FIND_LINE_ITEMS, {"ids": ids}).scalars().all()
    if not items:
        return 0
    connection.execute(statements.LOCK_STOCK, {"ids": list(items)})
    closed = connection.execute(
        statements.CLOSE,
        {
            "ids": ids,
            "statuses": [closing.status for closing in closings.values()],
            "reasons": [closing.reason for closing in closings.values()],
            "actors": [closing.actor for closing in closings.values()],
            "payment_references": [closing.payment_reference for closing in closings.values()],
        },
    )
    return len(closed.all())


def _extension_answer(extension: HoldExtension, row: Any) -> ExtensionAnswer:
    state = reservation_state(row)
    return ExtensionAnswer(_extension_verdict(extension, state), state)


def _extension_verdict(extension: HoldExtension, state: ReservationState) -> ExtensionVerdict:
    if not isinstance(state.outcome, Held) or (state.remaining_seconds or 0.0) <= 0.0:
        return "not_active"
    if state.outcome.expires_at < extension.expires_at:
        return "over_cap"
    return "extended"


def _read(connection: Connection, ids: Iterable[str]) -> dict[str, Any]:
    rows = connection.execute(statements.READ_RESERVATIONS, {"ids": list(ids)})
    return {row.id: row for row in rows}
