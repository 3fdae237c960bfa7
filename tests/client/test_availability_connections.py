"""A reader's connections: kept where they serve, made anew in time, to a server that answers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final
from urllib.parse import urlsplit

import psycopg
import pytest

from activities.inventory.database.engine import open_engine
from activities.inventory.ledger import Ledger
from activities.inventory.records import StockRow
from holdfast_client import AvailabilityReader, StockUnreadable, SyncAvailabilityReader
from holdfast_client.availability import connections as module
from holdfast_client.availability.connections import Connections
from tests.client.test_availability import HASTY_SECONDS, PATIENT_SECONDS
from tests.docs.pages import page
from tests.faults.lines import proxy_to, url_through
from tests.inventory.databases import fresh_database, make_reader

# Half of it is waited for a server that is silent; the other half is enough, or that of the next.
SHARED_SECONDS: Final = (8.0, 120.0)
NAMES: Final = {"CUP": "Cup", "茶-Łódź": "Чай, 茶, ½ l"}
PID: Final = "SELECT pg_backend_pid()"


@pytest.fixture(scope="module")
def owner_url(postgres_url: str, template: str) -> Iterator[str]:
    with fresh_database(postgres_url, template) as url:
        engine = open_engine(url, connections_max=1)
        Ledger(engine).load_stock([StockRow(sku, "main", 5, name) for sku, name in NAMES.items()])
        engine.dispose()
        yield url


@pytest.fixture(scope="module")
def reader_url(owner_url: str) -> str:
    return make_reader(owner_url)


@pytest.fixture
async def connections(reader_url: str) -> AsyncIterator[Connections]:
    opened = Connections(reader_url, timeout_seconds=PATIENT_SECONDS, connections_max=1)
    yield opened
    await opened.close()


@pytest.fixture
def silent_port() -> Iterator[int]:
    """The port of somebody who takes connections and never says a word."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


@pytest.mark.parametrize(
    ("query", "parameters", "kind"),
    [
        ("SELECT 1 / %(n)s", {"n": 0}, StockUnreadable),
        ("SELECT no_such_column", {}, StockUnreadable),
        ("SELECT %(text)s::text", {"text": "\x00"}, StockUnreadable),
        ("SELECT %(text)s::text", {"text": "\ud800"}, UnicodeEncodeError),
    ],
    ids=["of its values", "of its words", "never sent", "never written"],
)
async def test_a_question_that_is_refused_costs_no_connection(
    connections: Connections, query: str, parameters: dict[str, Any], kind: type[Exception]
):
    before = await connections.rows(PID, {})
    with pytest.raises(kind):
        await connections.rows(query, parameters)
    assert await connections.rows(PID, {}) == before


async def test_a_connection_serves_again_until_it_is_old(
    connections: Connections, monkeypatch: pytest.MonkeyPatch
):
    first = await connections.rows(PID, {})
    assert await connections.rows(PID, {}) == first
    monkeypatch.setattr(module, "CONNECTION_AGE_SECONDS_MAX", 0.0)
    assert await connections.rows(PID, {}) != first


async def test_text_is_unicode_whatever_the_environment_says(
    reader_url: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    async with AvailabilityReader(reader_url, timeout_seconds=PATIENT_SECONDS) as reader:
        found = await reader.many(NAMES)
    assert {sku: item.places[0].name for sku, item in found.items()} == NAMES


async def test_of_several_servers_a_silent_one_has_its_share_of_the_time(
    reader_url: str, silent_port: int
):
    url = with_servers(reader_url, f"127.0.0.1:{silent_port},{server_of(reader_url)}")
    found = []
    for seconds in SHARED_SECONDS:
        with suppress(StockUnreadable):
            async with AvailabilityReader(url, timeout_seconds=seconds) as reader:
                found.append(await reader.one("CUP"))
            break
    assert [each.for_sale for each in found] == [5]


async def test_one_call_finds_out_for_all_connections_that_have_fallen_silent(reader_url: str):
    with proxy_to(reader_url) as proxy:
        url = url_through(proxy, reader_url)
        asked = Connections(url, timeout_seconds=PATIENT_SECONDS, connections_max=4)
        slow = "SELECT pg_sleep(0.1)"
        await asyncio.gather(*(asked.rows(slow, {}) for _ in range(4)))
        proxy.strand()
        with in_haste(asked), pytest.raises(StockUnreadable, match="no answer in time"):
            await asked.rows(PID, {})
        assert await asked.rows(PID, {})
        await asked.close()


async def test_a_server_that_is_slow_is_asked_once_by_each_call(reader_url: str, owner_url: str):
    asked = Connections(reader_url, timeout_seconds=PATIENT_SECONDS, connections_max=4)
    await asyncio.gather(*(asked.rows("SELECT pg_sleep(0.1)", {}) for _ in range(4)))
    with psycopg.connect(owner_url, autocommit=True) as owner:
        owner.execute("SELECT pg_advisory_lock(1)")
        with in_haste(asked), pytest.raises(StockUnreadable, match="no answer in time"):
            await asked.rows("SELECT pg_advisory_lock(1)", {})
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory'"
        assert owner.execute(waiting).fetchone() == (1,)
    await asked.close()


async def test_of_several_servers_one_that_is_away_is_passed_over(
    reader_url: str, silent_port: int
):
    url = with_servers(reader_url, f"127.0.0.1:1,{server_of(reader_url)},127.0.0.1:{silent_port}")
    async with AvailabilityReader(url, timeout_seconds=PATIENT_SECONDS) as reader:
        assert (await reader.one("CUP")).for_sale == 5


def test_where_all_servers_are_silent_the_call_ends_in_its_time(reader_url: str, silent_port: int):
    url = with_servers(reader_url, f"127.0.0.1:{silent_port},localhost:{silent_port}")
    with (
        SyncAvailabilityReader(url, timeout_seconds=HASTY_SECONDS) as reader,
        pytest.raises(StockUnreadable, match=r"within 0\.5 s: no answer in time"),
    ):
        reader.one("CUP")


async def test_a_port_is_for_all_hosts_and_addresses_are_taken_as_they_are(reader_url: str):
    host, _, port = server_of(reader_url).partition(":")
    assert host == "127.0.0.1"
    several = "hostaddr=127.0.0.1,127.0.0.1&host=one.invalid,two.invalid"
    url = f"{with_servers(reader_url, '')}?{several}&port={port}"
    async with AvailabilityReader(url, timeout_seconds=PATIENT_SECONDS) as reader:
        assert (await reader.one("CUP")).for_sale == 5


def test_the_page_says_how_long_a_connection_serves():
    seconds = module.CONNECTION_AGE_SECONDS_MAX
    assert f"A connection serves for at most {seconds:g} s." in page("client/README.md").prose()


@contextmanager
def in_haste(asked: Connections) -> Iterator[None]:
    """Let what is asked meanwhile be given up soon, though connecting had all its time."""
    patience = asked._timeout_seconds
    asked._timeout_seconds = HASTY_SECONDS * 4
    yield
    asked._timeout_seconds = patience


def server_of(url: str) -> str:
    """Return host and port of a URL."""
    return urlsplit(url).netloc.rpartition("@")[2]


def with_servers(url: str, servers: str) -> str:
    """Return the URL with other hosts and ports."""
    return url.replace(f"@{server_of(url)}/", f"@{servers}/")
