"""Callers, each asking for one checkout at a time, and what they saw.

Those of a peer are threads, those of Holdfast coroutines, as a worker's are.
"""

from __future__ import annotations

import asyncio
import statistics
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from benchmarks.case import Reading
from benchmarks.ledger.baskets import Basket

Ask = Callable[[str, Basket], bool]
"""Ask for a basket under a checkout id; says whether it was granted."""
AskAsync = Callable[[str, Basket], Awaitable[bool]]

_READY_SECONDS_MAX: Final = 30.0


class NotServed(Exception):
    """The database gave up on a request: a deadlock, a wait too long."""


@dataclass(slots=True)
class Tally:
    """What one caller, or a whole crowd, was answered; ``seconds`` holds one entry an answer."""

    granted: int = 0
    denied: int = 0
    failed: int = 0
    seconds: list[float] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        self.granted += other.granted
        self.denied += other.denied
        self.failed += other.failed
        self.seconds += other.seconds

    @property
    def asked(self) -> int:
        return self.granted + self.denied + self.failed

    def ask(self, ask: Ask, checkout_id: str, basket: Basket) -> None:
        """Ask once and note the answer and how long it took."""
        began = time.perf_counter()
        try:
            self._note(ask(checkout_id, basket), began)
        except NotServed:
            self.failed += 1

    async def ask_async(self, ask: AskAsync, checkout_id: str, basket: Basket) -> None:
        """The same in a coroutine."""
        began = time.perf_counter()
        try:
            self._note(await ask(checkout_id, basket), began)
        except NotServed:
            self.failed += 1

    def _note(self, granted: bool, began: float) -> None:
        self.seconds.append(time.perf_counter() - began)
        self.granted += granted
        self.denied += not granted


def rush(
    ask: Ask, customers: Sequence[Callable[[], Basket]], prefix: str, seconds: float
) -> tuple[Tally, float]:
    """Let every customer ask again and again; return what they saw, and how long it took.

    Args:
        ask: called by one thread a customer.
        customers: name their baskets.
        prefix: of the checkout ids, used by no other rush.
        seconds: after so long nobody asks anew.
    """
    gate = threading.Barrier(len(customers) + 1)

    def shop(number: int, basket: Callable[[], Basket]) -> Tally:
        tally = Tally()
        gate.wait(_READY_SECONDS_MAX)
        closing = time.perf_counter() + seconds
        while time.perf_counter() < closing:
            tally.ask(ask, f"{prefix}-{number}-{tally.asked}", basket())
        return tally

    with ThreadPoolExecutor(len(customers)) as threads:
        visits = [threads.submit(shop, n, basket) for n, basket in enumerate(customers)]
        gate.wait(_READY_SECONDS_MAX)
        began = time.perf_counter()
        total = Tally()
        for visit in visits:
            total.add(visit.result())
        return total, time.perf_counter() - began


@contextmanager
def repeating(act: Callable[[], object], pause_seconds: float) -> Iterator[list[float]]:
    """Do something again and again in a thread, and lend how long each took, in seconds.

    Args:
        act: what is done; what it raises, the end of the block raises.
        pause_seconds: between two.
    """
    waits: list[float] = []
    is_over = threading.Event()

    def repeat() -> None:
        while not is_over.wait(pause_seconds):
            began = time.perf_counter()
            act()
            waits.append(time.perf_counter() - began)

    with ThreadPoolExecutor(1) as thread:
        repeated = thread.submit(repeat)
        try:
            yield waits
        finally:
            is_over.set()
        repeated.result()


def want_at_once(ask: Ask, checkout_ids: Sequence[str], basket: Basket) -> None:
    """Let as many as there are ids want the same basket at one moment."""
    gate = threading.Barrier(len(checkout_ids))

    def want(checkout_id: str) -> None:
        gate.wait()
        Tally().ask(ask, checkout_id, basket)

    with ThreadPoolExecutor(len(checkout_ids)) as threads:
        list(threads.map(want, checkout_ids))


async def rush_async(
    ask: AskAsync, customers: Sequence[Callable[[], Basket]], prefix: str, seconds: float
) -> tuple[Tally, float]:
    """Do as :func:`rush` does, each customer a coroutine."""
    began = time.perf_counter()

    async def shop(number: int, basket: Callable[[], Basket]) -> Tally:
        tally = Tally()
        while time.perf_counter() < began + seconds:
            await tally.ask_async(ask, f"{prefix}-{number}-{tally.asked}", basket())
        return tally

    total = Tally()
    for tally in await asyncio.gather(*(shop(n, basket) for n, basket in enumerate(customers))):
        total.add(tally)
    return total, time.perf_counter() - began


def readings(tally: Tally, seconds: float) -> list[Reading]:
    """Return rate and latencies; checkouts that were not served count in neither."""
    return [
        Reading("rate", round((tally.granted + tally.denied) / seconds, 1), "/s"),
        Reading("p50", percentile(tally.seconds, 50), "ms"),
        Reading("p99", percentile(tally.seconds, 99), "ms"),
        Reading("failed", tally.failed, "requests"),
    ]


def percentile(seconds: Sequence[float], percent: int) -> float:
    """Return a percentile of so many seconds, in milliseconds."""
    if len(seconds) < 2:
        return round(sum(seconds) * 1_000, 3)
    return round(statistics.quantiles(seconds, n=100)[percent - 1] * 1_000, 3)
