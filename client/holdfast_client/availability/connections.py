"""The connections of a reader: how many, how long they serve, and which server is at their end.

The only module of this package that knows a database. What is asked here only reads, so it is safe
to ask again on another connection.
"""

from __future__ import annotations

import asyncio
import math
import random
from contextlib import suppress
from typing import Any, Final, Self

try:
    from psycopg import AsyncConnection, Error, ProgrammingError
    from psycopg.abc import PQGen
    from psycopg.conninfo import conninfo_to_dict
    from psycopg.pq import TransactionStatus
    from psycopg.waiting import wait_async
except ImportError as error:
    raise ImportError(
        "reading availability needs psycopg: install holdfast-client[availability]"
    ) from error

from holdfast_client.contract.errors import InvalidRequest, StockUnreadable

URL_VARIABLE: Final = "HOLDFAST_READER_URL"
# A read never meets a refusal that says that another server is the one by now, where a write does.
# So connections are made anew often enough for a page not to be stale for long.
CONNECTION_AGE_SECONDS_MAX: Final = 60.0
_WAIT_INTERVAL_SECONDS: Final = 0.1
_BACKENDS: Final = ("postgresql://", "postgres://")
_SERVER_LISTS: Final = ("host", "hostaddr", "port")
# The server reports these of itself, and every change of them with its next answer.
_STANDING: Final = (b"in_hot_standby", b"default_transaction_read_only")


class Connections:
    """At most so many connections to the database of a URL, for one event loop.

    Args:
        url: a Postgres URL, of one server or of several.
        timeout_seconds: the longest that one question may take, above 0.
        connections_max: 1 or more; further questions wait for one.

    Raises:
        InvalidRequest: the URL cannot be one; the message repeats nothing of it.
    """

    def __init__(self, url: str, *, timeout_seconds: float, connections_max: int) -> None:
        self._servers = _servers(url)
        self._timeout_seconds = timeout_seconds
        self._turns = asyncio.Semaphore(connections_max)
        # The one that was used last is used next, so that what is not needed grows old.
        self._idle: list[_Connection] = []

    async def rows(self, query: str, parameters: dict[str, Any]) -> list[Any]:
        """Return the rows of a query that only reads.

        Raises:
            StockUnreadable: the database does not answer in time, or refuses.
        """
        deadline = _now() + self._timeout_seconds
        try:
            async with asyncio.timeout_at(deadline):
                await self._turns.acquire()
            try:
                return await self._answered(query, parameters, deadline)
            finally:
                self._turns.release()
        except TimeoutError:
            raise self._unreadable("no answer in time") from None
        except Error as error:
            raise self._unreadable(_first_line(error)) from None

    async def close(self) -> None:
        """Disconnect; the next question connects anew."""
        while self._idle:
            await self._idle.pop().close()

    async def _answered(self, query: str, parameters: dict[str, Any], deadline: float) -> list[Any]:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_old:
                await connection.close()
                continue
            try:
                rows = await self._ask(connection, query, parameters, deadline)
            except Error:
                if not connection.closed:
                    raise
            else:
                if not connection.closed:
                    return rows
            # Its server is silent, was restarted, or is not what it was. Those that lie idle lead
            # there, too: no call is to find that out of each, or to give a slow server more to do.
            await self.close()
        return await self._ask(await self._connected(deadline), query, parameters, deadline)

    async def _ask(
        self, connection: _Connection, query: str, parameters: dict[str, Any], deadline: float
    ) -> list[Any]:
        connection.deadline = deadline
        try:
            cursor = await connection.execute(query, parameters)
            return await cursor.fetchall()
        finally:
            # A question that was refused, here or by the server, costs no connection.
            if connection.is_sound:
                self._idle.append(connection)
            else:
                connection.pgconn.finish()

    async def _connected(self, deadline: float) -> _Connection:
        """Connect to the first server that takes us; one that is silent has its share of the time.

        Raises:
            TimeoutError: the last one does not answer by then.
            psycopg.Error: the last one refuses.
        """
        *others, last = _in_order(self._servers)
        for place, server in enumerate(others):
            share_seconds = (deadline - _now()) / (len(others) + 1 - place)
            with suppress(TimeoutError, Error):
                async with asyncio.timeout(share_seconds):
                    return await _Connection.to(server)
        async with asyncio.timeout_at(deadline):
            return await _Connection.to(last)

    def _unreadable(self, why: str) -> StockUnreadable:
        return StockUnreadable(
            f"availability cannot be read within {self._timeout_seconds:g} s: {why}; ask again"
        )


