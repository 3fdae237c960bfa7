"""Availability for product pages, read from the database itself: the extra ``[availability]``.

The only module of this package that knows a database. It reads one view, under a role that may do
nothing else, and holds up nobody who buys.
"""

from __future__ import annotations

import asyncio
import math
import os
import threading
from collections.abc import Callable, Coroutine, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, Self, TypeVar

try:
    from psycopg import AsyncConnection, Error, ProgrammingError
    from psycopg.abc import PQGen
    from psycopg.conninfo import conninfo_to_dict
    from psycopg.waiting import wait_async
except ImportError as error:
    raise ImportError(
        "reading availability needs psycopg: install holdfast-client[availability]"
    ) from error

from holdfast_client.availability.figures import (
    PAGE_SKUS_DEFAULT,
    PLACES_MAX,
    AvailabilityPage,
    PageRequest,
    PlaceAvailability,
    SkuAvailability,
    SkusRequest,
)
from holdfast_client.contract.arguments import answer_timeout, validated
from holdfast_client.contract.errors import InvalidRequest, OutcomeUnknown, StockUnreadable
from holdfast_client.transport.loop_thread import LoopThread

Answer = TypeVar("Answer")
URL_VARIABLE: Final = "HOLDFAST_READER_URL"
TIMEOUT_SECONDS_DEFAULT: Final = 2.0
CONNECTIONS_MAX_DEFAULT: Final = 4
_THREAD_SLACK_SECONDS: Final = 1.0
_WAIT_INTERVAL_SECONDS: Final = 0.1
_BACKENDS: Final = ("postgresql://", "postgres://")

_FIGURES: Final = """
SELECT w.sku, a.location, a.name, a.active, a.total, a.reserved, a.available, a.for_sale, a.found
  FROM {wanted}
  LEFT JOIN LATERAL (
       SELECT location, name, active, total, reserved, available,
              (sum(for_sale) OVER ())::bigint AS for_sale,
              count(*) OVER () AS found
         FROM holdfast.stock_availability
        WHERE sku = w.sku
        ORDER BY location COLLATE "C"
        LIMIT %(places_max)s) AS a ON true
 ORDER BY w.place, a.location COLLATE "C"
"""
_OF_SKUS: Final = _FIGURES.format(
    wanted="unnest(%(skus)s::text[]) WITH ORDINALITY AS w(sku, place)"
)
_OF_PAGE: Final = _FIGURES.format(
    wanted="""(SELECT sku, row_number() OVER (ORDER BY sku) AS place
          FROM (SELECT DISTINCT sku
                  FROM holdfast.stock_availability
                 WHERE sku > %(after)s
                 ORDER BY sku
                 LIMIT %(limit)s) AS p) AS w"""
)


class AvailabilityReader:
    """Reads what there is of SKUs, for one event loop. Connects on first use.

    Every method raises InvalidRequest where an argument is wrong, and StockUnreadable where the
    database does not answer in time or refuses: nothing is known then, and it may be asked again.

    Args:
        url: a Postgres URL under the readers' role; None takes ``HOLDFAST_READER_URL``.
        timeout_seconds: the longest that one call may take, above 0.
        connections_max: 1 or more connections; further calls wait for one.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS_DEFAULT,
        connections_max: int = CONNECTIONS_MAX_DEFAULT,
    ) -> None:
        self._url = _checked(url or os.environ.get(URL_VARIABLE, ""))
        self._timeout_seconds = answer_timeout(timeout_seconds)
        if connections_max < 1:
            raise InvalidRequest("connections_max", "must be 1 or more")
        self._turns = asyncio.Semaphore(connections_max)
        self._idle: list[_Connection] = []

    async def one(self, sku: str) -> SkuAvailability:
        """Return what there is of a SKU; one that nobody knows is not for sale."""
        return (await self.many([sku]))[sku]

    async def many(self, skus: Sequence[str]) -> dict[str, SkuAvailability]:
        """Return what there is of each of these SKUs, at most 500, in their order."""
        if isinstance(skus, str):
            raise InvalidRequest("skus", "must be a list of SKUs; `one` takes a single one")
        wanted = validated(SkusRequest, skus=tuple(skus)).skus
        if not wanted:
            return {}
        rows = await self._rows(_OF_SKUS, {"skus": list(dict.fromkeys(wanted))})
        found = {item.sku: item for item in _items(rows)}
        return {asked: found[sku] for asked, sku in zip(skus, wanted, strict=True)}

    async def page(self, after: str = "", limit: int = PAGE_SKUS_DEFAULT) -> AvailabilityPage:
        """Return a page of all SKUs.

        Args:
            after: ``next_after`` of the page before; empty for the first.
            limit: 1 to 500 SKUs.
        """
        wanted = validated(PageRequest, after=after, limit=limit)
        rows = await self._rows(_OF_PAGE, {"after": wanted.after, "limit": wanted.limit + 1})
        items = _items(rows)
        shown = items[: wanted.limit]
        return AvailabilityPage(
            items=shown, next_after=shown[-1].sku if len(items) > wanted.limit else None
        )

    async def close(self) -> None:
        """Disconnect; the next call connects anew."""
        while self._idle:
            await self._idle.pop().close()

    async def __aenter__(self) -> Self:
        """Return itself, to be closed at the end of the block."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Disconnect."""
        await self.close()

    async def _rows(self, query: str, parameters: dict[str, Any]) -> list[Any]:
        deadline = asyncio.get_running_loop().time() + self._timeout_seconds
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

    async def _answered(self, query: str, parameters: dict[str, Any], deadline: float) -> list[Any]:
        while self._idle:
            connection = self._idle.pop()
            try:
                return await self._ask(connection, query, parameters, deadline)
            except Error:
                # It may have been idle since before a restart of the server: reads are safe to
                # repeat, on a fresh connection at the latest.
                if not connection.closed or asyncio.get_running_loop().time() >= deadline:
                    raise
        async with asyncio.timeout_at(deadline):
            connection = await _Connection.connect(self._url, autocommit=True)
        return await self._ask(connection, query, parameters, deadline)

    async def _ask(
        self, connection: _Connection, query: str, parameters: dict[str, Any], deadline: float
    ) -> list[Any]:
        # Nothing is prepared in the server, so that a pooler between may be of any kind.
        connection.prepare_threshold = None
        connection.deadline = deadline
        try:
            cursor = await connection.execute(query, parameters | {"places_max": PLACES_MAX})
            rows = await cursor.fetchall()
        except BaseException as error:
            # One that was interrupted could answer the question before. A refusal leaves it whole.
            if connection.closed or not isinstance(error, Error) or error.sqlstate is None:
                connection.pgconn.finish()
            else:
                self._idle.append(connection)
            raise
        self._idle.append(connection)
        return rows

    def _unreadable(self, why: str) -> StockUnreadable:
        return StockUnreadable(
            f"availability cannot be read within {self._timeout_seconds:g} s: {why}; ask again"
        )


