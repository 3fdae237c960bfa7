"""The shop in memory, for the tests of code without an event loop."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import datetime

from holdfast_client.contract.names import DEFAULT_LOCATION
from holdfast_client.fake.client import HOLD_LENGTH_SECONDS_MAX_DEFAULT, FakeReservationClient
from holdfast_client.fake.ledger import StockFigures
from holdfast_client.sync_facade import Answer, Ask, SyncReservations


class SyncFakeReservationClient(SyncReservations):
    """The methods of SyncReservationClient, and those of FakeReservationClient for tests.

    Args:
        stock: units by SKU, at the location ``main``.
        now: where the clock starts; the present moment if left out. Must be in UTC.
        hold_length_seconds_max: the cap on a hold's whole length, from its creation.
    """

    def __init__(
        self,
        stock: Mapping[str, int] | None = None,
        *,
        now: datetime | None = None,
        hold_length_seconds_max: int = HOLD_LENGTH_SECONDS_MAX_DEFAULT,
    ) -> None:
        self._guard = threading.Lock()
        self._fake = FakeReservationClient(
            stock, now=now, hold_length_seconds_max=hold_length_seconds_max
        )
        self.set_stock = self._fake.set_stock
        self.make_unavailable = self._fake.make_unavailable
        self.make_unreachable = self._fake.make_unreachable
        self.lose_answers = self._fake.lose_answers

    @property
    def now(self) -> datetime:
        """The time on the fake's clock."""
        return self._fake.now

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass; every hold whose deadline has come by then expires."""
        with self._guard:
            self._fake.advance(seconds)

    def stock(self, sku: str, location: str = DEFAULT_LOCATION) -> StockFigures:
        """Return the figures of a stock item; all 0 for an unknown one."""
        return self._fake.stock(sku, location)

    def close(self) -> None:
        """Do nothing, like the real one's ``close`` at the end of a test."""

    def _answer(self, ask: Ask[Answer]) -> Answer:
        answering = ask(self._fake)
        with self._guard:
            try:
                answering.send(None)
            except StopIteration as done:
                answer: Answer = done.value
                return answer
        raise AssertionError("the fake waits for nothing")
