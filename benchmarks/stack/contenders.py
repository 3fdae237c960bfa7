"""The contenders for whole checkouts: each a worker, shoppers, and a way to keep count."""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import sqlalchemy as sa

from benchmarks.case import AuditFailed, Reading, Scale
from benchmarks.stack import peer_ledger
from benchmarks.stack.busy import busy
from benchmarks.stack.jobs import (
    PEER_DATABASE_VARIABLE,
    UNITS_EACH,
    Job,
    Tally,
    catalogue,
)
from benchmarks.stack.programs import Program, Shoppers, start_worker
from benchmarks.stack.site import Site, running_site
from benchmarks.stack.weighing import MemoryWatch, cpu_seconds

HOLDFAST: Final = "Holdfast"
FLOOR: Final = "engine floor"
DBOS: Final = "DBOS"
PLAIN: Final = "plain Postgres"
WARM_UP_AT_ONCE: Final = 10
_MILLISECONDS: Final = 1_000


class Crew(Protocol):
    """How one contender is staffed: with what programs, and what it must have sold."""

    name: str

    def prepare(self) -> None:
        """Make its database and stock; once."""

    def workers(self, processes: int) -> list[Program]:
        """Start its workers, if it has any beside its shoppers."""

    def shoppers(self, processes: int) -> list[Shoppers]:
        """Start its shoppers."""

    def audit(self, sold: int) -> None:
        """Check that exactly so many checkouts were fulfilled, and all adds up.

        Raises:
            AuditFailed: not so.
        """


class HoldfastCrew:
    """Holdfast as it is shipped: ``python -m worker``, and its client in another process."""

    name = HOLDFAST

    def __init__(self, site: Site) -> None:
        self._site = site

    def prepare(self) -> None:
        self._site.load_stock(catalogue(), UNITS_EACH)

    def workers(self, processes: int) -> list[Program]:
        several = ["--processes", str(processes)] if processes > 1 else []
        log_path = self._site.log_path(f"holdfast-worker-{processes}")
        environment = self._site.worker_environment
        return [start_worker(["worker", *several], environment, log_path, processes)]

    def shoppers(self, processes: int) -> list[Shoppers]:
        log_path = self._site.log_path(f"holdfast-shoppers-{processes}")
        return [Shoppers("holdfast", self._site.client_environment, log_path)]

    def audit(self, sold: int) -> None:
        self._site.audit()
        _expect(self.name, self._site.sold_units(), sold)


class FloorCrew:
    """The engine floor, on the same Temporal."""

    name = FLOOR

    def __init__(self, site: Site) -> None:
        self._site = site

    def prepare(self) -> None:
        """It has no stock."""

    def workers(self, processes: int) -> list[Program]:
        module = ["benchmarks.stack.floor_worker"]
        environment = self._site.worker_environment
        return [
            start_worker(
                module, environment, self._site.log_path(f"floor-worker-{processes}-{number}")
            )
            for number in range(processes)
        ]

    def shoppers(self, processes: int) -> list[Shoppers]:
        log_path = self._site.log_path(f"floor-shoppers-{processes}")
        return [Shoppers("floor", self._site.client_environment, log_path)]

    def audit(self, sold: int) -> None:
        """It keeps no count; each of its answers was checked by its shopper."""


class _PeerCrew:
    """A peer on the same Postgres, which works in the processes that take the requests."""

    name: str
    _shop: str

    def __init__(self, site: Site) -> None:
        self._site = site
        self._url = ""

    def prepare(self) -> None:
        url = self._site.new_database(f"peer_{self._shop}")
        self._url = url.replace("postgresql:", "postgresql+psycopg:")
        with self._connection() as connection:
            peer_ledger.create(connection, catalogue(), UNITS_EACH)

    def workers(self, processes: int) -> list[Program]:  # noqa: ARG002  # see the class
        return []

    def shoppers(self, processes: int) -> list[Shoppers]:
        environment = {PEER_DATABASE_VARIABLE: self._url}
        return [
            Shoppers(
                self._shop, environment, self._site.log_path(f"{self._shop}-{processes}-{number}")
            )
            for number in range(processes)
        ]

    def audit(self, sold: int) -> None:
        with self._connection() as connection:
            wrong, fulfilled = peer_ledger.audit(connection)
        if wrong:
            raise AuditFailed(f"{self.name}: {wrong} stock rows do not add up")
        _expect(self.name, fulfilled, sold)

    @contextmanager
    def _connection(self) -> Iterator[sa.Connection]:
        engine = sa.create_engine(self._url)
        with engine.begin() as connection:
            yield connection
        engine.dispose()


class DbosCrew(_PeerCrew):
    """Durable workflows inside Postgres."""

    name = DBOS
    _shop = "dbos"


class PlainCrew(_PeerCrew):
    """Reservations in plain Postgres, and no engine."""

    name = PLAIN
    _shop = "plain"


@dataclass(frozen=True)
class Load:
    """How a setting loads a contender.

    Args:
        at_once: shoppers in all.
        checkouts: in one round.
        processes: of workers.
        busy_loops: how many programs use processor time beside it, for nothing.
    """

    at_once: int
    checkouts: int
    processes: int = 1
    busy_loops: int = 0


