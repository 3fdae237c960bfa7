"""Availability for product pages, read from the database itself: the extra ``[availability]``.

It reads one view, under a role that may do nothing else, and holds up nobody who buys.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Coroutine, Iterable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, Self, TypeVar

from holdfast_client.availability.connections import URL_VARIABLE, Connections
from holdfast_client.availability.figures import (
    PAGE_SKUS_DEFAULT,
    PLACES_MAX,
    AvailabilityPage,
    PageRequest,
    PlaceAvailability,
    SkuAvailability,
    SkuRequest,
    SkusRequest,
)
from holdfast_client.contract.arguments import answer_timeout, validated
from holdfast_client.contract.errors import InvalidRequest, OutcomeUnknown, StockUnreadable
from holdfast_client.transport.loop_thread import LoopThread

Answer = TypeVar("Answer")
TIMEOUT_SECONDS_DEFAULT: Final = 2.0
CONNECTIONS_MAX_DEFAULT: Final = 4
_THREAD_SLACK_SECONDS: Final = 1.0

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
        url: a Postgres URL under the readers' role; None takes ``HOLDFAST_READER_URL``. It may name
            several servers; one that is silent costs a call that connects its share of the time.
        timeout_seconds: the longest that one call may take, above 0.
        connections_max: 1 or more connections; further calls wait for one. Each serves at most
            ``CONNECTION_AGE_SECONDS_MAX`` seconds.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS_DEFAULT,
        connections_max: int = CONNECTIONS_MAX_DEFAULT,
    ) -> None:
        self._connections = Connections(
            _named(url),
            timeout_seconds=_checked_timeout(timeout_seconds),
            connections_max=_checked_count(connections_max),
        )

    async def one(self, sku: str) -> SkuAvailability:
        """Return what there is of a SKU; one that nobody knows is not for sale."""
        wanted = validated(SkuRequest, sku=sku).sku
        (found,) = await self._of_skus([wanted])
        return found

    async def many(self, skus: Iterable[str]) -> dict[str, SkuAvailability]:
        """Return what there is of each of these SKUs, at most 500, in their order."""
        if isinstance(skus, (str, bytes)) or not isinstance(skus, Iterable):
            raise InvalidRequest("skus", "must be a list of SKUs; `one` takes a single one")
        asked = tuple(skus)
        wanted = validated(SkusRequest, skus=asked).skus
        if not wanted:
            return {}
        found = {item.sku: item for item in await self._of_skus(list(dict.fromkeys(wanted)))}
        return {each: found[sku] for each, sku in zip(asked, wanted, strict=True)}

    async def page(self, after: str = "", limit: int = PAGE_SKUS_DEFAULT) -> AvailabilityPage:
        """Return a page of all SKUs.

        Args:
            after: ``next_after`` of the page before; empty for the first.
            limit: 1 to 500 SKUs.
        """
        wanted = validated(PageRequest, after=after, limit=limit)
        bounds = {"after": wanted.after, "limit": wanted.limit + 1}
        items = await self._items(_OF_PAGE, bounds)
        shown = items[: wanted.limit]
        return AvailabilityPage(
            items=shown, next_after=shown[-1].sku if len(items) > wanted.limit else None
        )

    async def close(self) -> None:
        """Disconnect; the next call connects anew."""
        await self._connections.close()

    async def __aenter__(self) -> Self:
        """Return itself, to be closed at the end of the block."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Disconnect."""
        await self.close()

    async def _of_skus(self, skus: list[str]) -> tuple[SkuAvailability, ...]:
        return await self._items(_OF_SKUS, {"skus": skus})

    async def _items(self, query: str, parameters: dict[str, Any]) -> tuple[SkuAvailability, ...]:
        rows = await self._connections.rows(query, parameters | {"places_max": PLACES_MAX})
        return tuple(_item(sku, list(places)) for sku, places in groupby(rows, key=itemgetter(0)))


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
        self._reader = AvailabilityReader(**self._settings)
        self._wait_seconds = timeout_seconds + _THREAD_SLACK_SECONDS
        self._thread: LoopThread | None = None
        self._pid = os.getpid()

    def one(self, sku: str) -> SkuAvailability:
        """Return what there is of a SKU; one that nobody knows is not for sale."""
        return self._run(lambda reader: reader.one(sku))

    def many(self, skus: Iterable[str]) -> dict[str, SkuAvailability]:
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


def _named(url: str | None) -> str:
    found = url or os.environ.get(URL_VARIABLE, "")
    if not isinstance(found, str):
        raise InvalidRequest("url", "must be a Postgres URL, as text")
    return found


def _checked_timeout(seconds: float) -> float:
    try:
        return answer_timeout(seconds)
    except InvalidRequest as error:
        # Here the argument has another name.
        raise InvalidRequest("timeout_seconds", error.problem) from None


def _checked_count(connections_max: int) -> int:
    is_count = isinstance(connections_max, int) and not isinstance(connections_max, bool)
    if not is_count or connections_max < 1:
        raise InvalidRequest("connections_max", "must be a number of connections, 1 or more")
    return connections_max


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
