"""The storm: thousands of holds, each with its workflow, end in the same second."""

from __future__ import annotations

import asyncio
import math
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from temporalio.client import Client

from activities.wake_up_plan import LATE_SECONDS_MAX
from benchmarks.case import ONLY_SETTING, Bar, CaseFailed, Contender, Reading, Scale, View
from benchmarks.results import CaseResult
from benchmarks.stack.contenders import HOLDFAST
from benchmarks.stack.jobs import HOLD_SECONDS, UNITS_EACH, catalogue
from benchmarks.stack.programs import start_worker
from benchmarks.stack.site import Site, running_site
from holdfast_client import Held, OutcomeUnknown, ReservationClient, Unavailable

STORM_HOLDS: Final = 5_000
STORM_SKUS: Final = 20
RESERVERS_AT_ONCE: Final = 20
# Every hold must be reserved before the first of them ends; a slower machine than this fails.
RESERVES_PER_SECOND_MIN: Final = 25.0
GATHERING_SECONDS_MIN: Final = 20.0
QUIET_SECONDS: Final = 20.0
ARRIVALS_PER_SECOND: Final = 10.0
# Where nobody looks at the figures, a machine with much else to do must keep up with them.
SMOKE_ARRIVALS_PER_SECOND: Final = 2.0
STORM_SECONDS_MAX: Final = LATE_SECONDS_MAX + 60.0
ANSWER_SECONDS_MAX: Final = 60.0
RESERVE_TRIES_MAX: Final = 3
_LOOK_SECONDS: Final = 0.1
_MILLISECONDS: Final = 1_000

_RESERVED: Final = (
    "SELECT coalesce(sum(reserved_quantity), 0) FROM holdfast.stock_items WHERE sku LIKE 'STORM-%%'"
)
_LAST_DEADLINE: Final = (
    "SELECT ceil(extract(epoch FROM max(expires_at)) * 1000) FROM holdfast.reservations "
    "WHERE cart_id = %s"
)
_SPREAD: Final = (
    "SELECT extract(epoch FROM max(expires_at) - min(expires_at)) * 1000 "
    "FROM holdfast.reservations WHERE cart_id = %s"
)


class StormCase:
    """How long stock stays blocked after its holds are over, and who waits meanwhile."""

    name = "storm"
    title = "A storm of expiries"
    about = (
        "Holds that all end at once, each the hold of an open workflow. Fresh checkouts "
        f"arrive {ARRIVALS_PER_SECOND:g} times a second, on other SKUs, before the storm and in "
        "it. Times count from the last of the deadlines; stock is free when the database says so."
    )
    views: Sequence[View] = (
        View("The storm", ("holds", "deadlines within", "stock free", "workflows closed")),
        View(
            "Fresh reserves",
            (
                *("usual p50", "usual p99", "usual slowest"),
                *("storm p50", "storm p99", "storm slowest", "storm reserves"),
            ),
        ),
    )
    page_figures: Sequence[str] = (
        "stock free",
        "workflows closed",
        "usual p99",
        "storm p99",
        "storm slowest",
    )

    def settings(self, scale: Scale) -> Sequence[str]:  # noqa: ARG002  # there is but one
        return (ONLY_SETTING,)

    def rounds(self, scale: Scale) -> int:
        return scale.pick(2, 1, 1)

    @contextmanager
    def open(
        self, directory: Path, scale: Scale, announce: Callable[[str], None]
    ) -> Iterator[Sequence[Contender]]:
        with running_site(directory, announce) as site, ExitStack() as programs:
            worker = start_worker(["worker"], site.worker_environment, site.log_path("worker"))
            programs.enter_context(worker)
            holds = scale.pick(STORM_HOLDS, 500, 40)
            quiet_seconds = scale.pick(QUIET_SECONDS, 10.0, 3.0)
            arrivals = scale.pick(
                ARRIVALS_PER_SECOND, ARRIVALS_PER_SECOND, SMOKE_ARRIVALS_PER_SECOND
            )
            yield [StormContender(site, holds, quiet_seconds, arrivals, announce)]

    def bars(self, result: CaseResult) -> Sequence[Bar]:
        usual = _of_the_whole_storm(result, "usual p99")
        storm = _of_the_whole_storm(result, "storm p99")
        return [
            Bar(
                "All stock free after 5,000 holds end in one second",
                _of_the_whole_storm(result, "stock free"),
                at_most=5.0,
                unit="s",
            ),
            Bar(
                "The 99th percentile of reserves in the storm, as a multiple of the usual",
                round(storm / usual, 2) if usual and storm else None,
                at_most=3.0,
            ),
            Bar(
                "All workflows closed after 5,000 holds end in one second",
                _of_the_whole_storm(result, "workflows closed"),
                at_most=240.0,
                unit="s",
            ),
        ]


