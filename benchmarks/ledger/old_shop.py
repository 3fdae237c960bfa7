"""A shop with a past, in a database of its own, and single operations on it, timed."""

from __future__ import annotations

import statistics
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from sqlalchemy import text

from activities.inventory.database.migrate import upgrade
from activities.inventory.ledger import Ledger
from activities.inventory.records import Closing, StockRow
from benchmarks.case import AuditFailed, Reading
from benchmarks.ledger import history
from benchmarks.ledger.crowd import percentile
from benchmarks.ledger.server import Server, connect
from holdfast_client.contract.messages import CheckoutRequest, Line
from holdfast_client.contract.names import DEFAULT_LOCATION

BATCH_SIZE: Final = 100
# One unit, held by somebody: the next buyer of it is denied.
LAST_UNIT: Final = "LAST-UNIT"
_OVERDUE: Final = text("""
UPDATE holdfast.reservations SET expires_at = holdfast.clock() - interval '1 second'
 WHERE checkout_id = ANY(CAST(:ids AS text[]))
""")


@dataclass(frozen=True, slots=True)
class Past:
    """How many reservations a shop has closed, and how many are open."""

    closed: int = 0
    open: int = 0


class OldShop:
    """A ledger with a past. Its ids are random, as those of real carts often are."""

    def __init__(self, server: Server, name: str, past: Past) -> None:
        self._url = server.make_database(name)
        self._past = past
        # The engine of a superuser without limits, for what no worker does.
        self._owner = connect(self._url, statement_timeout_ms=0)
        self._engine = connect(self._url)
        self.ledger = Ledger(self._engine)

    @property
    def url(self) -> str:
        return self._url

    def furnish(self, announce: Callable[[str], None]) -> None:
        """Make the schema and write the past."""
        upgrade(self._owner)
        history.stock_shop(self.ledger)
        self.ledger.load_stock([StockRow(LAST_UNIT, DEFAULT_LOCATION, 1)])
        history.write_closed(self._owner, self._past.closed, announce)
        if self._past.open:
            history.write_open(self._owner, "open-", self._past.open, seconds_left=86_400.0)
        self.ledger.reserve([_request(LAST_UNIT, hold_seconds=86_400)])
        history.tidy(self._owner)

    def hold(self, count: int) -> list[str]:
        """Hold one unit each, in batches, and return the checkout ids."""
        requests = [_request(history.sku(n % history.ITEMS + 1)) for n in range(count)]
        for start in range(0, count, BATCH_SIZE):
            self.ledger.reserve(requests[start : start + BATCH_SIZE])
        return [request.checkout_id for request in requests]

    def make_overdue(self, checkout_ids: Sequence[str]) -> None:
        """Move deadlines into the past, which only a benchmark may."""
        with self._owner.begin() as connection:
            connection.execute(_OVERDUE, {"ids": list(checkout_ids)})

    def write_overdue(self, count: int) -> None:
        """Write so many holds that are overdue, in bulk."""
        history.write_open(self._owner, f"{uuid.uuid4().hex[:8]}-", count, seconds_left=-600.0)

    def audit(self) -> float:
        """Check all that ever happened and return the seconds that it took.

        Raises:
            AuditFailed: something does not add up.
        """
        began = time.perf_counter()
        breaches = Ledger(self._owner).audit()
        if breaches:
            raise AuditFailed(f"the ledger does not add up: {breaches[0]}")
        return time.perf_counter() - began

    def close(self) -> None:
        self._engine.dispose()
        self._owner.dispose()


Operation = Callable[[OldShop, int], list[float]]
"""Do something so many times and return the seconds of each."""


def reserve(shop: OldShop, times: int) -> list[float]:
    """Hold one unit of one item."""
    requests = [_request(history.sku(n % history.ITEMS + 1)) for n in range(times)]
    return [_seconds(partial(shop.ledger.reserve, [request])) for request in requests]


def reserve_batch(shop: OldShop, times: int) -> list[float]:
    """Hold one unit of one item for each of a batch."""
    return [
        _seconds(partial(shop.ledger.reserve, batch))
        for batch in (
            [_request(history.sku(n % history.ITEMS + 1)) for n in range(BATCH_SIZE)]
            for _ in range(times)
        )
    ]


def deny(shop: OldShop, times: int) -> list[float]:
    """Ask for the last unit, which somebody holds."""
    requests = [_request(LAST_UNIT) for _ in range(times)]
    return [_seconds(partial(shop.ledger.reserve, [request])) for request in requests]


def fulfil(shop: OldShop, times: int) -> list[float]:
    """Pay for a hold."""
    closings = [Closing(id, "fulfilled", payment_reference=f"paid {id}") for id in shop.hold(times)]
    return [_seconds(partial(shop.ledger.close, [closing])) for closing in closings]


def expire(shop: OldShop, times: int) -> list[float]:
    """End a hold that is overdue."""
    ids = shop.hold(times)
    shop.make_overdue(ids)
    return [_seconds(partial(shop.ledger.close, [Closing(id, "expired")])) for id in ids]


def check_drift(shop: OldShop, times: int) -> list[float]:
    """Compare the figures with the open holds, as the reconciler does every minute."""
    return [_seconds(shop.ledger.drift) for _ in range(times)]


def latencies(seconds: Sequence[float]) -> list[Reading]:
    return [
        Reading("p50", round(statistics.median(seconds) * 1_000, 3), "ms"),
        Reading("p99", percentile(seconds, 99), "ms"),
    ]


def _seconds(task: Callable[[], object]) -> float:
    began = time.perf_counter()
    task()
    return time.perf_counter() - began


def _request(sku: str, hold_seconds: int = 900) -> CheckoutRequest:
    return CheckoutRequest(
        checkout_id=uuid.uuid4().hex, lines=(Line(sku=sku, quantity=1),), hold_seconds=hold_seconds
    )