class _Connection(AsyncConnection[Any]):
    """A connection that waits for an answer no longer than until ``deadline``."""

    deadline = math.inf
    _made_at = 0.0
    _made_standing: tuple[bytes | None, ...] = ()

    @classmethod
    async def to(cls, server: dict[str, Any]) -> Self:
        """Connect to a server, in the driver's words for it."""
        # Whatever the environment says, which could not hold every name. And nothing is prepared
        # in the server, so that a pooler between may be of any kind.
        words = {**server, "client_encoding": "utf8"}
        connection = await cls.connect(autocommit=True, prepare_threshold=None, **words)
        connection._made_at = _now()
        connection._made_standing = connection._standing()
        return connection

    @property
    def is_old(self) -> bool:
        """Whether it has served for as long as it may."""
        return _now() - self._made_at >= CONNECTION_AGE_SECONDS_MAX

    @property
    def is_sound(self) -> bool:
        """Whether no answer is under way, and the server still is what it was: not one that was
        writable and only reads by now, as an old primary does after a failover."""
        is_idle = self.pgconn.transaction_status == TransactionStatus.IDLE
        return is_idle and self._standing() == self._made_standing

    async def wait(
        self,
        gen: PQGen[Any],
        interval: float = _WAIT_INTERVAL_SECONDS,
        timeout: float | None = None,  # noqa: ASYNC109  # as the driver calls it
    ) -> Any:
        # Not the driver's own, which would wait on for a silent server after a cancellation.
        if timeout is None and math.isfinite(self.deadline):
            timeout = max(self.deadline - _now(), 0.0)
        return await wait_async(gen, self.pgconn.socket, interval=interval, timeout=timeout)

    def _standing(self) -> tuple[bytes | None, ...]:
        return tuple(map(self.pgconn.parameter_status, _STANDING))


def _now() -> float:
    return asyncio.get_running_loop().time()


def _servers(url: str) -> list[dict[str, Any]]:
    """Return each server that a URL names, in the driver's words for one."""
    words = _words(url)
    lists = {name: str(words.pop(name)).split(",") for name in _SERVER_LISTS if name in words}
    count = len(lists.get("hostaddr") or lists.get("host") or [""])
    if len(lists.get("port", ())) == 1:
        lists["port"] *= count
    if any(len(each) != count for each in lists.values()):
        raise InvalidRequest("url", f"{URL_VARIABLE} does not name a port for each host, or one")
    if not all(map(_can_be_looked_up, lists.get("host", ()))):
        raise InvalidRequest("url", f"{URL_VARIABLE} names a host that nobody can look up")
    return [{**words, **{name: each[n] for name, each in lists.items()}} for n in range(count)]


def _words(url: str) -> dict[str, Any]:
    try:
        words = conninfo_to_dict(url)
    except (ProgrammingError, UnicodeError):
        # The message of the original would repeat the URL, and with it a password.
        url, words = "", {}
    if not url.startswith(_BACKENDS):
        raise InvalidRequest(
            "url", f"{URL_VARIABLE} is not a Postgres URL (postgresql://user:password@host/db)"
        )
    return words


def _can_be_looked_up(host: str) -> bool:
    try:
        # As the system does it, where nobody expects this to fail. Paths are of sockets.
        _ = host.startswith(("/", "@")) or host.encode("idna")
    except UnicodeError:
        return False
    return True


def _in_order(servers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return servers in the order in which they are to be tried, as libpq does it for a list."""
    first, *_ = servers
    tried = servers.copy()
    if first.get("load_balance_hosts") == "random":
        random.shuffle(tried)
    if first.get("target_session_attrs") == "prefer-standby":
        wishes = ("standby", "any")
        tried = [{**each, "target_session_attrs": wish} for wish in wishes for each in tried]
    return tried


def _first_line(error: Error) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
