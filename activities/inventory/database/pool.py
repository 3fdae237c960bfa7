"""Connections to Postgres for the coroutines of one event loop: how many, and when one is given up.

Where the engine's connections each keep a thread waiting, these wait in the loop. They are made in
the same way, by :class:`~activities.inventory.database.connecting.Connector` in a thread, because
to resolve names and to shake hands may block; from then on nothing does.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import Any, Final

import psycopg
from psycopg import waiting
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus
from psycopg.rows import namedtuple_row

from activities.inventory.database.connecting import Connector, LedgerConnection, ResultT
from activities.inventory.database.engine import (
    CONNECTION_AGE_SECONDS_MAX,
    POOL_WAIT_SECONDS,
    connection_words,
)
from activities.inventory.database.errors import (
    LedgerUnreachable,
    connection_is_lost,
    ended_by_its_time,
)
from activities.inventory.database.session import (
    LOCK_TIMEOUT_MS,
    STATEMENT_TIMEOUT_MS,
    session_settings,
)

_ROLLBACK: Final = "ROLLBACK"
_OPEN: Final = (TransactionStatus.INTRANS, TransactionStatus.INERROR)
# What a server reports of itself, and each change with its next answer: that it is a standby, or
# was told to take no writes.
_ONLY_READS_REPORTS: Final = (b"in_hot_standby", b"default_transaction_read_only")

StatementTracer = Callable[[str], AbstractContextManager[object]]
"""Given the text of a statement, which holds no values; entered while it is made."""


class AsyncLedgerConnection(psycopg.AsyncConnection[Any]):
    """A connection that was opened by a thread, for coroutines from now on.

    Like the one that it was, it waits for an answer no longer than its ``answer_seconds_max``.
    """

    def __init__(self, opened: LedgerConnection) -> None:
        super().__init__(opened.pgconn, row_factory=namedtuple_row)
        # Both are one line: who lets go of the first takes it from the second.
        self._opened = opened
        self._autocommit = True
        self.prepare_threshold = opened.prepare_threshold
        self.made_at = time.monotonic()
        self._only_read_when_made = self._only_reads()

    async def wait(
        self,
        gen: PQGen[ResultT],
        interval: float = 60.0,
        timeout: float | None = None,  # noqa: ASYNC109  # as the driver's own has it
    ) -> ResultT:
        bound = self._opened.answer_seconds_max if timeout is None else timeout
        try:
            return await waiting.wait_async(gen, self.pgconn.socket, interval, bound)
        except (psycopg.OperationalError, asyncio.CancelledError):
            # Still waiting for an answer: what came next on this line could be anything.
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self.pgconn.finish()
            raise

    @property
    def has_come_to_only_read(self) -> bool:
        """Whether its server took writes once, and by now does not: an old primary, after a
        failover. Where one only reads, nothing else tells."""
        return not self._only_read_when_made and self._only_reads()

    def _only_reads(self) -> bool:
        return b"on" in map(self.pgconn.parameter_status, _ONLY_READS_REPORTS)


class LedgerPool:
    """At most so many connections, on each of which each statement is a transaction of its own.

    A connection that can no longer do its work leaves the pool at the first sign, and all that
    were made before it with it.

    Args:
        url: a Postgres URL.
        connections_max: 1 or more.
        statement_timeout_ms: the server ends a statement that runs longer, 1 or more.
        lock_timeout_ms: the server ends a statement that waits longer for one lock; 0 for none.
        application_name: how the connections show in ``pg_stat_activity``.

    Raises:
        ValueError: it is no Postgres URL.
    """

    def __init__(
        self,
        url: str,
        *,
        connections_max: int,
        statement_timeout_ms: int = STATEMENT_TIMEOUT_MS,
        lock_timeout_ms: int = LOCK_TIMEOUT_MS,
        application_name: str = "holdfast",
    ) -> None:
        settings = session_settings(statement_timeout_ms, lock_timeout_ms)
        self._connector = Connector(settings, statement_timeout_ms)
        self._words = connection_words(url, application_name)
        self._connections_max = connections_max
        self._room = asyncio.Semaphore(connections_max)
        # The one that was used last is used next, so that what is not needed grows old.
        self._idle: list[AsyncLedgerConnection] = []
        self._given_up_at = 0.0
        # Where statements are traced; set before the first.
        self.tracer: StatementTracer | None = None

    async def take(self) -> AsyncLedgerConnection:
        """Return a connection that nobody else has; it is to be given back.

        Raises:
            LedgerUnreachable: none came free within ``POOL_WAIT_SECONDS``.
            psycopg.Error: there is no server, or none who takes us.
        """
        if self._room.locked():
            await self._wait_for_room()
        else:
            await self._room.acquire()
        try:
            while self._idle:
                connection = self._idle.pop()
                if self._is_fit(connection):
                    return connection
                await connection.close()
            return AsyncLedgerConnection(
                await asyncio.to_thread(self._connector.connect, **self._words)
            )
        except BaseException:
            self._room.release()
            raise

    async def give_back(
        self, connection: AsyncLedgerConnection, error: BaseException | None = None
    ) -> bool:
        """Take a connection back from whoever had it, with nothing of theirs left open on it.

        Args:
            connection: of :meth:`take`.
            error: what ended its use, if anything did.

        Returns:
            Whether it was lost. Without an error its answers are those of an old primary then.
        """
        try:
            is_lost = _is_lost(connection, error)
            if not is_lost and await _is_undone(connection) and self._is_fit(connection):
                self._idle.append(connection)
            else:
                await connection.close()
            if is_lost and not ended_by_its_time(error):
                await self._give_up_elders()
        finally:
            self._room.release()
        return is_lost

    async def close(self) -> None:
        """Close all connections, each when nobody uses it any more; the bounds see to that."""
        for _ in range(self._connections_max):
            await self._room.acquire()
        while self._idle:
            await self._idle.pop().close()
        for _ in range(self._connections_max):
            self._room.release()

    def _is_fit(self, connection: AsyncLedgerConnection) -> bool:
        age = time.monotonic() - connection.made_at
        return connection.made_at > self._given_up_at and age < CONNECTION_AGE_SECONDS_MAX

    async def _give_up_elders(self) -> None:
        """Let go of all that were made before one that is lost; of those in use later."""
        self._given_up_at = time.monotonic()
        while self._idle:
            await self._idle.pop().close()

    async def _wait_for_room(self) -> None:
        try:
            async with asyncio.timeout(POOL_WAIT_SECONDS):
                await self._room.acquire()
        except TimeoutError:
            raise LedgerUnreachable("no database connection came free in time") from None


def _is_lost(connection: AsyncLedgerConnection, error: BaseException | None) -> bool:
    if error is None:
        return not connection.closed and connection.has_come_to_only_read
    return isinstance(error, psycopg.Error) and (connection.closed or connection_is_lost(error))


async def _is_undone(connection: AsyncLedgerConnection) -> bool:
    """Undo what is open on a connection; say whether it can be used again."""
    if connection.pgconn.transaction_status in _OPEN:
        with suppress(psycopg.Error):
            await connection.execute(_ROLLBACK)
    return connection.pgconn.transaction_status == TransactionStatus.IDLE
