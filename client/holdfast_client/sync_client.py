"""The client for code without an event loop, such as a Django view."""

from __future__ import annotations

from functools import partial

from holdfast_client.contract.arguments import answer_timeout
from holdfast_client.sync_methods.reservations import SyncReservations
from holdfast_client.transport.temporal import (
    ANSWER_TIMEOUT_SECONDS_DEFAULT,
    connect_transport,
)
from holdfast_client.transport.threaded import ThreadedTransport


class SyncReservationClient(SyncReservations):
    """Reserves stock for checkouts, from any thread; one instance serves a whole process.

    It connects on first use, so it may be made before Temporal runs and before a server forks its
    workers: a forked process makes a connection of its own. It ends by itself with the
    interpreter; ``close`` or ``with`` end it sooner, and calls that wait then raise OutcomeUnknown.

    Args:
        address: ``host:port``; None takes Temporal's environment settings, then
            ``localhost:7233``.
        namespace: Temporal's namespace; None takes the environment's, then ``default``.
        answer_timeout_seconds: the longest wait for the connection and then for each call, above 0.
        private_metadata: as for ``ReservationClient``; None takes ``HOLDFAST_PRIVATE_METADATA``.
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        namespace: str | None = None,
        answer_timeout_seconds: float = ANSWER_TIMEOUT_SECONDS_DEFAULT,
        private_metadata: bool | None = None,
    ) -> None:
        seconds = answer_timeout(answer_timeout_seconds)
        connect = partial(
            connect_transport,
            address,
            namespace=namespace,
            answer_timeout_seconds=seconds,
            private_metadata=private_metadata,
        )
        super().__init__(ThreadedTransport(connect, seconds))
