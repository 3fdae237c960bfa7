"""A failover as the pool of a worker meets it, and the reader of a product page."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import pytest

from activities.inventory.async_ledger import AsyncLedger
from activities.inventory.database.engine import open_engine
from activities.inventory.database.errors import LedgerUnavailable
from activities.inventory.database.migrate import upgrade
from activities.inventory.database.pool import LedgerPool
from activities.inventory.ledger import Ledger
from activities.inventory.records import Breach, ReservationState, StockRow
from holdfast_client import AvailabilityReader
from holdfast_client.availability.connections import Connections
from tests.connections.programs import postgres_programs
from tests.connections.replicated import Server, replicated
from tests.directories import NewDirectory
from tests.embedded.processes import comes_true
from tests.inventory.databases import READER_ROLE, make_reader
from tests.inventory.shop import checkout
from worker.embedded.postgres import EmbeddedPostgres

STOCK: Final = 100
BUYERS: Final = 8
PATIENT_SECONDS: Final = 60.0
# The one that may be written to is tried last.
WRITABLE: Final = "target_session_attrs=read-write"


@dataclass(frozen=True)
class Pair:
    """A primary and its standby, with a stock of mugs."""

    primary: Server
    standby: Server

    def url(self, wish: str = WRITABLE, role: str = "holdfast") -> str:
        """Return the URL of both, the standby first."""
        servers = f"127.0.0.1:{self.standby.port},127.0.0.1:{self.primary.port}"
        return f"postgresql://{role}@{servers}/postgres?{wish}"

    def take_over(self) -> None:
        """Let the old primary take no more writes and live on, and the standby be the primary."""
        self.primary.fence()
        self.standby.promote()

    def audit(self) -> Sequence[Breach]:
        """Return what does not hold at the new primary."""
        engine = open_engine(self.standby.url, connections_max=1)
        try:
            return Ledger(engine).audit()
        finally:
            engine.dispose()

    def has_left_the_old_primary(self) -> bool:
        left = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'holdfast'"
        # The server takes a moment to see that a connection was closed.
        return comes_true(lambda: self.primary.ask(left) == (0,))


on_each_version = pytest.mark.parametrize("pair", ["embedded", "debian"], indirect=True)


@pytest.fixture
def pair(
    request: pytest.FixtureRequest, new_directory: NewDirectory, postgres: EmbeddedPostgres
) -> Iterator[Pair]:
    """The embedded one runs already, so its programs may be run by the servers' account."""
    assert postgres.pid
    programs = postgres_programs(getattr(request, "param", "embedded"))
    with replicated(programs, new_directory("replicated")) as (primary, standby):
        engine = open_engine(primary.url, connections_max=1)
        upgrade(engine)
        Ledger(engine).load_stock([StockRow("MUG", "main", STOCK)])
        engine.dispose()
        make_reader(primary.url)
        standby.follows_to(primary)
        yield Pair(primary, standby)


@pytest.fixture
async def ledger(pair: Pair) -> AsyncIterator[AsyncLedger]:
    """The ledger of a worker whose connections all lead to the primary."""
    pool = LedgerPool(pair.url(), connections_max=BUYERS)
    ledger = AsyncLedger(pool)
    await buy_all_at_once(ledger, "before")
    pair.standby.follows_to(pair.primary)
    yield ledger
    await pool.close()


async def buy_all_at_once(ledger: AsyncLedger, name: str) -> None:
    """Let everybody hold one, none of whom may meet an error."""
    wishes = [checkout(f"{name}-{number}", MUG=1) for number in range(BUYERS)]
    for (answer,) in await asyncio.gather(*(ledger.reserve([wish]) for wish in wishes)):
        assert isinstance(answer, ReservationState)
        assert answer.outcome.status == "held"


async def for_sale(reader: AvailabilityReader) -> int:
    return (await reader.one("MUG")).for_sale


def sell_one(server: Server) -> None:
    """Take one off the shelf of a server that takes writes."""
    server.ask("UPDATE holdfast.stock_items SET total_quantity = total_quantity - 1")


