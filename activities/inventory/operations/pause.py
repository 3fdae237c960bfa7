"""Pause: a hold waits for a payment that is in flight, for a bounded time; and waits no longer.

Each once for its operation's id, under the reservation's lock. A pause never revives a hold.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from pydantic_core import to_json

from activities.inventory.database.calls import Call, Steps, scalar
from activities.inventory.database.errors import PaymentConflict
from activities.inventory.operations.close import close
from activities.inventory.operations.digests import PAUSE_KEYS, pause_digest
from activities.inventory.operations.refusals import Refusal, is_refusal, record_refusals
from activities.inventory.operations.standing import read_states
from activities.inventory.payment_records import Pause, PauseAnswer, PauseVerdict
from activities.inventory.records import Closing
from activities.inventory.sql.statements import payments as statements
from activities.inventory.sql.statements.reservations import (
    CLAIM_TOMBSTONES,
    LOCK_RESERVATIONS,
)
from holdfast_client.contract.digests import keys_that_differ

UNPAID = "not paid before the deadline"


def pause(wish: Pause, grace_cap_seconds: int) -> Steps[PauseAnswer | PaymentConflict]:
    """Begin or end a pause, in one transaction. An id that was never reserved becomes a closed row.

    Returns:
        What became of it; or that the payment belongs to another checkout, which is on record then,
        as any refusal that could come out otherwise later.
    """
    named = {"checkout_ids": [wish.checkout_id]}
    yield Call(CLAIM_TOMBSTONES, named)
    yield Call(LOCK_RESERVATIONS, named)
    rows = yield Call(
        statements.READ_PAUSABLE,
        {
            "checkout_id": wish.checkout_id,
            "operation_id": wish.operation_id,
            "kind": wish.kind,
            "payment_reference": wish.payment_reference,
        },
    )
    row, digest = rows[0], pause_digest(wish)
    if row.digest is not None:
        return (yield from _earlier(wish, row, digest))
    if not _is_own(wish, row) and row.is_nobodys is False:
        return (yield from _refuse_payment(wish, row.id, digest, row.payment_checkout_id))
    if wish.attempt not in {None, row.attempt}:
        return (yield from _answer(wish, "not_active"))
    if wish.kind == "payment_started":
        return (yield from _begin(wish, row, digest, grace_cap_seconds))
    return (yield from _end(wish, row, digest))


def _is_own(wish: Pause, row: Any) -> bool:
    return bool(row.payment_checkout_id == wish.checkout_id)


def pause_until(
    at: datetime, deadline: datetime, seconds: int, grace_cap_seconds: int, known: datetime | None
) -> datetime | None:
    """Return until when a hold waits for a payment; None where that is at the cap already.

    Args:
        at: the ledger's clock.
        deadline: of the hold, as the buyer was told.
        seconds: how long it is to wait.
        grace_cap_seconds: how long after the deadline at most; it is cut to that.
        known: until when it waits for the same payment.
    """
    cap = deadline + timedelta(seconds=grace_cap_seconds)
    until = min(at + timedelta(seconds=seconds), cap)
    return None if until == cap and known is not None and known >= cap else until


def _begin(
    wish: Pause, row: Any, digest: str, grace_cap_seconds: int
) -> Steps[PauseAnswer | PaymentConflict]:
    if row.ends_at is None or row.at >= row.ends_at:
        return (yield from _answer(wish, "not_active"))
    known = row.payment_until if _is_own(wish, row) else None
    until = pause_until(row.at, row.expires_at, wish.seconds or 0, grace_cap_seconds, known)
    if until is None:
        return (yield from _refuse_at_cap(wish, row.id, digest, grace_cap_seconds))
    conflict = yield from _write(wish, row.id, row.at, digest, until)
    return conflict or (yield from _answer(wish, "done"))


def _end(wish: Pause, row: Any, digest: str) -> Steps[PauseAnswer | PaymentConflict]:
    """End a pause, and the hold with it where its deadline has passed."""
    if conflict := (yield from _write(wish, row.id, row.at, digest, None)):
        return conflict
    # It may have gone to another checkout, and come to nothing there.
    if row.payment_checkout_id is not None:
        yield from close([Closing(wish.checkout_id, "expired", UNPAID)])
    return (yield from _answer(wish, "done"))


def _write(
    wish: Pause, id: int, at: datetime, digest: str, until: datetime | None
) -> Steps[PaymentConflict | None]:
    told = {
        "payment_reference": wish.payment_reference,
        "seconds": wish.seconds,
        "to_deadline": until,
    }
    is_own = yield from scalar(
        Call(
            statements.PAUSE,
            {
                "at": at,
                "id": id,
                "operation_id": wish.operation_id,
                "kind": wish.kind,
                "digest": digest,
                "answer": to_json(told).decode(),
                "actor": wish.actor,
                "payment_reference": wish.payment_reference,
                "until": until,
                "reason": wish.result or "",
            },
        )
    )
    if is_own:
        return None
    # Another checkout has named it meanwhile, and has it locked no more.
    rows = yield Call(statements.READ_PAYMENTS, {"payment_references": [wish.payment_reference]})
    return (yield from _refuse_payment(wish, id, digest, rows[0].checkout_id))


def _earlier(wish: Pause, row: Any, digest: str) -> Steps[PauseAnswer | PaymentConflict]:
    """Answer as the first time; another message under its id is a conflict."""
    if row.digest != digest:
        differs = keys_that_differ(PAUSE_KEYS, row.digest, digest)
        return (yield from _answer(wish, "conflict", differs=differs))
    if not is_refusal(row.answer):
        return (yield from _answer(wish, "done"))
    if "checkout_id" in row.answer:
        return PaymentConflict(wish.payment_reference, row.answer["checkout_id"])
    return (yield from _answer(wish, "at_cap", cap_seconds=row.answer["cap_seconds"]))


def _refuse_at_cap(wish: Pause, id: int, digest: str, grace_cap_seconds: int) -> Steps[PauseAnswer]:
    yield from record_refusals(_refusal(wish, id, digest, cap_seconds=grace_cap_seconds))
    return (yield from _answer(wish, "at_cap", cap_seconds=grace_cap_seconds))


def _refuse_payment(wish: Pause, id: int, digest: str, checkout_id: str) -> Steps[PaymentConflict]:
    yield from record_refusals(_refusal(wish, id, digest, checkout_id=checkout_id))
    return PaymentConflict(wish.payment_reference, checkout_id)


def _refusal(wish: Pause, id: int, digest: str, **told: Any) -> Refusal:
    verdict = "at_cap" if "cap_seconds" in told else "payment_conflict"
    told["payment_reference"] = wish.payment_reference
    return Refusal(id, wish.operation_id, wish.kind, digest, verdict, told, actor=wish.actor)


def _answer(wish: Pause, verdict: PauseVerdict, **told: Any) -> Steps[PauseAnswer]:
    states = yield from read_states([wish.checkout_id])
    return PauseAnswer(verdict, states[wish.checkout_id], **told)
