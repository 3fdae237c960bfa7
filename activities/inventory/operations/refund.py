"""Refund: a payment that was due back has gone back. Holdfast moves no money, it is told."""

from __future__ import annotations

from activities.inventory.database.calls import Call, Steps
from activities.inventory.database.errors import RefundNotDue
from activities.inventory.sql.statements import payments as statements
from holdfast_client.contract.refunds import RefundDone, Refunded


def refund(wish: RefundDone) -> Steps[Refunded]:
    """Put down that a payment has gone back.

    Raises:
        RefundNotDue: no such payment is due back; it may be on record as gone back already.
    """
    rows = yield Call(
        statements.REFUND_PAYMENT,
        {"payment_reference": wish.payment_reference, "actor": wish.actor},
    )
    if not rows:
        raise RefundNotDue(wish.payment_reference, None, None)
    if rows[0].state != "refund_due":
        raise RefundNotDue(wish.payment_reference, rows[0].state, rows[0].refunded_at)
    return Refunded(
        payment_reference=wish.payment_reference,
        checkout_id=rows[0].checkout_id,
        at=rows[0].refunded_at,
    )
