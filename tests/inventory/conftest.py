"""Databases for the ledger's tests, on the suite's real Postgres."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine

from activities.inventory.async_ledger import AsyncLedger
from activities.inventory.database.engine import open_engine
from activities.inventory.ledger import Ledger
from tests.inventory.databases import as_worker, fresh_database
from tests.inventory.pools import opened_pool
from tests.inventory.shop import Shop, clear, open_shop

# As many as the most crowded test has buyers, and some for those who watch.
CONNECTIONS_MAX = 60


@pytest.fixture
def empty_database_url(postgres_url: str) -> Iterator[str]:
    """A database without the ledger's schema."""
    with fresh_database(postgres_url) as url:
        yield url


@pytest.fixture
def database_url(postgres_url: str, template: str) -> Iterator[str]:
    """A database that one test has to itself, and may break."""
    with fresh_database(postgres_url, template) as url:
        yield url


@pytest.fixture(scope="module")
def _module_engine(postgres_url: str, template: str) -> Iterator[Engine]:
    with fresh_database(postgres_url, template) as url, _open(url) as engine:
        yield engine


@pytest.fixture
def engine(_module_engine: Engine) -> Engine:
    """Connections to a database without stock or reservations, in which the schema stays."""
    clear(_module_engine)
    return _module_engine


@pytest.fixture(scope="module")
def _worker_engine(_module_engine: Engine) -> Iterator[Engine]:
    with _open(as_worker(_module_engine.url.render_as_string(hide_password=False))) as engine:
        yield engine


@pytest.fixture
def ledger(engine: Engine, _worker_engine: Engine) -> Ledger:
    """The ledger on that database, under the role of a worker, which may do its work only."""
    return Ledger(_worker_engine)


@pytest.fixture
async def async_ledger(_worker_engine: Engine) -> AsyncIterator[AsyncLedger]:
    """The same ledger for coroutines, over connections of its own."""
    async with opened_pool(_worker_engine) as pool:
        yield AsyncLedger(pool)


@pytest.fixture
def shop(engine: Engine, ledger: Ledger) -> Shop:
    """A shop without stock whose clock stands still until it is turned."""
    return open_shop(engine, ledger)


@pytest.fixture
def fragile_shop(database_url: str) -> Iterator[Shop]:
    """The same with a database of its own, whose protections a test may take out."""
    with _open(database_url) as engine, _open(as_worker(database_url)) as worker_engine:
        yield open_shop(engine, Ledger(worker_engine))


@contextmanager
def _open(url: str) -> Iterator[Engine]:
    # The timeouts are longer than in production, so that a busy machine fails no test; a
    # deadlock is found by the server long before.
    engine = open_engine(
        url,
        connections_max=CONNECTIONS_MAX,
        lock_timeout_ms=20_000,
        statement_timeout_ms=30_000,
    )
    try:
        yield engine
    finally:
        engine.dispose()
