"""What all shoppers of a run share."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from temporalio.client import Client

from holdfast_client.client import ReservationClient
from soak.testimony import Testimony


@dataclass(slots=True)
class Shop:
    """One way to Holdfast and one record of what it said.

    Args:
        client: how they reach Holdfast.
        testimony: where they write.
        temporal: by which a shopper ends its own checkout's workflow; None where nobody does.
        prefix: begins every checkout id of this run.
        closing: set when nobody is to begin another cart.
        patience_ends: after this moment of ``time.monotonic()`` nobody asks again.
        in_hand: the checkouts that somebody is just now busy with.
        begun: how many checkouts there were so far.
    """

    client: ReservationClient
    testimony: Testimony
    prefix: str
    temporal: Client | None = None
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    patience_ends: float = float("inf")
    in_hand: set[str] = field(default_factory=set)
    begun: int = 0

    def next_id(self) -> str:
        """Return a checkout id that nobody has used."""
        self.begun += 1
        return f"{self.prefix}-{self.begun}"