class CheckoutContender:
    """A crew that is given jobs, and weighed while it does them.

    Args:
        crew: who.
        site: where.
        loads: by setting.
        warm_up_checkouts: made by each new crew before anything is measured.
    """

    def __init__(
        self, crew: Crew, site: Site, loads: dict[str, Load], warm_up_checkouts: int
    ) -> None:
        self.name = crew.name
        self._crew = crew
        self._site = site
        self._loads = loads
        self._warm_up_checkouts = warm_up_checkouts
        self._sold = 0
        self._processes = 0
        self._programs = ExitStack()
        self._workers: list[Program] = []
        self._shoppers: list[Shoppers] = []

    def prepare(self) -> None:
        self._crew.prepare()

    def run(self, setting: str, round: int) -> Sequence[Reading]:
        load = self._loads[setting]
        self._staff(load.processes)
        name = job_name(setting, round)
        before = self._costs()
        with busy(load.busy_loops), MemoryWatch(self._parties()) as memory:
            tallies = self._do(Job(name=name, checkouts=load.checkouts, at_once=load.at_once))
            after = self._costs()
        costs = {party: after[party] - before[party] for party in after}
        return [
            *_answers(tallies),
            *_costs_each(costs, load.checkouts),
            *_peaks(memory.peak_megabytes),
        ]

    def audit(self) -> Sequence[Reading]:
        self._crew.audit(self._sold)
        return []

    def close(self) -> None:
        """Stop its programs."""
        self._programs.close()

    def _staff(self, processes: int) -> None:
        """Have so many worker processes, warmed up."""
        if processes == self._processes:
            return
        self._programs.close()
        self._workers = [
            self._programs.enter_context(each) for each in self._crew.workers(processes)
        ]
        self._shoppers = [
            self._programs.enter_context(each) for each in self._crew.shoppers(processes)
        ]
        self._processes = processes
        self._do(
            Job(
                name=f"warm-{processes}-{self._sold}",
                checkouts=self._warm_up_checkouts,
                at_once=WARM_UP_AT_ONCE,
            )
        )

    def _do(self, job: Job) -> list[Tally]:
        parts = split(job, len(self._shoppers))
        for shoppers, part in zip(self._shoppers, parts, strict=True):
            shoppers.begin(part)
        tallies = [shoppers.tally() for shoppers in self._shoppers]
        self._sold += job.checkouts
        return tallies

    def _costs(self) -> dict[str, float]:
        parties = self._parties()
        return {party: cpu_seconds(pids) for party, pids in parties.items()}

    def _parties(self) -> dict[str, list[int]]:
        """Return the processes by what they are; Temporal only where it is used."""
        parties = {
            "client": [each.pid for each in self._shoppers],
            "Postgres": self._site.postgres_pids,
        }
        if self._workers:
            parties["worker"] = [each.pid for each in self._workers]
            parties["Temporal"] = self._site.temporal_pids
        return parties


@contextmanager
def contenders_at_work(
    crews: Sequence[Callable[[Site], Crew]],
    directory: Path,
    loads: dict[str, Load],
    scale: Scale,
    announce: Callable[[str], None],
) -> Iterator[Sequence[CheckoutContender]]:
    """Lend these crews at work, on one site that they share."""
    with running_site(directory, announce) as site:
        warm_up = scale.pick(60, 60, WARM_UP_AT_ONCE)
        contenders = [CheckoutContender(crew(site), site, loads, warm_up) for crew in crews]
        try:
            yield contenders
        finally:
            for contender in contenders:
                contender.close()


def job_name(setting: str, round: int) -> str:
    """Return what leads the ids of the checkouts of a round."""
    return f"{re.sub(r'[^A-Za-z0-9]+', '-', setting)}-{round}"


def split(job: Job, parts: int) -> list[Job]:
    """Share a job among so many processes of shoppers, as evenly as it goes."""
    return [
        Job(
            name=f"{job.name}-{part}",
            checkouts=_share(job.checkouts, parts, part),
            at_once=max(1, _share(job.at_once, parts, part)),
        )
        for part in range(parts)
    ]


def _share(whole: int, parts: int, part: int) -> int:
    return whole // parts + (part < whole % parts)


def _answers(tallies: Sequence[Tally]) -> list[Reading]:
    reserves = [seconds for tally in tallies for seconds in tally.reserve_seconds]
    confirms = [seconds for tally in tallies for seconds in tally.confirm_seconds]
    rate = len(reserves) / max(tally.seconds for tally in tallies)
    return [
        Reading("rate", round(rate, 2), "/s"),
        *_percentiles("reserve", reserves),
        *_percentiles("confirm", confirms),
    ]


def _percentiles(name: str, seconds: Sequence[float]) -> list[Reading]:
    hundredths = statistics.quantiles(seconds, n=100, method="inclusive")
    return [
        Reading(f"{name} p{percent}", round(hundredths[percent - 1] * _MILLISECONDS, 2), "ms")
        for percent in (50, 99)
    ]


def _costs_each(costs: dict[str, float], checkouts: int) -> list[Reading]:
    each = {party: seconds / checkouts * _MILLISECONDS for party, seconds in costs.items()}
    readings = [Reading(f"{party} CPU", round(cost, 2), "ms") for party, cost in each.items()]
    return [*readings, Reading("CPU in all", round(sum(each.values()), 2), "ms")]


def _peaks(megabytes: dict[str, float]) -> list[Reading]:
    return [Reading(f"{party} memory", round(most), "MB") for party, most in megabytes.items()]


def _expect(name: str, counted: int, sold: int) -> None:
    if counted != sold:
        raise AuditFailed(
            f"{name}: {sold} checkouts were answered as sold, {counted} are on record"
        )
