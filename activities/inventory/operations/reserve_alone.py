"""Reserve one request by itself, in the way that it asks for."""

from __future__ import annotations

from activities.inventory.database.calls import Steps
from activities.inventory.operations.reserve import ReserveAnswer, reserve
from activities.inventory.operations.supersede import supersede
from holdfast_client.contract.messages import CheckoutRequest


def reserve_alone(request: CheckoutRequest, hold_seconds_cap: int) -> Steps[ReserveAnswer]:
    """Hold a request or deny it; one that names a checkout takes over that one's units."""
    if request.supersedes is not None:
        return (yield from supersede(request, hold_seconds_cap))
    (answer,) = yield from reserve([request])
    return answer
