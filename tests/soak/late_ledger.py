"""A ledger whose first calls of one kind are late, as if their packets were on the way for ever.

Nothing stops such an attempt: not the timeout after which Temporal asks again, not the end of its
workflow. It commits when it is let go.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, Literal

from sqlalchemy import Engine
from temporalio import activity

from activities.inventory.errors import ReservationConflict
from activities.inventory.ledger import Ledger
from activities.inventory.records import Closing, ReservationState
from holdfast_client.messages import CheckoutRequest

WAIT_SECONDS_MAX: Final = 30.0


class LateLedger(Ledger):
    """Works as any other but for some attempts.

    Args:
        engine: where it works.
        late: which call is late.
        attempts: how many of them are, counted from the first.
    """

    def __init__(
        self, engine: Engine, late: Literal["reserve", "close"], attempts: int = 1
    ) -> None:
        super().__init__(engine)
        self._late = late
        self._to_come = threading.Semaphore(attempts)
        self._gate = threading.Event()
        self.arrived = threading.Event()
        self.committed = threading.Event()

    def let_go(self) -> None:
        """Let the late attempts commit."""
        self._gate.set()

    def reserve(
        self, requests: Sequence[CheckoutRequest]
    ) -> tuple[ReservationState | ReservationConflict, ...]:
        with self._lateness("reserve"):
            return super().reserve(requests)

    def close(self, closings: Sequence[Closing]) -> tuple[ReservationState, ...]:
        with self._lateness("close"):
            return super().close(closings)

    @contextmanager
    def _lateness(self, call: str) -> Iterator[None]:
        if call != self._late or not self._to_come.acquire(blocking=False):
            yield
            return
        with activity.shield_thread_cancel_exception():
            self.arrived.set()
            assert self._gate.wait(WAIT_SECONDS_MAX), "the late attempt was never let go"
            yield
            # Before the shield is gone, or the cancellation that waits there comes first.
            self.committed.set()
