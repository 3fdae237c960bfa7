"""Behind a real PgBouncer: served under load, and never without what the ledger relies on."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
)
from typing import Final, TypeVar

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import Engine, make_url, text
from temporalio.client import Client

from activities.inventory.async_ledger import AsyncLedger
from activities.inventory.database.async_carrier import carry_out as carry_async
from activities.inventory.database.calls import BEGIN, BEGIN_SNAPSHOT, Call, in_transaction, scalar
from activities.inventory.database.carrier import carry_out
from activities.inventory.database.connecting import Connector
from activities.inventory.database.engine import statement_engine
from activities.inventory.database.errors import LedgerUnavailable, SessionUnfit
from activities.inventory.database.pool import LedgerPool
from activities.inventory.database.rights.role_settings import carry_settings
from activities.inventory.database.session import (
    LOCK_TIMEOUT_MS,
    STATEMENT_TIMEOUT_MS,
    session_settings,
)
from activities.inventory.database.verification import check_session
from activities.inventory.grouping.grouped_ledger import GroupedLedger
from activities.inventory.ledger import Ledger
from activities.inventory.records import Closing, HoldExtension, StockRow
from holdfast_client.client import ReservationClient
from tests.connections.conftest import BUYERS, OpenPooler, opened
from tests.connections.pooler import PgBouncer, PoolMode
from tests.inventory.databases import WORKER_ROLE, as_worker
from tests.inventory.pools import opened_pool
from tests.inventory.shop import Shop, checkout
from tests.limits import HANG_SECONDS
from worker.composition import running_worker
from worker.health import examine
from worker.settings import load_settings

CHECKOUTS: Final = 320

AnswerT = TypeVar("AnswerT")


@pytest.fixture(params=["session", "transaction"])
def mode(request: pytest.FixtureRequest) -> PoolMode:
    chosen: PoolMode = request.param
    return chosen


@pytest.fixture(params=["refuses", "drops"])
def pooler(request: pytest.FixtureRequest, open_pooler: OpenPooler, mode: PoolMode) -> PgBouncer:
    return open_pooler(mode, request.param)


def workers_engine(
    pooler: PgBouncer, shop: Shop, statement_timeout_ms: int = STATEMENT_TIMEOUT_MS
) -> AbstractContextManager[Engine]:
    url = shop.engine.url.render_as_string(hide_password=False)
    return opened(pooler.url(as_worker(url)), statement_timeout_ms)


def workers_pool(pooler: PgBouncer, shop: Shop) -> AbstractAsyncContextManager[LedgerPool]:
    url = pooler.url(as_worker(shop.engine.url.render_as_string(hide_password=False)))
    return opened_pool(
        make_url(url), lock_timeout_ms=LOCK_TIMEOUT_MS, statement_timeout_ms=STATEMENT_TIMEOUT_MS
    )


def answered(ask: Callable[[], AnswerT]) -> AnswerT:
    """Ask again while the ledger is unavailable, as a workflow does, and return its answer."""
    while True:
        try:
            return ask()
        except LedgerUnavailable:
            time.sleep(0.01)


async def until_answered(ask: Callable[[], Awaitable[object]]) -> None:
    """Ask again while the ledger is unavailable, as a workflow does."""
    while True:
        try:
            await ask()
        except LedgerUnavailable:
            await asyncio.sleep(0.01)
            continue
        return


# --- served --------------------------------------------------------------------------------------


def test_every_checkout_of_a_crowd_is_served_and_exact(pooler: PgBouncer, shop: Shop) -> None:
    shop.stock(MUG=CHECKOUTS)
    with workers_engine(pooler, shop) as engine:
        check_session(engine)
        ledger = Ledger(engine)

        def buy(number: int) -> tuple[str, str]:
            id = f"c{number}"
            closing = Closing(id, "fulfilled", payment_reference=f"pay-{number}")
            (held,) = answered(lambda: ledger.reserve([checkout(id, MUG=1)]))
            (paid,) = answered(lambda: ledger.close([closing]))
            assert not isinstance(held, Exception)
            assert not isinstance(paid, Exception)
            return held.outcome.status, paid.outcome.status

        with ThreadPoolExecutor(BUYERS) as buyers:
            answers = list(buyers.map(buy, range(CHECKOUTS)))
    assert set(answers) == {("held", "fulfilled")}
    assert shop.figures("MUG") == (0, 0, 0)
    assert shop.ledger.audit() == ()


def test_denials_extensions_and_readings_are_served_in_turn(pooler: PgBouncer, shop: Shop) -> None:
    """More often than a statement must be made before the driver would prepare it."""
    shop.stock(MUG=5)
    with workers_engine(pooler, shop) as engine:
        behind = Shop(engine, Ledger(engine))
        for number in range(12):
            behind.hold(f"c{number}", MUG=5)
            behind.denial(f"d{number}", MUG=1)
            behind.extend(f"c{number}", behind.state(f"c{number}").outcome.expires_at)  # type: ignore[union-attr]
            assert behind.ledger.timeline(f"c{number}") is not None
            behind.cancel(f"c{number}")
    assert shop.ledger.audit() == ()


async def test_coroutines_are_served_and_prepare_nothing_in_a_session_that_others_use(
    pooler: PgBouncer, shop: Shop
) -> None:
    shop.stock(MUG=CHECKOUTS)
    async with workers_pool(pooler, shop) as pool:
        ledger = AsyncLedger(pool)
        for number in range(12):
            await ledger.reserve([checkout(f"c{number}", MUG=1)])
            await ledger.extend([HoldExtension(f"c{number}", shop.after(10), str(number))])
        count = Call("SELECT count(*) FROM pg_prepared_statements")
        assert await carry_async(pool, scalar(count)) == 0
    assert shop.ledger.audit() == ()


def test_nothing_is_prepared_in_a_session_that_others_use(pooler: PgBouncer, shop: Shop) -> None:
    with workers_engine(pooler, shop) as engine:
        ledger = Ledger(engine)
        for _ in range(12):
            ledger.availability(["MUG"])
        with statement_engine(engine).connect() as connection:
            prepared = connection.scalar(text("SELECT count(*) FROM pg_prepared_statements"))
    assert prepared == 0


def test_a_restart_of_the_pooler_between_two_calls_costs_no_answer(
    pooler: PgBouncer, shop: Shop
) -> None:
    with workers_engine(pooler, shop) as engine:
        behind = Shop(engine, Ledger(engine))
        shop.stock(MUG=2)
        behind.hold("c1", MUG=1)
        pooler.stop()
        pooler.start()
        behind.hold("c2", MUG=1)
    assert shop.ledger.audit() == ()


async def test_a_restart_of_the_pooler_under_load_loses_no_checkout(
    pooler: PgBouncer, shop: Shop
) -> None:
    shop.stock(MUG=CHECKOUTS)
    done = asyncio.Semaphore(0)
    buyers = asyncio.Semaphore(BUYERS)
    async with workers_pool(pooler, shop) as pool:
        ledger = GroupedLedger(AsyncLedger(pool))

        async def buy(number: int) -> None:
            async with buyers:
                await until_answered(lambda: ledger.reserve(checkout(f"c{number}", MUG=1)))
                closing = Closing(f"c{number}", "fulfilled", payment_reference=f"pay-{number}")
                await until_answered(lambda: ledger.close(closing))
            done.release()

        bought = [asyncio.create_task(buy(number)) for number in range(CHECKOUTS)]
        for _ in range(CHECKOUTS // 4):
            await done.acquire()
        await asyncio.to_thread(pooler.stop)
        await asyncio.to_thread(pooler.start)
        await asyncio.gather(*bought)
    assert shop.figures("MUG") == (0, 0, 0)
    assert shop.ledger.audit() == ()


# --- found out -----------------------------------------------------------------------------------


def test_sessions_without_their_settings_are_refused_with_a_remedy_that_works(
    pooler: PgBouncer, database_url: str
) -> None:
    behind = pooler.url(as_worker(database_url))
    with (
        opened(behind) as engine,
        pytest.raises(SessionUnfit, match=r"statement_timeout is 0, not 5000") as unfit,
    ):
        check_session(engine)
    with psycopg.connect(database_url, autocommit=True) as connection:
        for statement in re.findall(r"^  (ALTER ROLE .*);$", str(unfit.value), re.MULTILINE):
            connection.execute(statement)
    with (
        opened(behind) as engine,
        pytest.raises(SessionUnfit, match=r"carries that already\. .*RECONNECT"),
    ):
        check_session(engine)
    pooler.renew()
    with opened(behind) as engine:
        check_session(engine)


def test_settings_of_another_kind_than_the_workers_are_found_out(
    open_pooler: OpenPooler, shop: Shop
) -> None:
    pooler = open_pooler("transaction", "refuses")
    with (
        workers_engine(pooler, shop, statement_timeout_ms=9_000) as engine,
        pytest.raises(SessionUnfit, match=r"statement_timeout is 5000, not 9000"),
    ):
        check_session(engine)


def test_a_single_statement_behind_a_pooler_is_bounded_and_isolated(
    pooler: PgBouncer, shop: Shop
) -> None:
    shop.sql(
        f"ALTER DATABASE {shop.engine.url.database} SET default_transaction_isolation TO "
        "'serializable'"
    )
    with workers_engine(pooler, shop) as engine, statement_engine(engine).connect() as connection:
        row = connection.execute(
            text(
                "SELECT current_setting('transaction_isolation'), "
                "current_setting('statement_timeout'), current_setting('lock_timeout'), "
                "current_setting('plan_cache_mode'), current_setting('TimeZone')"
            )
        ).one()
    assert tuple(row) == ("read committed", "5s", "2s", "force_generic_plan", "UTC")


def test_long_work_behind_a_pooler_has_its_limits_lifted_and_leaves_them_to_others(
    pooler: PgBouncer, shop: Shop
) -> None:
    read = text("SELECT current_setting('statement_timeout')")
    with workers_engine(pooler, shop, statement_timeout_ms=0) as long_work:
        with long_work.begin() as connection:
            assert connection.scalar(read) == "0"
        for begin in (BEGIN, BEGIN_SNAPSHOT):
            steps = in_transaction(scalar(Call(read.text, {})), begin)
            assert carry_out(statement_engine(long_work), steps) == "0"
        assert Ledger(long_work).audit() == ()
        ledger = Ledger(long_work)
        assert ledger.load_stock([StockRow("MUG", "main", 1)]).created == 1
    with workers_engine(pooler, shop) as engine, engine.begin() as connection:
        assert connection.scalar(read) == "5s"


def test_a_direct_connection_asks_for_its_settings_itself_and_prepares(database_url: str) -> None:
    with opened(database_url) as engine:
        check_session(engine)
        ledger = Ledger(engine)
        for _ in range(12):
            ledger.availability(["MUG"])
        with statement_engine(engine).connect() as connection:
            prepared = connection.scalar(text("SELECT count(*) FROM pg_prepared_statements"))
    assert prepared


def test_when_the_pooler_goes_and_comes_no_connection_is_without_what_it_can_have(
    open_pooler: OpenPooler, shop: Shop, database_url: str
) -> None:
    """Whoever refused the settings may have gone, or come, when the next connection is made."""
    pooler = open_pooler("transaction", "refuses")
    connector = Connector(session_settings(3_000), 3_000)
    direct = conninfo_to_dict(as_worker(database_url))
    behind = {**direct, "port": pooler.port}
    found = []
    for way in (direct, behind, behind, direct, direct, behind):
        with connector.connect(**way) as connection:
            row = connection.execute("SHOW statement_timeout").fetchone()
            found.append((connection.is_pooled, connection.prepare_threshold is None, row))
    kept, carried = (False, False, ("3s",)), (True, True, ("5s",))
    assert found == [kept, carried, carried, kept, kept, carried]


# --- found out by those who start and by those who ask --------------------------------------------


async def test_a_worker_behind_a_pooler_serves_a_checkout_from_end_to_end(
    pooler: PgBouncer,
    shop: Shop,
    temporal_address: str,
    unique: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shop.stock(MUG=1)
    monkeypatch.setenv("TEMPORAL_ADDRESS", temporal_address)
    url = as_worker(shop.engine.url.render_as_string(hide_password=False))
    settings = load_settings(database_url=pooler.url(url))
    assert (await examine(settings)).ailments == []
    async with running_worker(settings):
        client = ReservationClient(
            await Client.connect(temporal_address), answer_timeout_seconds=HANG_SECONDS
        )
        held = await client.reserve(unique, [("MUG", 1)])
        assert held.status == "held", held
        assert (await client.confirm(unique, f"pay-{unique}")).status == "fulfilled"
    assert shop.ledger.audit() == ()


async def test_health_is_not_green_while_a_pooler_drops_the_settings(
    pooler: PgBouncer, database_url: str, temporal_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", temporal_address)
    settings = load_settings(database_url=pooler.url(as_worker(database_url)))
    (ailment,) = (await examine(settings)).ailments
    assert re.search(r"^database: .*lock_timeout is 0, not 2000", ailment)
    assert "python -m worker migrate" in ailment


def test_the_owner_of_the_tables_says_what_it_may_not_do(database_url: str) -> None:
    """And what a superuser has done, it finds done."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CREATE ROLE landlord LOGIN PASSWORD 'rent'")
    try:
        landlord = database_url.replace("://holdfast:", "://landlord:", 1)
        landlord = re.sub(r"://landlord:[^@]*@", "://landlord:rent@", landlord)
        left = carry_settings(landlord, WORKER_ROLE, session_settings())
        assert len(left) == len(session_settings())
        with psycopg.connect(database_url, autocommit=True) as connection:
            for statement in left:
                connection.execute(statement)
        assert carry_settings(landlord, WORKER_ROLE, session_settings()) == ()
    finally:
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute("DROP ROLE landlord")
