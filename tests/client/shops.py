"""A shop as the conformance tests see it: a client, its stock, and a way to let time pass."""

from __future__ import annotations

from typing import Protocol

from holdfast_client import FakeReservationClient, Reservations
from holdfast_client.contract.names import DEFAULT_LOCATION


class Shop(Protocol):
    """What a test may do to a shop besides calling its client."""

    @property
    def client(self) -> Reservations:
        """The client under test."""
        ...

    async def stock(
        self, sku: str, total: int, location: str = DEFAULT_LOCATION, active: bool = True
    ) -> None:
        """Put a stock item in place."""
        ...

    async def available(self, sku: str, location: str = DEFAULT_LOCATION) -> tuple[int, int, int]:
        """Return the total, reserved and available units of a stock item."""
        ...

    async def pass_time(self, seconds: float) -> None:
        """Let time pass for every hold, and wait until those that are due have ended."""
        ...


class FakeShop:
    """The shop in memory."""

    def __init__(self) -> None:
        self.client = FakeReservationClient()

    async def stock(
        self, sku: str, total: int, location: str = DEFAULT_LOCATION, active: bool = True
    ) -> None:
        self.client.set_stock(sku, total, location, active=active)

    async def available(self, sku: str, location: str = DEFAULT_LOCATION) -> tuple[int, int, int]:
        return self.client.stock(sku, location)

    async def pass_time(self, seconds: float) -> None:
        self.client.advance(seconds)
