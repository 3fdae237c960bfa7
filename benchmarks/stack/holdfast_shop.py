"""A shop that checks out through Holdfast's own client."""

from __future__ import annotations

import os
from typing import Final, Self

from benchmarks.stack.jobs import HOLD_SECONDS
from benchmarks.stack.shopping import Unanswered
from holdfast_client import Fulfilled, Held, OutcomeUnknown, ReservationClient

ANSWER_TIMEOUT_SECONDS: Final = 60.0


class HoldfastShop:
    """Reserves and confirms as a checkout service does."""

    def __init__(self, client: ReservationClient) -> None:
        self._client = client

    @classmethod
    async def open(cls) -> Self:
        """Connect to the Temporal that the environment names."""
        return cls(
            await ReservationClient.connect(
                os.environ["TEMPORAL_ADDRESS"], answer_timeout_seconds=ANSWER_TIMEOUT_SECONDS
            )
        )

    async def reserve(self, checkout_id: str, sku: str) -> None:
        try:
            outcome = await self._client.reserve(checkout_id, [(sku, 1)], hold_seconds=HOLD_SECONDS)
        except OutcomeUnknown as error:
            raise Unanswered(str(error)) from error
        if not isinstance(outcome, Held):
            raise RuntimeError(f"{checkout_id} was not held: {outcome}")

    async def confirm(self, checkout_id: str) -> None:
        try:
            outcome = await self._client.confirm(checkout_id, f"payment of {checkout_id}")
        except OutcomeUnknown as error:
            raise Unanswered(str(error)) from error
        if not isinstance(outcome, Fulfilled):
            raise RuntimeError(f"{checkout_id} was not fulfilled: {outcome}")

    async def close(self) -> None:
        """Nothing to give back: the connection ends with the process."""
