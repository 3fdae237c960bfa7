"""Late cancellations: who cancels what has expired is told so, and under its id stays told so.

A late payment may reinstate the checkout afterwards, while the message comes again, after a reset
of its settlement for one: nobody has cancelled the attempt that is paid.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from activities.inventory.database.calls import Call, Steps
from activities.inventory.operations.refusals import Refusal, record_refusals
from activities.inventory.records import Closing
from activities.inventory.sql.statements.reservations import READ_LATE_CANCELLATIONS
from holdfast_client.contract.outcomes import Expired, KnownOutcome, Outcome, parse_known_outcome

CANCEL = "cancel"


def read_late_cancellations(closings: Sequence[Closing]) -> Steps[dict[Closing, KnownOutcome]]:
    """Return what was told before, by the closing that asks for it again."""
    return {
        closing: parse_known_outcome(row.standing)
        for closing, row in (yield from _read(closings))
        if row.standing is not None
    }


def read_late_cancellation(closing: Closing) -> Steps[KnownOutcome | None]:
    """Return what it was told before; None where it was not asked for, or was not late."""
    return (yield from read_late_cancellations([closing])).get(closing)


def record_late_cancellations(told: Mapping[Closing, Outcome]) -> Steps[None]:
    """Put on record which cancellations came after an expiry; what is there already stays.

    Args:
        told: what each closing is told.
    """
    late = {closing: outcome for closing, outcome in told.items() if isinstance(outcome, Expired)}
    refusals = [
        Refusal(
            row.id,
            closing.operation_id,
            CANCEL,
            None,
            "expired",
            {"standing": late[closing].model_dump(mode="json")},
            closing.reason,
            closing.actor,
        )
        for closing, row in (yield from _read(list(late)))
        if row.id is not None
    ]
    yield from record_refusals(*refusals)


def _read(closings: Sequence[Closing]) -> Steps[list[tuple[Closing, Any]]]:
    """Return a row for each cancellation that has an id: its checkout's last expired attempt."""
    named = [each for each in closings if each.operation_id and each.status == "cancelled"]
    if not named:
        return []
    rows = yield Call(
        READ_LATE_CANCELLATIONS,
        {
            "checkout_ids": [each.checkout_id for each in named],
            "operation_ids": [each.operation_id for each in named],
        },
    )
    return [(named[row.place - 1], row) for row in rows]
