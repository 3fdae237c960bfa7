"""Reinstate: hold all of an expired checkout again for a payment that came late, and settle it.

In one transaction the next attempt of the checkout is held and paid, or the payment is due back.
Overdue holds that stand in its way are ended first, as for a reserve.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from activities.inventory.allocation.rule import allocate
from activities.inventory.allocation.wants import Demand, Want
from activities.inventory.database.calls import Call, Steps, scalar
from activities.inventory.database.errors import PaymentConflict
from activities.inventory.operations.close import ClosingAnswer, close
from activities.inventory.operations.overdue import look_for_overdue, without_overdue
from activities.inventory.operations.payment_conflicts import record_conflicts
from activities.inventory.operations.shortages import (
    lock_levels,
    require_items,
    short_items,
    tell_shortages,
)
from activities.inventory.records import Closing, ReservationState, shortages_json
from activities.inventory.sql.statements import payments, reservations
from holdfast_client.contract.outcomes import Shortage


def is_undecided(closing: Closing, state: ReservationState) -> bool:
    """Say whether a payment that may reinstate its checkout was put down nowhere by its closing.

    The checkout had expired then. Where it stands now says nothing about that: another payment may
    have reinstated it since, and this one is due back then.
    """
    paid_by = getattr(state.outcome, "payment_reference", None)
    return closing.reinstating and not state.refund_due and paid_by != closing.payment_reference


def reinstate(closing: Closing) -> Steps[ClosingAnswer]:
    """Settle an expired checkout by a payment that came late, if all of it can be had.

    Args:
        closing: with a payment, and ``fulfilled`` or ``committed``.
    """
    return (yield from without_overdue(lambda overdue_max: _decide(closing, overdue_max)))


def _decide(closing: Closing, overdue_max: int) -> Steps[ClosingAnswer]:
    id, payment = closing.checkout_id, closing.payment_reference or ""
    yield Call(reservations.LOCK_RESERVATIONS, {"checkout_ids": [id]})
    lines = yield Call(reservations.READ_EXPIRED_LINES, {"checkout_id": id})
    at = yield from scalar(Call(reservations.CLOCK, {}))
    if lines:
        state = yield from scalar(
            Call(
                payments.CLAIM_PAYMENT,
                {
                    "at": at,
                    "payment_reference": payment,
                    "checkout_id": id,
                    "actor": closing.actor,
                },
            )
        )
        if state is None:
            conflict = yield from _conflict(payment)
            yield from record_conflicts([(closing, conflict)])
            return conflict
        if state in {"started", "failed"}:
            shortages = yield from _hold_again(id, lines, overdue_max)
            if shortages:
                told = {"payment_reference": payment, "shortages": shortages_json(shortages)}
                yield Call(payments.KEEP_SHORTAGES, told)
    (answer,) = yield from close([replace(closing, reinstating=False, attempt=None)])
    return answer


def _conflict(payment: str) -> Steps[PaymentConflict]:
    rows = yield Call(payments.READ_PAYMENTS, {"payment_references": [payment]})
    return PaymentConflict(payment, rows[0].checkout_id)


def _hold_again(
    checkout_id: str, lines: Sequence[Any], overdue_max: int
) -> Steps[tuple[Shortage, ...]]:
    """Hold all of these lines again, or return what falls short."""
    wants = tuple(Want(line.sku, line.location, line.quantity) for line in lines)
    locked = yield from lock_levels([(line.sku, line.location) for line in lines], {})
    require_items(lines, locked)
    (allocation,) = allocate([Demand(checkout_id, wants)], locked.levels)
    lacking = allocation.shortfalls
    yield from look_for_overdue(short_items(lacking, locked), locked.at, overdue_max)
    if lacking:
        told = yield from tell_shortages({checkout_id: lacking}, locked)
        return told[checkout_id]
    yield Call(
        reservations.REINSTATE,
        {
            "at": locked.at,
            "id": lines[0].id,
            "items": [line.stock_item_id for line in lines],
            "quantities": [line.quantity for line in lines],
        },
    )
    return ()
