"""Where a want is looked for. The one strategy so far: where it says, else at the main location."""

from __future__ import annotations

from activities.inventory.allocation.wants import Want
from holdfast_client.contract.names import DEFAULT_LOCATION


def place_of(want: Want) -> str:
    """Return the location from which a want is picked."""
    return want.place or DEFAULT_LOCATION