class SyncAvailabilityReader:
    """The methods of AvailabilityReader without ``await``, for all threads of a process.

    It may be made before a server forks its workers: a forked process connects anew.

    Args:
        url: as for AvailabilityReader.
        timeout_seconds: as for AvailabilityReader.
        connections_max: as for AvailabilityReader.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS_DEFAULT,
        connections_max: int = CONNECTIONS_MAX_DEFAULT,
    ) -> None:
        self._settings: dict[str, Any] = {
            "url": url,
            "timeout_seconds": timeout_seconds,
            "connections_max": connections_max,
        }
        self._wait_seconds = answer_timeout(timeout_seconds) + _THREAD_SLACK_SECONDS
        self._reader = AvailabilityReader(**self._settings)
        self._thread: LoopThread | None = None
        self._pid = os.getpid()

    def one(self, sku: str) -> SkuAvailability:
        """Return what there is of a SKU; one that nobody knows is not for sale."""
        return self._run(lambda reader: reader.one(sku))

    def many(self, skus: Sequence[str]) -> dict[str, SkuAvailability]:
        """Return what there is of each of these SKUs, at most 500, in their order."""
        return self._run(lambda reader: reader.many(skus))

    def page(self, after: str = "", limit: int = PAGE_SKUS_DEFAULT) -> AvailabilityPage:
        """Return a page of all SKUs, behind ``next_after`` of the page before."""
        return self._run(lambda reader: reader.page(after, limit))

    def close(self) -> None:
        """Disconnect; the next call connects anew."""
        thread, self._thread = self._thread, None
        if thread is not None and self._pid == os.getpid():
            thread.run(self._reader.close(), self._wait_seconds)
            thread.stop()

    def __enter__(self) -> Self:
        """Return itself, to be closed at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Disconnect."""
        self.close()

    def _run(self, ask: Callable[[AvailabilityReader], Coroutine[Any, Any, Answer]]) -> Answer:
        with _Guard.lock:
            if self._thread is None or self._pid != os.getpid():
                if self._pid != os.getpid():
                    _left_by_parent.append(self._reader)
                self._reader = AvailabilityReader(**self._settings)
                self._thread = LoopThread()
                self._pid = os.getpid()
            thread = self._thread
        try:
            return thread.run(ask(self._reader), self._wait_seconds)
        except OutcomeUnknown as error:
            raise StockUnreadable(str(error)) from None


class _Guard:
    """Lets one thread at a time begin. A fork may have copied it while another thread held it."""

    lock = threading.Lock()


def _begin_forked_process() -> None:
    _Guard.lock = threading.Lock()


# What the parent of a fork had open: kept, because the parent still uses it.
_left_by_parent: list[AvailabilityReader] = []
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_forked_process)


class _Connection(AsyncConnection[Any]):
    """A connection that waits for an answer no longer than until ``deadline``."""

    deadline = math.inf

    async def wait(
        self,
        gen: PQGen[Any],
        interval: float = _WAIT_INTERVAL_SECONDS,
        timeout: float | None = None,  # noqa: ASYNC109  # as the driver calls it
    ) -> Any:
        # Not the driver's own, which would wait on for a silent server after a cancellation.
        if timeout is None and math.isfinite(self.deadline):
            timeout = max(self.deadline - asyncio.get_running_loop().time(), 0.0)
        return await wait_async(gen, self.pgconn.socket, interval=interval, timeout=timeout)


def _checked(url: str) -> str:
    try:
        conninfo_to_dict(url)
    except ProgrammingError:
        # The message of the original would repeat the URL, and with it a password.
        url = ""
    if not url.startswith(_BACKENDS):
        raise InvalidRequest(
            "url", f"{URL_VARIABLE} is not a Postgres URL (postgresql://user:password@host/db)"
        )
    return url


def _items(rows: Sequence[Any]) -> tuple[SkuAvailability, ...]:
    return tuple(_item(sku, list(places)) for sku, places in groupby(rows, key=itemgetter(0)))


def _item(sku: str, rows: Sequence[Any]) -> SkuAvailability:
    *_, for_sale, found = rows[0]
    if found is None:
        return SkuAvailability(sku=sku)
    names = ("location", "name", "active", "total", "reserved", "available")
    return SkuAvailability(
        sku=sku,
        is_known=True,
        for_sale=for_sale,
        places=tuple(PlaceAvailability(**dict(zip(names, row[1:7], strict=True))) for row in rows),
        places_left_out=found - len(rows),
    )


def _first_line(error: Error) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