@on_each_version
async def test_where_the_old_primary_only_reads_the_pool_goes_on_with_the_new_one(
    pair: Pair, ledger: AsyncLedger
) -> None:
    pair.take_over()
    await buy_all_at_once(ledger, "after")
    assert pair.has_left_the_old_primary()
    assert pair.standby.ask("SELECT reserved_quantity FROM holdfast.stock_items") == (2 * BUYERS,)
    assert pair.audit() == ()


async def test_one_buyer_finds_out_for_all_of_the_pools_connections(
    pair: Pair, ledger: AsyncLedger
) -> None:
    pair.take_over()
    (answer,) = await ledger.reserve([checkout("the-first", MUG=1)])
    assert isinstance(answer, ReservationState)
    assert pair.has_left_the_old_primary()


async def test_what_only_reads_is_not_read_from_an_old_primary(
    pair: Pair, ledger: AsyncLedger
) -> None:
    assert await ledger.units_held() == BUYERS
    pair.take_over()
    other = LedgerPool(pair.url(), connections_max=1)
    await AsyncLedger(other).reserve([checkout("with-another-worker", MUG=1)])
    await other.close()
    assert await ledger.units_held() == BUYERS + 1
    assert pair.has_left_the_old_primary()


async def test_where_the_primary_crashed_the_pool_goes_on_with_the_new_one(
    pair: Pair, ledger: AsyncLedger
) -> None:
    pair.primary.stop(signal.SIGQUIT)
    with pytest.raises(LedgerUnavailable, match="cannot be reached"):
        await ledger.reserve([checkout("between", MUG=1)])
    pair.standby.promote()
    await buy_all_at_once(ledger, "after")
    assert pair.audit() == ()


async def test_a_silent_server_that_is_named_first_keeps_the_pool_from_nothing(
    database_url: str,
) -> None:
    owner, _, server = database_url.partition("@")
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        silent = f"127.0.0.1:{listening.getsockname()[1]}"
        pool = LedgerPool(f"{owner}@{silent},{server}?{WRITABLE}", connections_max=1)
        (answer,) = await AsyncLedger(pool).reserve([checkout("c1", MUG=1)])
        assert isinstance(answer, ReservationState)
        await pool.close()


@on_each_version
async def test_a_page_is_not_read_from_a_server_that_has_become_an_old_primary(pair: Pair) -> None:
    url = pair.url(role=READER_ROLE)
    async with AvailabilityReader(url, timeout_seconds=PATIENT_SECONDS) as reader:
        for number in range(3):
            await asyncio.gather(*(for_sale(reader) for _ in range(4)))
            assert await for_sale(reader) == STOCK, number
        pair.take_over()
        sell_one(pair.standby)
        assert await for_sale(reader) == STOCK - 1


async def test_where_the_only_server_just_reads_by_now_it_is_read_over_one_new_connection(
    pair: Pair,
) -> None:
    url = f"postgresql://{READER_ROLE}@127.0.0.1:{pair.primary.port}/postgres"
    asked = Connections(url, timeout_seconds=PATIENT_SECONDS, connections_max=1)
    pid = "SELECT pg_backend_pid()"
    before = await asked.rows(pid, {})
    pair.primary.fence()
    first, *later = [await asked.rows(pid, {}) for _ in range(4)]
    assert first != before
    assert later == [first] * 3
    await asked.close()


async def test_a_reader_takes_the_server_that_its_url_wishes_for(pair: Pair) -> None:
    assert await standbys(pair, "target_session_attrs=any") == {True}
    assert await standbys(pair, "target_session_attrs=primary") == {False}
    # Whoever chooses by chance chooses the same one each time once in half a million runs.
    assert await standbys(pair, "load_balance_hosts=random") == {True, False}
    prefer = "target_session_attrs=prefer-standby&load_balance_hosts=random"
    assert await standbys(pair, prefer) == {True}
    pair.standby.stop()
    assert await standbys(pair, prefer) == {False}


async def standbys(pair: Pair, wish: str) -> set[bool]:
    """Return whether those servers are standbys that twenty readers of such a URL come to."""
    found = set()
    for _ in range(20):
        url = pair.url(wish, READER_ROLE)
        asked = Connections(url, timeout_seconds=PATIENT_SECONDS, connections_max=1)
        found.update(await asked.rows("SELECT pg_is_in_recovery()", {}))
        await asked.close()
    return {bool(is_standby) for (is_standby,) in found}
