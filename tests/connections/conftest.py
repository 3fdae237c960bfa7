"""What the tests of connections share: databases to reach in other ways than directly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Final, Literal

import pytest
from sqlalchemy import Engine

from activities.inventory.database.engine import open_engine
from activities.inventory.database.rights.role_settings import carry_settings
from activities.inventory.database.session import STATEMENT_TIMEOUT_MS, session_settings
from activities.inventory.ledger import Ledger
from tests.connections.pooler import PgBouncer, PoolMode
from tests.directories import NewDirectory
from tests.inventory.databases import WORKER_ROLE, fresh_database
from tests.inventory.shop import Shop

BUYERS: Final = 16
# Fewer than buyers, so that in transaction mode each of the server's sessions serves several.
SESSIONS_MAX: Final[dict[PoolMode, int]] = {"session": 2 * BUYERS, "transaction": 4}
# A pooler that refuses settings at the start, and one that was told to drop them.
IGNORED: Final = {"refuses": "", "drops": "options"}

OpenPooler = Callable[..., PgBouncer]


@pytest.fixture
def database_url(postgres_url: str, template: str) -> Iterator[str]:
    """A migrated database that one test has to itself."""
    with fresh_database(postgres_url, template) as url:
        yield url


@pytest.fixture
def open_pooler(postgres_url: str, new_directory: NewDirectory) -> Iterator[OpenPooler]:
    """Runs PgBouncers until the test is over."""
    with ExitStack() as stack:

        def run(mode: PoolMode, settings: Literal["refuses", "drops"]) -> PgBouncer:
            return stack.enter_context(
                PgBouncer(
                    postgres_url,
                    new_directory("pgbouncer"),
                    mode,
                    sessions_max=SESSIONS_MAX[mode],
                    ignored=IGNORED[settings],
                )
            )

        yield run


@contextmanager
def opened(url: str, statement_timeout_ms: int = STATEMENT_TIMEOUT_MS) -> Iterator[Engine]:
    engine = open_engine(url, connections_max=BUYERS, statement_timeout_ms=statement_timeout_ms)
    try:
        yield engine
    finally:
        engine.dispose()


@pytest.fixture
def shop(database_url: str) -> Iterator[Shop]:
    """A shop that is looked at directly, whose workers' role carries its settings."""
    assert carry_settings(database_url, WORKER_ROLE, session_settings()) == ()
    with opened(database_url) as engine:
        yield Shop(engine, Ledger(engine))
