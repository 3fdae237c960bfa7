"""Abandon: a reserve that nobody waits for any more holds nothing.

After a restore Temporal does again what the ledger does not know any more, and all of that is old.
So for a day a database that was restored (`deploy/restore/restore.sh`) takes it as it comes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from activities.inventory.database.calls import Call, Steps, scalar
from activities.inventory.operations.carts import reserve_state
from activities.inventory.operations.reserve import ReserveAnswer, ReserveBatch
from activities.inventory.operations.reserve_alone import reserve_alone
from activities.inventory.operations.standing import read_rows
from activities.inventory.records import ReservationState
from activities.inventory.sql.statements import reservations as statements
from holdfast_client.contract.messages import CheckoutRequest
from holdfast_client.contract.outcomes import Unavailable

NOBODY_WAITS: Final = "nobody waited for it any more"


def abandon(request: CheckoutRequest, hold_seconds_cap: int) -> Steps[ReserveAnswer]:
    """Answer what is on record; an unknown id becomes a tombstone, which nobody can hold under."""
    if (yield from scalar(Call(statements.IS_DONE_AGAIN, {}))):
        return (yield from reserve_alone(request, hold_seconds_cap))
    yield Call(
        statements.CLAIM_ABANDONED, {"checkout_id": request.checkout_id, "reason": NOBODY_WAITS}
    )
    row = (yield from read_rows([request.checkout_id]))[request.checkout_id]
    # Nothing was ever held under a tombstone; one of a cancellation says so.
    is_nothing = row.digest is None and row.status == "expired"
    state = ReservationState(Unavailable(), None) if is_nothing else reserve_state(row)
    if request.supersedes and isinstance(state, ReservationState):
        old = yield Call(statements.READ_SUPERSEDED, {"checkout_id": request.supersedes})
        is_its_own = any(row.superseded_by == request.checkout_id for row in old)
        state = replace(state, supersedes=is_its_own)
    batch = ReserveBatch.of([request])
    (answer,) = batch.answers({request.checkout_id: row.digest}, {request.checkout_id: state})
    return answer
