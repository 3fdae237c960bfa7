"""Close: fulfil, commit, cancel or expire. Each ends once, and who comes too late learns how."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from activities.inventory.database.calls import BEGIN, COMMIT, ROLLBACK, Call, Steps
from activities.inventory.database.errors import LedgerGaveWay, PaymentConflict
from activities.inventory.operations.giving_way import (
    REFUSALS_IN_A_TURN_MAX,
    Turn,
    goes_on_without,
)
from activities.inventory.operations.late_cancellations import (
    read_late_cancellations,
    record_late_cancellations,
)
from activities.inventory.operations.payment_conflicts import read_conflicts, record_conflicts
from activities.inventory.operations.standing import read_rows
from activities.inventory.records import (
    Closing,
    ReservationState,
    kept_shortages,
    reservation_state,
)
from activities.inventory.sql.statements import payments as statements_of_payments
from activities.inventory.sql.statements import reservations as statements
from holdfast_client.contract.outcomes import KnownOutcome

# Whoever ends a hold beside its workflow cannot know why that has not.
OVERDUE: Final = "not ended by its workflow, which was interrupted or is late"


ClosingAnswer = ReservationState | PaymentConflict


def close(closings: Sequence[Closing]) -> Steps[tuple[ClosingAnswer, ...]]:
    """End a batch of holds and return where each reservation stands.

    Of several wishes for an id one comes after the other, but an expiry gives way to any other. An
    id that was never reserved becomes a closed row, so that a reserve that comes late is refused.

    Returns:
        For each where it stands, or the conflict of a payment that belongs to another checkout.
    """
    rows: dict[str, Any] = {}
    late = yield from read_late_cancellations(closings)
    for wishes in turns([closing for closing in closings if closing not in late]):
        rows |= yield from _end(wishes)
    rows |= yield from read_rows({closing.checkout_id for closing in closings} - rows.keys())
    unsettled = [each for each in closings if each.payment_reference and not _settles(each, rows)]
    payments = yield from _read_payments(unsettled)
    conflicts = yield from read_conflicts(unsettled)
    answers = tuple(
        _told_before(late.get(closing), rows[closing.checkout_id])
        or conflicts.get(closing)
        or _answer(closing, rows[closing.checkout_id], payments.get(closing.payment_reference))
        for closing in closings
    )
    yield from record_conflicts(zip(closings, answers, strict=True))
    yield from record_late_cancellations(
        {
            closing: answer.outcome
            for closing, answer in zip(closings, answers, strict=True)
            if isinstance(answer, ReservationState)
        }
    )
    return answers


def turns(closings: Sequence[Closing]) -> Sequence[Mapping[str, Closing]]:
    """Return wishes that can be made at once: the first for each id, then the second, and so on.

    What asks for the same as one before it for its id is left out: it could change nothing.
    """
    made: dict[str, set[object]] = {}
    found: list[dict[str, Closing]] = []
    for closing in sorted(closings, key=lambda closing: closing.status == "expired"):
        before = made.setdefault(closing.checkout_id, set())
        wish = _what_it_does(closing)
        if wish in before:
            continue
        if len(before) == len(found):
            found.append({})
        found[len(before)][closing.checkout_id] = closing
        before.add(wish)
    return found


def _what_it_does(closing: Closing) -> object:
    return (
        closing.status,
        closing.payment_reference,
        closing.attempt,
        closing.reinstating,
        closing.only_held,
        closing.operation_id,
    )


def _read_payments(unsettled: Sequence[Closing]) -> Steps[dict[str | None, Any]]:
    """Return what became of the payments that did not settle their checkouts, by reference."""
    references = {closing.payment_reference for closing in unsettled}
    if not references:
        return {}
    found = yield Call(
        statements_of_payments.READ_PAYMENTS, {"payment_references": list(references)}
    )
    return {row.payment_reference: row for row in found}


def _told_before(outcome: KnownOutcome | None, row: Any) -> ReservationState | None:
    return replace(reservation_state(row), outcome=outcome) if outcome else None


def _settles(closing: Closing, rows: Mapping[str, Any]) -> bool:
    row = rows[closing.checkout_id]
    is_paid = row.status in {"committed", "fulfilled"}
    return is_paid and row.payment_reference == closing.payment_reference


def _answer(closing: Closing, row: Any, payment: Any) -> ClosingAnswer:
    if payment is None:
        return reservation_state(row)
    if payment.checkout_id != closing.checkout_id:
        # What has failed elsewhere is nobody's, and left to what decides about a late one.
        if closing.reinstating and payment.is_nobodys:
            return reservation_state(row)
        return PaymentConflict(payment.payment_reference, payment.checkout_id)
    if payment.state not in {"refund_due", "refunded"}:
        return reservation_state(row)
    shortages = kept_shortages(payment.shortages)
    return replace(reservation_state(row), refund_due=payment.reason, shortages=shortages)


def expire_overdue(grace_seconds: float, batch_size_max: int, actor: str) -> Steps[int]:
    """End a batch of holds that are overdue by more than the grace period; return how many.

    In one transaction. Where an adopted shop has rows for longer than the ledger waits, what it
    keeps is left out of this turn, and the rest is ended in some more.

    Raises:
        LedgerGaveWay: before any was ended.
    """
    turn = Turn(batch_size_max, REFUSALS_IN_A_TURN_MAX)
    ended = 0
    while ended < batch_size_max:
        size = min(turn.size, batch_size_max - ended)
        ids, refusal = yield from _end_overdue(turn, grace_seconds, size, actor)
        if refusal is None:
            ended += len(ids)
            if len(ids) < size:
                break
            turn.went_well()
        elif not (yield from goes_on_without(turn, refusal, ids)):
            if not ended:
                raise refusal
            break
    return ended


def _end_overdue(
    turn: Turn, grace_seconds: float, size: int, actor: str
) -> Steps[tuple[Sequence[str], LedgerGaveWay | None]]:
    """End at most so many in one transaction; return whom, or whom not and why.

    It locks what it is going to end, and skips what is locked.
    """
    yield BEGIN
    rows = yield Call(
        statements.LOCK_OVERDUE,
        {
            "grace_seconds": grace_seconds,
            "batch_size_max": size,
            "without_checkouts": sorted(turn.checkout_ids),
            "without_items": sorted(turn.item_ids),
        },
    )
    ids = [row.checkout_id for row in rows]
    ended: Mapping[str, Any] = {}
    try:
        if ids:
            ended = yield from _end({id: Closing(id, "expired", OVERDUE, actor) for id in ids})
        # The shop's carts are written at the end.
        yield COMMIT
    except LedgerGaveWay as refusal:
        yield ROLLBACK
        return ids, refusal
    return list(ended), None


def _end(closings: Mapping[str, Closing]) -> Steps[dict[str, Any]]:
    """End what can be ended, and return rows that tell how, by checkout id."""
    wishes = closings.values()
    rows = yield Call(
        statements.CLOSE,
        {
            "checkout_ids": list(closings),
            "statuses": [closing.status for closing in wishes],
            "reasons": [closing.reason for closing in wishes],
            "actors": [closing.actor for closing in wishes],
            "attempts": [closing.attempt for closing in wishes],
            "reinstatings": [str(closing.reinstating) for closing in wishes],
            "are_only_held": [str(closing.only_held) for closing in wishes],
            "payment_references": [closing.payment_reference for closing in wishes],
            "operation_ids": [closing.operation_id for closing in wishes],
        },
    )
    return {row.checkout_id: row for row in rows}
