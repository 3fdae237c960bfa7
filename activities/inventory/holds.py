"""What is done to reservations, on a connection that the ledger has opened.

Reserving what fits, and closing, are one call each and need no transaction around them; all else
is to be called in one.

Order of locks, the same in each: claim ids, lock reservations, lock stock; each by id.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, exc

from activities.inventory import statements
from activities.inventory.allocation import (
    Allocation,
    Demand,
    Shortfall,
    StockKey,
    StockLevel,
    allocate,
)
from activities.inventory.arrays import array_text
from activities.inventory.extensions import ExtensibleHold, MadeExtension, decide_extensions
from activities.inventory.records import (
    Closing,
    ExtensionAnswer,
    HoldExtension,
    ReservationState,
    reservation_state,
    shortages_json,
)
from activities.inventory.reserve_batch import ReserveAnswer, ReserveBatch
from holdfast_client.names import checkout_id_of, checkout_workflow_id
from holdfast_client.outcomes import Denied, Shortage


@dataclass(frozen=True, slots=True)
class ReservePass:
    """One try at reserving a batch.

    ``overdue`` names holds past their deadline that stood in somebody's way. While there are
    any, nothing may be denied: the transaction is to be undone, those ended, and it tried again.
    """

    answers: tuple[ReserveAnswer, ...] = ()
    overdue: tuple[str, ...] = ()


def reserve_what_fits(connection: Connection, batch: ReserveBatch) -> tuple[ReserveAnswer, ...]:
    """Hold all of a batch where all of it is new and can be had; answer nothing where it cannot.

    Args:
        connection: one statement is made, so it need not be in a transaction.
        batch: what is asked for.
    """
    try:
        at = connection.execute(statements.RESERVE_WHAT_FITS, batch.holds()).scalar_one()
    except exc.DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != statements.SOMETHING_TO_DECIDE:
            raise
        return ()
    return batch.answers(batch.digests, batch.held(batch.requests, at)) if at else ()


def reserve(connection: Connection, batch: ReserveBatch, overdue_max: int) -> ReservePass:
    """Decide a batch of requests, or say which overdue holds must end before it can be decided.

    Args:
        connection: in a transaction.
        batch: what is asked for.
        overdue_max: at most so many overdue holds are named; 0 decides without looking for any.
    """
    claimed = set(connection.execute(statements.CLAIM_RESERVATIONS, batch.claims()).scalar_one())
    fresh = batch.demands(id for id in batch.requests if id in claimed)
    overdue, states = _decide(connection, fresh, batch, overdue_max)
    if overdue:
        return ReservePass(overdue=overdue)
    known = _read(connection, sorted(batch.requests.keys() - claimed))
    states |= {id: reservation_state(row) for id, row in known.items()}
    digests = {**batch.digests, **{id: row.request_digest for id, row in known.items()}}
    return ReservePass(answers=batch.answers(digests, states))


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
    closed = _close(connection, by_id)
    states = {**closed, **_read(connection, by_id.keys() - closed.keys())}
    return tuple(reservation_state(states[closing.reservation_id]) for closing in closings)


# Whoever ends a hold beside its workflow cannot know why that has not.
OVERDUE: Final = "not ended by its workflow, which was interrupted or is late"


def expire_overdue(
    connection: Connection, grace_seconds: float, batch_size_max: int, actor: str
) -> int:
    """End a batch of holds that are overdue by more than the grace period; return how many."""
    limits = {"grace_seconds": grace_seconds, "batch_size_max": batch_size_max}
    ids = connection.execute(statements.LOCK_OVERDUE, limits).scalars().all()
    if not ids:
        return 0
    wishes = {id: Closing(checkout_id_of(id), "expired", reason=OVERDUE, actor=actor) for id in ids}
    return len(_close(connection, wishes))


def extend(
    connection: Connection, extensions: Sequence[HoldExtension], hold_seconds_cap: int
) -> tuple[ExtensionAnswer, ...]:
    """Move the deadlines of live holds, one wish after the other, each id once.

    An id that was never reserved becomes a closed row, as in :func:`close`.
    """
    by_id = {extension.reservation_id: extension.checkout_id for extension in extensions}
    _claim_tombstones(connection, by_id)
    connection.execute(statements.LOCK_RESERVATIONS, {"ids": list(by_id)})
    holds = _read_extensible(connection, extensions)
    at = connection.execute(statements.CLOCK).scalar_one()
    decisions = decide_extensions(extensions, holds, at, hold_seconds_cap)
    _record(connection, decisions.made, at)
    states = _read(connection, by_id)
    decided = zip(extensions, decisions.verdicts, decisions.seconds_max, strict=True)
    return tuple(
        ExtensionAnswer(verdict, state, hold_seconds_cap, seconds_max)
        if verdict == "over_cap"
        else ExtensionAnswer(verdict, state)
        for extension, verdict, seconds_max in decided
        for state in [reservation_state(states[extension.reservation_id])]
    )


def read(connection: Connection, checkout_ids: Sequence[str]) -> dict[str, ReservationState]:
    """Return where reservations stand, by checkout id; unknown ones are left out."""
    rows = _read(connection, [checkout_workflow_id(id) for id in checkout_ids])
    return {row.checkout_id: reservation_state(row) for row in rows.values()}


# --- reserve -------------------------------------------------------------------------------------


def _decide(
    connection: Connection,
    demands: Sequence[Demand],
    batch: ReserveBatch,
    overdue_max: int,
) -> tuple[tuple[str, ...], dict[str, ReservationState]]:
    """Grant what can be had, first come first served, and deny the rest.

    Returns:
        The overdue holds that stand in the way, and then nothing was decided; and what was decided.
    """
    if not demands:
        return (), {}
    stock, at = _lock_demanded(connection, demands)
    allocations = allocate(demands, stock)
    short_ids = _short_items(allocations, stock)
    if short_ids and overdue_max:
        overdue = _find_overdue(connection, short_ids, at, overdue_max)
        if overdue:
            return overdue, {}
    return (), {
        **_grant(connection, [a.demand for a in allocations if a.granted], batch, stock, at),
        **_deny(connection, [a for a in allocations if not a.granted], stock, short_ids, at),
    }


def _lock_demanded(
    connection: Connection, demands: Iterable[Demand]
) -> tuple[dict[StockKey, StockLevel], datetime]:
    """Lock what is demanded; return its levels, and the time at which all of it was locked."""
    keys = sorted({key for demand in demands for key in demand.lines})
    rows = connection.execute(
        statements.LOCK_STOCK,
        {"skus": [sku for sku, _ in keys], "locations": [location for _, location in keys]},
    ).all()
    levels = {
        (row.sku, row.location): StockLevel(
            row.id, row.active, row.total_quantity - row.reserved_quantity
        )
        for row in rows
    }
    at = max(row.at for row in rows) if rows else connection.execute(statements.CLOCK).scalar_one()
    return levels, at


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
    batch: ReserveBatch,
    stock: Mapping[StockKey, StockLevel],
    at: datetime,
) -> dict[str, ReservationState]:
    if not demands:
        return {}
    lines = [
        (demand.reservation_id, stock[key].item_id, quantity)
        for demand in demands
        for key, quantity in demand.lines.items()
    ]
    connection.execute(
        statements.GRANT,
        {
            "at": at,
            "ids": [demand.reservation_id for demand in demands],
            "seconds": [batch.requests[demand.reservation_id].hold_seconds for demand in demands],
            "line_ids": [reservation_id for reservation_id, _, _ in lines],
            "line_items": [item_id for _, item_id, _ in lines],
            "line_quantities": [quantity for _, _, quantity in lines],
        },
    )
    return batch.held([demand.reservation_id for demand in demands], at)


def _deny(
    connection: Connection,
    refused: Sequence[Allocation],
    stock: Mapping[StockKey, StockLevel],
    short_ids: Sequence[int],
    at: datetime,
) -> dict[str, ReservationState]:
    if not refused:
        return {}
    next_expiries: dict[int, datetime | None] = {}
    if short_ids:
        rows = connection.execute(statements.FIND_NEXT_EXPIRY, {"item_ids": list(short_ids)})
        next_expiries = {row.id: row.next_expiry for row in rows}
    shortages = {
        allocation.demand.reservation_id: tuple(
            _shortage(shortfall, stock, next_expiries) for shortfall in allocation.shortfalls
        )
        for allocation in refused
    }
    connection.execute(
        statements.DENY,
        {
            "ids": list(shortages),
            "shortages": [shortages_json(found) for found in shortages.values()],
            "at": at,
        },
    )
    return {id: ReservationState(Denied(shortages=found), None) for id, found in shortages.items()}


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


# --- close, extend -------------------------------------------------------------------------------


def _close(connection: Connection, closings: Mapping[str, Closing]) -> dict[str, Any]:
    """End what can be ended, and return rows that tell how, by reservation id."""
    wishes = closings.values()
    closed = connection.execute(
        statements.CLOSE,
        {
            "ids": array_text(closings),
            "checkout_ids": array_text(closing.checkout_id for closing in wishes),
            "statuses": array_text(closing.status for closing in wishes),
            "reasons": array_text(closing.reason for closing in wishes),
            "actors": array_text(closing.actor for closing in wishes),
            "payment_references": array_text(closing.payment_reference for closing in wishes),
        },
    )
    return {row.id: row for row in closed}


def _claim_tombstones(connection: Connection, checkout_ids: Mapping[str, str]) -> None:
    connection.execute(
        statements.CLAIM_TOMBSTONES,
        {
            "ids": list(checkout_ids),
            "checkout_ids": list(checkout_ids.values()),
            "statuses": ["expired"] * len(checkout_ids),
        },
    )


def _read_extensible(
    connection: Connection, extensions: Sequence[HoldExtension]
) -> dict[str, ExtensibleHold]:
    rows = connection.execute(
        statements.READ_EXTENSIBLE,
        {
            "ids": [extension.reservation_id for extension in extensions],
            "extension_ids": [extension.record_id for extension in extensions],
        },
    )
    return {
        row.id: ExtensibleHold(row.created_at, row.deadline, frozenset(row.made)) for row in rows
    }


def _record(connection: Connection, made: Sequence[MadeExtension], at: datetime) -> None:
    if not made:
        return
    connection.execute(
        statements.EXTEND,
        {
            "ids": [move.extension.reservation_id for move in made],
            "extension_ids": [move.extension.record_id for move in made],
            "from_deadlines": [move.from_deadline for move in made],
            "to_deadlines": [move.to_deadline for move in made],
            "seconds": [move.extension.seconds for move in made],
            "reasons": [move.extension.reason for move in made],
            "actors": [move.extension.actor for move in made],
            "at": at,
        },
    )


def _read(connection: Connection, ids: Iterable[str]) -> dict[str, Any]:
    wanted = list(ids)
    if not wanted:
        return {}
    rows = connection.execute(statements.READ_RESERVATIONS, {"ids": wanted})
    return {row.id: row for row in rows}
