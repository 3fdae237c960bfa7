"""Payment conflicts: a payment of another checkout is refused, and stays so under its message's id.

It may fail there and be nobody's then, while the message comes again, after a reset for one: nobody
said since that this checkout is paid by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from activities.inventory.database.calls import Call, Steps
from activities.inventory.database.errors import PaymentConflict
from activities.inventory.operations.refusals import Refusal, record_refusals
from activities.inventory.records import Closing
from activities.inventory.sql.statements.payments import READ_REFUSED_PAYMENTS

CONFIRM = "confirm"


def read_conflicts(closings: Sequence[Closing]) -> Steps[dict[Closing, PaymentConflict]]:
    """Return what was refused before, by the closing that asks for it again."""
    return {
        closing: PaymentConflict(row.payment_reference, row.belongs_to)
        for closing, row in (yield from _read(closings))
        if row.belongs_to is not None
    }


def record_conflicts(told: Iterable[tuple[Closing, object]]) -> Steps[None]:
    """Put on record which closings are refused for their payment; what is there already stays.

    Args:
        told: closings, and what each is answered.
    """
    refused = {closing: answer for closing, answer in told if isinstance(answer, PaymentConflict)}
    refusals = [
        _refusal(closing, row.id, refused[closing])
        for closing, row in (yield from _read(list(refused)))
    ]
    yield from record_refusals(*refusals)


def _refusal(closing: Closing, id: int, conflict: PaymentConflict) -> Refusal:
    told = {"payment_reference": conflict.payment_reference, "checkout_id": conflict.checkout_id}
    return Refusal(
        id, closing.operation_id, CONFIRM, None, "payment_conflict", told, actor=closing.actor
    )


def _read(closings: Sequence[Closing]) -> Steps[list[tuple[Closing, Any]]]:
    """Return the row of each that has a payment and an id, without those of unknown checkouts."""
    named = [each for each in closings if each.operation_id and each.payment_reference]
    if not named:
        return []
    rows = yield Call(
        READ_REFUSED_PAYMENTS,
        {
            "checkout_ids": [each.checkout_id for each in named],
            "operation_ids": [each.operation_id for each in named],
            "payment_references": [each.payment_reference for each in named],
        },
    )
    return [(named[row.place - 1], row) for row in rows if row.id is not None]
