"""The client for code without an event loop, such as a Django view."""

from __future__ import annotations

import asyncio
import os
import threading
import weakref
from collections.abc import Awaitable, Callable
from functools import partial
from types import TracebackType
from typing import Final, Self

from holdfast_client.client import ANSWER_TIMEOUT_SECONDS_DEFAULT, ReservationClient
from holdfast_client.contract.arguments import answer_timeout
from holdfast_client.contract.errors import HoldfastError
from holdfast_client.sync_facade import Answer, Ask, SyncReservations
from holdfast_client.transport.loop_thread import LoopThread
from holdfast_client.transport.shutdown import settle

# How much longer than the call itself, which is bounded, the caller's thread waits for it.
_SLACK_SECONDS: Final = 5.0


class SyncReservationClient(SyncReservations):
    """Reserves stock for checkouts, from any thread; one instance serves a whole process.

    It connects on first use, so it may be made before Temporal runs and before a server forks its
    workers: a forked process makes a connection of its own. It ends by itself with the
    interpreter; ``close`` or ``with`` end it sooner.

    Args:
        address: ``host:port``; None takes Temporal's environment settings, then
            ``localhost:7233``.
        namespace: Temporal's namespace; None takes the environment's, then ``default``.
        answer_timeout_seconds: the longest wait for the connection and then for each call, above 0.
        private_metadata: as for ``ReservationClient``; None takes ``HOLDFAST_PRIVATE_METADATA``.
        status_attribute: as for ``ReservationClient``.
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        namespace: str | None = None,
        answer_timeout_seconds: float = ANSWER_TIMEOUT_SECONDS_DEFAULT,
        private_metadata: bool | None = None,
        status_attribute: bool = True,
    ) -> None:
        self._connect = partial(
            ReservationClient.connect,
            address,
            namespace=namespace,
            answer_timeout_seconds=answer_timeout(answer_timeout_seconds),
            private_metadata=private_metadata,
            status_attribute=status_attribute,
        )
        self._answer_timeout_seconds = answer_timeout_seconds
        self._is_closed = False
        self._guard = threading.Lock()
        self._connection: _Connection | None = None
        _clients.add(self)

    def close(self) -> None:
        """Disconnect. Calls that wait raise OutcomeUnknown, later ones HoldfastError."""
        with self._guard:
            self._is_closed = True
            connection, self._connection = self._connection, None
        if connection is not None:
            connection.thread.stop()

    def __enter__(self) -> Self:
        """Return itself, to be closed at the end of the block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()

    def _begin_forked_process(self) -> None:
        if self._connection is not None:
            _left_by_parent.append(self._connection)
        self._connection = None
        # Another thread of the parent may have held the old one when it forked.
        self._guard = threading.Lock()

    def _answer(self, ask: Ask[Answer]) -> Answer:
        return self._connected().answer(ask)

    def _connected(self) -> _Connection:
        with self._guard:
            if self._is_closed:
                raise HoldfastError("the client is closed; make a new one")
            if self._connection is None:
                self._connection = _Connection(self._connect, self._answer_timeout_seconds)
                # Also at the interpreter's exit, where nothing of it may be at work.
                weakref.finalize(self, _end, self._connection.thread)
            return self._connection


class _Connection:
    """One process's connection and the thread that serves it."""

    def __init__(
        self, connect: Callable[[], Awaitable[ReservationClient]], answer_timeout_seconds: float
    ) -> None:
        self.thread = LoopThread()
        self._connect = connect
        self._answer_timeout_seconds = answer_timeout_seconds
        self._connecting = asyncio.Lock()
        self._client: ReservationClient | None = None

    def answer(self, ask: Ask[Answer]) -> Answer:
        # The first call connects before it asks, and either may take its whole time.
        bound_seconds = 2 * self._answer_timeout_seconds + _SLACK_SECONDS
        return self.thread.run(self._asked(ask), bound_seconds)

    async def _asked(self, ask: Ask[Answer]) -> Answer:
        return await ask(self._client or await self._first())

    async def _first(self) -> ReservationClient:
        async with self._connecting:
            if self._client is None:
                self._client = await self._connect()
            return self._client


def _end(thread: LoopThread) -> None:
    thread.stop()
    settle()


_clients: weakref.WeakSet[SyncReservationClient] = weakref.WeakSet()
# Connections of the parent of a fork: kept, because to free one would wait for threads that the
# fork did not copy.
_left_by_parent: list[_Connection] = []


def _begin_forked_process() -> None:
    for client in list(_clients):
        client._begin_forked_process()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_forked_process)
