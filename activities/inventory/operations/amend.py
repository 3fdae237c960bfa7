"""Amend: the whole new set of lines of an open reservation, or nothing; each amendment once.

What a checkout has open itself never counts against it. Refused, it goes on as it was, and while
overdue holds stand in the way nobody is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

from pydantic_core import to_json

from activities.inventory.allocation.rule import allocate
from activities.inventory.allocation.wants import Demand, Shortfall, StockKey, Want
from activities.inventory.amendment_records import AmendmentAnswer, AmendmentVerdict, HoldAmendment
from activities.inventory.database.calls import Call, Steps
from activities.inventory.operations.digests import (
    AMENDMENT_KEYS,
    amendment_digest,
)
from activities.inventory.operations.overdue import look_for_overdue, without_overdue
from activities.inventory.operations.refusals import (
    Refusal,
    is_refusal,
    kept_standing,
    record_refusals,
)
from activities.inventory.operations.shortages import (
    LockedStock,
    lock_levels,
    require_items,
    short_items,
    tell_shortages,
)
from activities.inventory.operations.standing import read_states
from activities.inventory.records import kept_shortages
from activities.inventory.sql.statements import reservations as statements
from holdfast_client.contract.digests import keys_that_differ
from holdfast_client.contract.fields import LINES_EVER_MAX
from holdfast_client.contract.outcomes import Shortage

_OPEN: Final = frozenset({"held", "committed"})


def amend(change: HoldAmendment) -> Steps[AmendmentAnswer]:
    """Amend once, each try in a transaction. An id that was never reserved becomes a closed row."""
    return (yield from without_overdue(lambda overdue_max: decide(change, overdue_max)))


def decide(change: HoldAmendment, overdue_max: int) -> Steps[AmendmentAnswer]:
    """Decide on an amendment, in one transaction.

    Args:
        change: what is asked for.
        overdue_max: at most so many overdue holds are looked for; 0 decides without looking.

    Raises:
        OverdueInTheWay: it may not be refused yet, so the transaction is to be undone.
    """
    named = {"checkout_ids": [change.checkout_id]}
    yield Call(statements.CLAIM_TOMBSTONES, named)
    yield Call(statements.LOCK_RESERVATIONS, named)
    rows = yield Call(
        statements.READ_AMENDED,
        {"checkout_id": change.checkout_id, "operation_id": change.operation_id},
    )
    reservation, digest = rows[0], amendment_digest(change)
    if record := reservation.record:
        return (yield from _earlier(change, record, digest))
    refuse = partial(_refuse, change, reservation.id, digest)
    if verdict := _in_the_way(reservation, change):
        return (yield from refuse(verdict))
    rows = yield Call(statements.READ_OPEN_LINES, {"id": reservation.id})
    own = {(row.sku, row.location): row.quantity for row in rows}
    wanted = {(line.sku, str(line.location)): line.quantity for line in change.lines}
    added = len(wanted.keys() - own.keys())
    if added and len(own) + added > LINES_EVER_MAX:
        return (yield from _answer(change, "over_limit", lines_already=len(own), lines_new=added))
    moved = {key: wanted.get(key, 0) - own.get(key, 0) for key in wanted | own}
    locked = yield from lock_levels([key for key, delta in moved.items() if delta], own)
    require_items([row for row in rows if moved[row.sku, row.location]], locked)
    if _is_over(reservation, locked.at):
        return (yield from refuse("not_active"))
    lacking = _lacking(change.checkout_id, wanted, moved, locked)
    yield from look_for_overdue(short_items(lacking, locked), locked.at, overdue_max)
    if lacking:
        told = yield from tell_shortages({change.checkout_id: lacking}, locked, reservation.id)
        return (yield from refuse("short", told[change.checkout_id]))
    yield from _make(change, reservation.id, digest, _by_item(moved, locked))
    return (yield from _answer(change, "done"))


def _in_the_way(reservation: Any, change: HoldAmendment) -> AmendmentVerdict | None:
    is_other = change.attempt not in {None, reservation.attempt}
    if is_other or reservation.status not in _OPEN or _is_over(reservation, reservation.at):
        return "not_active"
    return None if change.revision in {None, reservation.revision} else "stale"


def _is_over(reservation: Any, at: datetime) -> bool:
    """Say whether its deadline has passed, though nothing has ended it yet."""
    return reservation.ends_at is not None and at >= reservation.ends_at


def _lacking(
    checkout_id: str,
    wanted: Mapping[StockKey, int],
    moved: Mapping[StockKey, int],
    locked: LockedStock,
) -> Sequence[Shortfall]:
    """Return what cannot be had of that of which there is to be more."""
    wants = tuple(
        Want(sku, place, quantity)
        for (sku, place), quantity in wanted.items()
        if moved[sku, place] > 0
    )
    (allocation,) = allocate([Demand(checkout_id, wants)], locked.levels)
    return allocation.shortfalls


def _by_item(moved: Mapping[StockKey, int], locked: LockedStock) -> dict[int, int]:
    return {locked.levels[key].item_id: delta for key, delta in sorted(moved.items()) if delta}


def _make(change: HoldAmendment, id: int, digest: str, deltas: Mapping[int, int]) -> Steps[None]:
    units = sum(line.quantity for line in change.lines)
    yield Call(
        statements.AMEND,
        {
            "id": id,
            "operation_id": change.operation_id,
            "digest": digest,
            "answer": to_json({"units": units}).decode(),
            "reason": change.reason,
            "actor": change.actor,
            "items": list(deltas),
            "deltas": list(deltas.values()),
        },
    )


def _earlier(
    change: HoldAmendment, record: Mapping[str, Any], digest: str
) -> Steps[AmendmentAnswer]:
    """Answer as the first time; another change under its id is a conflict."""
    answer = record["answer"]
    if record["digest"] != digest:
        differs = keys_that_differ(AMENDMENT_KEYS, record["digest"], digest)
        return (yield from _answer(change, "conflict", differs=differs))
    if not is_refusal(answer):
        return (yield from _answer(change, "done"))
    shortages = kept_shortages(answer.get("shortages"))
    refused_at = kept_standing(answer)
    return (
        yield from _answer(change, answer["verdict"], shortages=shortages, refused_at=refused_at)
    )


def _refuse(
    change: HoldAmendment,
    id: int,
    digest: str,
    verdict: AmendmentVerdict,
    shortages: tuple[Shortage, ...] = (),
) -> Steps[AmendmentAnswer]:
    """Refuse for good: under this id it is not decided again."""
    answer = yield from _answer(change, verdict, shortages=shortages)
    told = {"shortages": shortages} if shortages else {"standing": answer.state.outcome}
    refusal = Refusal(
        id, change.operation_id, "amend", digest, verdict, told, change.reason, change.actor
    )
    yield from record_refusals(refusal)
    return answer


def _answer(
    change: HoldAmendment, verdict: AmendmentVerdict, **told: Any
) -> Steps[AmendmentAnswer]:
    states = yield from read_states([change.checkout_id])
    return AmendmentAnswer(verdict, states[change.checkout_id], **told)
