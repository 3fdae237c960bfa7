"""Part: ship units of a committed checkout, or give units of an open one back; each part once.

What is asked for is compared with what is open, under the reservation's lock. What takes the last
open unit ends the checkout: fulfilled where anything of it was ever shipped, else cancelled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic_core import to_json

from activities.inventory.database.calls import Call, Steps
from activities.inventory.operations.digests import part_digest
from activities.inventory.operations.refusals import (
    Refusal,
    is_refusal,
    kept_standing,
    record_refusals,
)
from activities.inventory.operations.standing import read_states
from activities.inventory.records import Part, PartAnswer, PartKind, PartVerdict
from activities.inventory.sql.statements import reservations as statements
from holdfast_client.contract.digests import PART_KEYS, keys_that_differ
from holdfast_client.contract.messages import Line
from holdfast_client.contract.outcomes import SHIPMENT_LINES_MAX, HeldLine, ShipmentReport

_OPEN_FOR: Final[Mapping[PartKind, frozenset[str]]] = {
    "fulfil": frozenset({"committed"}),
    "release": frozenset({"held", "committed"}),
}


@dataclass(frozen=True, slots=True)
class OpenLine:
    """A line of a reservation: so many units open, and so many that have left."""

    item_id: int
    sku: str
    location: str
    quantity: int
    fulfilled: int = 0


@dataclass(frozen=True, slots=True)
class Parting:
    """What leaves, by stock item, for each kind; and how the checkout ends, if it does."""

    fulfilled: Mapping[int, int]
    released: Mapping[int, int]
    ending: str | None


def decide_part(part: Part, lines: Sequence[OpenLine]) -> Parting | None:
    """Return what a part takes of the lines of an open reservation; None if that is not open.

    Args:
        part: what is wanted.
        lines: all lines of the reservation, those with nothing open too.
    """
    taken = _taken(part.lines, lines)
    if taken is None:
        return None
    left = {line.item_id: line.quantity - taken.get(line.item_id, 0) for line in lines}
    rest = {item: quantity for item, quantity in left.items() if quantity > 0}
    has_shipped = part.kind == "fulfil" or any(line.fulfilled for line in lines)
    ending = "fulfilled" if has_shipped else "cancelled"
    if part.kind == "release":
        return Parting({}, taken, None if rest else ending)
    if rest and part.rest_released:
        return Parting(taken, rest, ending)
    return Parting(taken, {}, None if rest else ending)


def part(wish: Part) -> Steps[PartAnswer]:
    """Make a part in one transaction. An id that was never reserved becomes a closed row."""
    named = {"checkout_ids": [wish.checkout_id]}
    yield Call(statements.CLAIM_TOMBSTONES, named)
    yield Call(statements.LOCK_RESERVATIONS, named)
    rows = yield Call(
        statements.READ_PARTED,
        {"checkout_id": wish.checkout_id, "operation_id": wish.operation_id},
    )
    reservation, digest = rows[0], part_digest(wish)
    records = reservation.records or {}
    if known := records.get(wish.kind):
        return (yield from _earlier(wish, known, digest))
    is_other = wish.attempt not in {None, reservation.attempt}
    if is_other or reservation.status not in _OPEN_FOR[wish.kind]:
        return (yield from _refuse(wish, reservation.id, digest, "not_active"))
    found = yield Call(statements.READ_OPEN_LINES, {"id": reservation.id})
    lines = [
        OpenLine(row.stock_item_id, row.sku, row.location, row.quantity, row.fulfilled_quantity)
        for row in found
    ]
    parting = decide_part(wish, lines)
    if parting is None:
        is_open = _held_lines(_open(lines), lines)
        return (yield from _refuse(wish, reservation.id, digest, "over_open", is_open))
    if parting.released and "release" in records:
        # The rest would be on record under an id that another release has used, made or refused.
        return (yield from _answer(wish, "conflict", differs=("rest",)))
    return (yield from _make(wish, reservation.id, parting, lines, digest))


def _taken(wanted: Sequence[Line] | None, lines: Sequence[OpenLine]) -> dict[int, int] | None:
    if wanted is None:
        return _open(lines)
    taken: dict[int, int] = {}
    for wish in wanted:
        meant = [
            line
            for line in lines
            if line.sku == wish.sku
            and (line.quantity if wish.location is None else line.location == wish.location)
        ]
        # Without a location it must be clear which is meant.
        if len(meant) != 1:
            return None
        item = meant[0].item_id
        taken[item] = taken.get(item, 0) + wish.quantity
        if taken[item] > meant[0].quantity:
            return None
    return taken


def _open(lines: Sequence[OpenLine]) -> dict[int, int]:
    return {line.item_id: line.quantity for line in lines if line.quantity}


def _held_lines(units: Mapping[int, int], lines: Sequence[OpenLine]) -> tuple[HeldLine, ...]:
    return tuple(
        HeldLine(sku=line.sku, location=line.location, quantity=units[line.item_id])
        for line in lines
        if line.item_id in units
    )


def _make(
    wish: Part, id: int, parting: Parting, lines: Sequence[OpenLine], digest: str
) -> Steps[PartAnswer]:
    told = {"fulfil": parting.fulfilled, "release": parting.released}
    parts = {kind: units for kind, units in told.items() if units}
    answers = {kind: _told(units, lines) for kind, units in parts.items()}
    postings = [
        (number, item, quantity)
        for number, units in enumerate(parts.values(), start=1)
        for item, quantity in units.items()
    ]
    rows = yield Call(
        statements.PART,
        {
            "id": id,
            "operation_id": wish.operation_id,
            "kinds": list(parts),
            "digest": digest,
            "answers": [to_json(answer).decode() for answer in answers.values()],
            "reason": wish.reason,
            "actor": wish.actor,
            "kind_numbers": [number for number, _, _ in postings],
            "items": [item for _, item, _ in postings],
            "quantities": [quantity for _, _, quantity in postings],
            "ending": parting.ending,
        },
    )
    record = {"at": rows[0][0], "answer": answers[wish.kind]}
    return (yield from _answer(wish, "done", shipment=_shipment(wish, record)))


def _told(units: Mapping[int, int], lines: Sequence[OpenLine]) -> dict[str, Any]:
    """Return what is kept of a part as its answer; of many lines the first."""
    held = _held_lines(units, lines)
    return {
        "units": sum(units.values()),
        "lines": [line.model_dump() for line in held[:SHIPMENT_LINES_MAX]],
        "lines_left_out": max(len(held) - SHIPMENT_LINES_MAX, 0),
    }


def _earlier(wish: Part, record: Mapping[str, Any], digest: str) -> Steps[PartAnswer]:
    if record["digest"] != digest:
        differs = keys_that_differ(PART_KEYS, record["digest"], digest)
        return (yield from _answer(wish, "conflict", differs=differs))
    answer = record["answer"]
    if not is_refusal(answer):
        return (yield from _answer(wish, "done", shipment=_shipment(wish, record)))
    is_open = tuple(HeldLine.model_validate(line) for line in answer.get("open", ()))
    refused_at = kept_standing(answer)
    return (yield from _answer(wish, answer["verdict"], open=is_open, refused_at=refused_at))


def _refuse(
    wish: Part, id: int, digest: str, verdict: PartVerdict, is_open: tuple[HeldLine, ...] = ()
) -> Steps[PartAnswer]:
    """Refuse for good: under this id it is not decided again."""
    answer = yield from _answer(wish, verdict, open=is_open)
    told = {"open": is_open} if is_open else {"standing": answer.state.outcome}
    refusal = Refusal(
        id, wish.operation_id, wish.kind, digest, verdict, told, wish.reason, wish.actor
    )
    yield from record_refusals(refusal)
    return answer


def _shipment(wish: Part, record: Mapping[str, Any]) -> ShipmentReport | None:
    if wish.kind != "fulfil":
        return None
    return ShipmentReport(shipment_id=wish.operation_id, at=record["at"], **record["answer"])


def _answer(wish: Part, verdict: PartVerdict, **told: Any) -> Steps[PartAnswer]:
    states = yield from read_states([wish.checkout_id])
    return PartAnswer(verdict, states[wish.checkout_id], **told)