class StormContender:
    """Holdfast in the storm."""

    name = HOLDFAST

    def __init__(
        self,
        site: Site,
        holds: int,
        quiet_seconds: float,
        arrivals_per_second: float,
        announce: Callable[[str], None],
    ) -> None:
        self._site = site
        self._holds = holds
        self._quiet_seconds = quiet_seconds
        self._arrivals_per_second = arrivals_per_second
        self._announce = announce

    def prepare(self) -> None:
        self._site.load_stock([*catalogue(), *_storm_skus()], UNITS_EACH)

    def run(self, setting: str, round: int) -> Sequence[Reading]:  # noqa: ARG002  # there is but one
        return asyncio.run(self._run(f"storm-{round}"))

    def audit(self) -> Sequence[Reading]:
        self._site.audit()
        return []

    async def _run(self, name: str) -> list[Reading]:
        address = self._site.stack.temporal.address
        shop = await ReservationClient.connect(address, answer_timeout_seconds=ANSWER_SECONDS_MAX)
        temporal = await Client.connect(address)
        breaks_at = await self._gather(shop, name)
        usual = await self._arrivals(shop, f"{name}-usual", self._quiet_seconds)
        await asyncio.sleep(max(0.0, breaks_at - time.time()))
        self._announce(f"{name}: {self._holds} holds are over")
        over = asyncio.Event()
        arriving = asyncio.create_task(self._arrivals_until(shop, f"{name}-fresh", over))
        try:
            free_seconds, closed_seconds = await self._watch(temporal, name)
        finally:
            over.set()
            storm = await arriving
        spread = await asyncio.to_thread(self._site.ask, _SPREAD, name) / _MILLISECONDS
        return [
            Reading("holds", self._holds, ""),
            Reading("deadlines within", round(spread, 2), "s"),
            Reading("stock free", round(free_seconds, 2), "s"),
            Reading("workflows closed", round(closed_seconds, 2), "s"),
            *_percentiles("usual", usual),
            *_percentiles("storm", storm),
            Reading("storm reserves", len(storm), ""),
        ]

    async def _gather(self, shop: ReservationClient, name: str) -> float:
        """Reserve all holds so that they end in one second, and return when that begins."""
        gathering_seconds = max(self._holds / RESERVES_PER_SECOND_MIN, GATHERING_SECONDS_MIN)
        breaks_at = time.time() + gathering_seconds + self._quiet_seconds
        self._announce(f"{name}: gathering {self._holds} holds")
        numbers = iter(range(self._holds))

        async def reserve() -> None:
            for number in numbers:
                left = math.ceil(breaks_at - time.time())
                if left < 1:
                    raise CaseFailed(f"only {number:,} holds were made before the first ended")
                sku = f"STORM-{number % STORM_SKUS:02}"
                await _reserve(shop, f"{name}-{number}", sku, left, cart_id=name)

        await asyncio.gather(*(reserve() for _ in range(RESERVERS_AT_ONCE)))
        return breaks_at

    async def _arrivals(self, shop: ReservationClient, name: str, seconds: float) -> list[float]:
        over = asyncio.Event()
        asyncio.get_running_loop().call_later(seconds, over.set)
        return await self._arrivals_until(shop, name, over)

    async def _arrivals_until(
        self, shop: ReservationClient, name: str, over: asyncio.Event
    ) -> list[float]:
        """Reserve at a steady rate, whether or not the ones before were answered yet."""
        answers: list[asyncio.Task[float]] = []
        while not over.is_set():
            answers.append(asyncio.create_task(_timed_reserve(shop, f"{name}-{len(answers)}")))
            await asyncio.sleep(1 / self._arrivals_per_second)
        return list(await asyncio.gather(*answers))

    async def _watch(self, temporal: Client, name: str) -> tuple[float, float]:
        """Return the seconds, from the last deadline on, until stock and workflows are through."""
        deadline = await asyncio.to_thread(self._site.ask, _LAST_DEADLINE, name) / _MILLISECONDS
        free_seconds = await self._first_zero(
            deadline, lambda: asyncio.to_thread(self._site.ask, _RESERVED)
        )
        running = f"CartId = '{name}' AND ExecutionStatus = 'Running'"
        closed_seconds = await self._first_zero(deadline, lambda: _count(temporal, running))
        return free_seconds, closed_seconds

    async def _first_zero(self, since: float, count: Callable[[], Awaitable[int]]) -> float:
        """Return how many seconds after a moment a count was 0 first.

        Raises:
            CaseFailed: it was not within ``STORM_SECONDS_MAX``.
        """
        while await count():
            if time.time() - since > STORM_SECONDS_MAX:
                raise CaseFailed(f"the storm was not over within {STORM_SECONDS_MAX:g} s")
            await asyncio.sleep(_LOOK_SECONDS)
        return max(0.0, time.time() - since)


