"""Payments that are due back, and the figures of payments that are looked at every minute."""

from __future__ import annotations

from activities.inventory.database.calls import Call, Steps, scalar
from activities.inventory.payment_records import PaymentFigures
from activities.inventory.sql.statements import payments as statements
from activities.inventory.sql.statements.reservations import CLOCK
from holdfast_client.contract.refunds import DueRefund, Refunds, RefundsRequest


def read_refunds(request: RefundsRequest) -> Steps[Refunds]:
    """Return what is to be given back, the oldest first; in a transaction of one snapshot."""
    as_of = yield from scalar(Call(CLOCK, {}))
    rows = yield Call(statements.READ_REFUNDS_DUE, {"rows_max": request.limit})
    is_cut = len(rows) == request.limit
    found = (yield from scalar(Call(statements.COUNT_REFUNDS_DUE, {}))) if is_cut else len(rows)
    return Refunds(
        as_of=as_of,
        refunds=tuple(
            DueRefund(
                payment_reference=row.payment_reference,
                checkout_id=row.checkout_id,
                customer_id=row.customer_id,
                reason=row.reason,
                due_at=row.due_at,
            )
            for row in rows
        ),
        refunds_left_out=found - len(rows),
    )


def read_payment_figures() -> Steps[PaymentFigures]:
    """Return how many payments are due back or in flight, and what waits to be packed."""
    rows = yield Call(statements.READ_PAYMENT_FIGURES, {})
    row = rows[0]
    return PaymentFigures(
        row.refunds_due, row.refund_oldest_seconds, row.in_flight, row.units_waiting
    )