async def _count(temporal: Client, query: str) -> int:
    return (await temporal.count_workflows(query)).count


async def _timed_reserve(shop: ReservationClient, checkout_id: str) -> float:
    began = time.perf_counter()
    await _reserve(shop, checkout_id, catalogue()[0], HOLD_SECONDS)
    return time.perf_counter() - began


async def _reserve(
    shop: ReservationClient, checkout_id: str, sku: str, seconds: int, cart_id: str | None = None
) -> None:
    """Hold a unit, as shops do under another id where it was unavailable, which takes its time."""
    for number in range(RESERVE_TRIES_MAX):
        id = f"{checkout_id}-{number}" if number else checkout_id
        try:
            outcome = await shop.reserve(id, [(sku, 1)], hold_seconds=seconds, cart_id=cart_id)
        except OutcomeUnknown as unknown:
            raise CaseFailed(f"too much for this machine: {unknown}") from unknown
        if not isinstance(outcome, Unavailable):
            break
    if not isinstance(outcome, Held):
        raise CaseFailed(f"{checkout_id} was not held: {outcome}")


def _storm_skus() -> list[str]:
    return [f"STORM-{number:02}" for number in range(STORM_SKUS)]


def _percentiles(name: str, seconds: Sequence[float]) -> list[Reading]:
    hundredths = statistics.quantiles(seconds, n=100, method="inclusive")
    read = {
        "p50": hundredths[49],
        "p99": hundredths[98],
        # Long storms hide in a percentile what their first seconds are like.
        "slowest": max(seconds),
    }
    return [
        Reading(f"{name} {figure}", round(value * _MILLISECONDS, 1), "ms")
        for figure, value in read.items()
    ]


def _of_the_whole_storm(result: CaseResult, figure: str) -> float | None:
    """Return a figure if the storm was as large as the bar names."""
    holds = result.median(HOLDFAST, ONLY_SETTING, "holds")
    return result.median(HOLDFAST, ONLY_SETTING, figure) if holds == STORM_HOLDS else None
