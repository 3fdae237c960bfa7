"""The database does not answer: an error that says so, within a bounded time, and no harm done."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import text

from activities.inventory.allocation.rule import allocate
from activities.inventory.database import engine as engines
from activities.inventory.database import repeats, session
from activities.inventory.database.engine import open_engine
from activities.inventory.database.errors import ConnectionLost, LedgerUnavailable
from activities.inventory.database.migrate import upgrade
from activities.inventory.database.repeats import goes_on_afresh
from activities.inventory.database.urls import database_url as as_database_url
from activities.inventory.ledger import Ledger
from activities.inventory.operations import reserve as reserving
from activities.inventory.records import Closing, StockRow
from holdfast_client.contract.messages import StockAdjustment
from tests.directories import NewDirectory
from tests.inventory.crowd import until
from tests.inventory.databases import at_database
from tests.inventory.shop import Shop, checkout
from worker.embedded.postgres import EmbeddedPostgres

OPERATIONS: dict[str, Callable[[Ledger], object]] = {
    "reserve": lambda ledger: ledger.reserve([checkout("c1", MUG=1)]),
    "close": lambda ledger: ledger.close([Closing("c1", "cancelled")]),
    "expire_overdue": lambda ledger: ledger.expire_overdue(0),
    "reservations": lambda ledger: ledger.reservations(["c1"]),
    "adjust": lambda ledger: ledger.adjust(
        StockAdjustment(adjustment_id="a1", sku="MUG", kind="receive", quantity=1)
    ),
    "load_stock": lambda ledger: ledger.load_stock([StockRow("MUG", "main", 1)]),
    "availability": lambda ledger: ledger.availability(["MUG"]),
    "in_stock": lambda ledger: ledger.in_stock(),
    "overdue": lambda ledger: ledger.overdue(),
    "audit": lambda ledger: ledger.audit(),
    "schema_version": lambda ledger: ledger.schema_version(),
}

each_operation = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)


@dataclass
class Outage:
    """A server that a test may stop, and a ledger with open connections to it."""

    server: EmbeddedPostgres
    ledger: Ledger


@pytest.fixture(scope="module")
def outage(new_directory: NewDirectory) -> Iterator[Outage]:
    with EmbeddedPostgres(new_directory("postgres")) as server:
        engine = open_engine(server.url, connections_max=3)
        upgrade(engine)
        ledger = Ledger(engine)
        ledger.load_stock([StockRow("MUG", "main", 100)])
        yield Outage(server, ledger)
        engine.dispose()


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_stopped_database_is_unavailable_and_works_again_after_its_restart(
    outage: Outage, mode: str
) -> None:
    outage.ledger.reserve([checkout(f"{mode}-before", MUG=1)])
    outage.server.stop(mode)  # type: ignore[arg-type]
    try:
        for _ in range(4):
            with pytest.raises(LedgerUnavailable, match=r"cannot be reached|gave up"):
                outage.ledger.reserve([checkout(f"{mode}-during", MUG=1)])
    finally:
        outage.server.start()
    (answer,) = outage.ledger.reserve([checkout(f"{mode}-during", MUG=1)])
    assert not isinstance(answer, Exception)
    assert answer.outcome.status == "held"
    assert set(outage.ledger.reservations([f"{mode}-before", f"{mode}-during"])) == {
        f"{mode}-before",
        f"{mode}-during",
    }
    assert outage.ledger.audit() == ()


def test_a_restart_between_two_calls_costs_no_answer(outage: Outage) -> None:
    outage.ledger.availability(["MUG"])
    outage.server.stop("fast")
    outage.server.start()
    assert outage.ledger.availability(["MUG"])[0].total == 100


def test_the_message_of_an_outage_repeats_no_password(outage: Outage) -> None:
    password = as_database_url(outage.server.url).password
    assert password
    outage.server.stop("fast")
    try:
        with pytest.raises(LedgerUnavailable) as unavailable:
            outage.ledger.audit()
    finally:
        outage.server.start()
    assert str(password) not in str(unavailable.value)


def test_a_database_that_is_not_there_is_unavailable(postgres_url: str) -> None:
    engine = open_engine(at_database(postgres_url, "no_such_database"), connections_max=1)
    with pytest.raises(LedgerUnavailable, match="cannot be reached"):
        Ledger(engine).audit()
    engine.dispose()


@each_operation
def test_a_database_without_the_schema_says_how_to_get_it(
    empty_database_url: str, operation: Callable[[Ledger], object]
) -> None:
    engine = open_engine(empty_database_url, connections_max=1)
    with pytest.raises(LedgerUnavailable, match="python -m worker migrate"):
        operation(Ledger(engine))
    engine.dispose()


@pytest.fixture
def hasty(database_url: str) -> Iterator[Shop]:
    """A shop that waits for a lock a tenth of a second at most."""
    engine = open_engine(database_url, connections_max=3, lock_timeout_ms=100)
    ledger = Ledger(engine)
    ledger.load_stock([StockRow("MUG", "main", 10)])
    yield Shop(engine, ledger)
    engine.dispose()


def test_a_lock_held_by_a_stranger_is_waited_for_within_bounds(hasty: Shop) -> None:
    with hasty.engine.connect() as stranger:
        stranger.execute(text("SELECT 1 FROM holdfast.stock_items FOR UPDATE"))
        with pytest.raises(LedgerUnavailable, match="gave up: canceling statement due to lock"):
            hasty.reserve(checkout("c1", MUG=1))
    assert hasty.count("reservations") == 0
    assert hasty.reserve(checkout("c1", MUG=1)).status == "held"


def test_ends_of_overdue_holds_wait_once_where_no_shop_is_adopted(hasty: Shop) -> None:
    """Tries for fewer would wait for the same lock for seconds more."""
    hasty.ledger.load_stock([StockRow("CUP", "main", 10)])
    hasty.reserve(checkout("c1", MUG=1))
    hasty.reserve(checkout("c2", CUP=1))
    hasty.sql("UPDATE holdfast.reservations SET expires_at = now() - interval '1 minute'")
    with hasty.engine.connect() as stranger:
        stranger.execute(
            text("SELECT FROM holdfast.stock_items WHERE sku = 'CUP' FOR NO KEY UPDATE")
        )
        with pytest.raises(LedgerUnavailable, match="gave up: canceling statement due to lock"):
            hasty.ledger.expire_overdue(0)
    assert hasty.ledger.count_overdue() == 2
    assert hasty.ledger.expire_overdue(0) == 2


def test_a_statement_that_takes_too_long_is_ended_by_the_server(database_url: str) -> None:
    engine = open_engine(database_url, connections_max=2, statement_timeout_ms=100)
    shop = Shop(engine, Ledger(engine))
    shop.sql(
        "CREATE OR REPLACE FUNCTION holdfast.clock() RETURNS timestamptz LANGUAGE plpgsql "
        "AS 'BEGIN PERFORM pg_sleep(30); RETURN now(); END'"
    )
    with pytest.raises(LedgerUnavailable, match="gave up: canceling statement due to statement"):
        shop.reserve(checkout("c1", MUG=1))
    engine.dispose()


def test_a_pool_without_a_free_connection_says_so(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "POOL_WAIT_SECONDS", 0.05)
    engine = open_engine(database_url, connections_max=1)
    with engine.connect(), pytest.raises(LedgerUnavailable, match="no database connection"):
        Ledger(engine).audit()
    assert Ledger(engine).audit() == ()
    engine.dispose()


def test_a_server_without_room_for_another_connection_is_unavailable(
    database_url: str, postgres_url: str
) -> None:
    # Not the superuser, whom the server keeps some room for.
    engine = open_engine(database_url, connections_max=1)
    shop = Shop(engine, Ledger(engine))
    name = engine.url.database
    shop.sql("CREATE ROLE clerk LOGIN PASSWORD 'till'")
    try:
        shop.sql(f"ALTER DATABASE {name} CONNECTION LIMIT 0")
        clerk = engine.url.set(username="clerk", password="till")
        crowded = open_engine(clerk.render_as_string(hide_password=False), connections_max=1)
        with pytest.raises(LedgerUnavailable, match="too many connections"):
            Ledger(crowded).audit()
        crowded.dispose()
    finally:
        shop.sql("DROP ROLE clerk")
        engine.dispose()


def test_a_server_that_only_reads_because_it_is_a_standby_is_unavailable(
    database_url: str,
) -> None:
    engine = open_engine(database_url, connections_max=1)
    shop = Shop(engine, Ledger(engine))
    shop.sql(f"ALTER DATABASE {engine.url.database} SET default_transaction_read_only = on")
    engine.dispose()
    with pytest.raises(LedgerUnavailable, match=r"gave up: cannot execute \w+ in a read-only"):
        shop.reserve(checkout("c1", MUG=1))
    engine.dispose()


def test_a_worker_that_stalled_in_a_transaction_lost_its_locks_and_may_ask_again(
    hasty: Shop, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "IDLE_IN_TRANSACTION_TIMEOUT_MS", 50)
    engine = open_engine(database_url, connections_max=1, application_name="stalled")
    ledger = Ledger(engine)
    decide = allocate
    # Where nothing has to be decided no transaction is left open while a worker stalls.
    requests = [checkout("c1", MUG=1), checkout("c2", NO_SUCH=1)]

    def stall(*arguments: Any) -> Any:
        while hasty.sql("SELECT 1 FROM pg_stat_activity WHERE application_name = 'stalled'"):
            time.sleep(0.005)
        return decide(*arguments)

    monkeypatch.setattr(reserving, "allocate", stall)
    with pytest.raises(LedgerUnavailable, match=r"gave up|cannot be reached"):
        ledger.reserve(requests)
    monkeypatch.setattr(reserving, "allocate", decide)
    answer, _ = ledger.reserve(requests)
    assert not isinstance(answer, Exception)
    assert answer.outcome.status == "held"
    engine.dispose()


def test_a_session_that_was_ended_by_hand_costs_no_answer(hasty: Shop) -> None:
    with hasty.engine.connect() as administrator:
        hasty.ledger.audit()
        ended = administrator.execute(
            text(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid() "
                "AND backend_type = 'client backend'"
            )
        )
        assert list(ended) == [(True,)]
    assert hasty.ledger.audit() == ()


def test_a_session_that_the_server_ended_because_it_was_idle_costs_no_answer(hasty: Shop) -> None:
    name = hasty.engine.url.database
    hasty.sql(f"ALTER DATABASE {name} SET idle_session_timeout = '100ms'")
    url = hasty.engine.url.render_as_string(hide_password=False)
    engine = open_engine(url, connections_max=1, application_name="idle")
    try:
        assert Ledger(engine).availability(["MUG"])
        until(
            lambda: not hasty.sql("SELECT 1 FROM pg_stat_activity WHERE application_name = 'idle'")
        )
        assert Ledger(engine).availability(["MUG"])
    finally:
        engine.dispose()


def test_a_session_that_has_lost_what_was_prepared_in_it_is_given_up(hasty: Shop) -> None:
    """As when somebody in between has put another in its place."""
    engine = open_engine(hasty.engine.url.render_as_string(hide_password=False), connections_max=1)
    ledger = Ledger(engine)
    for _ in range(12):
        ledger.availability(["MUG"])
    with engine.begin() as connection:
        # Not said openly, or the driver would notice and prepare anew.
        connection.execute(text("DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$"))
    assert ledger.availability(["MUG"])
    engine.dispose()


def test_a_call_that_took_long_is_not_made_again_for_its_caller_has_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[float] = []

    @goes_on_afresh
    def call(seconds: float) -> None:
        calls.append(seconds)
        time.sleep(seconds)
        raise ConnectionLost("it was lost")

    monkeypatch.setattr(repeats, "REPEAT_WITHIN_SECONDS", 0.05)
    for seconds in (0, 0.1):
        with pytest.raises(ConnectionLost):
            call(seconds)
    assert calls == [0, 0, 0.1]


@pytest.mark.parametrize("url", ["", "not a url", "mysql://u:secret@h/d", "postgresql//u:secret@h"])
def test_what_is_no_postgres_url_is_refused_without_repeating_its_password(url: str) -> None:
    with pytest.raises(ValueError, match=r"Postgres URL|database URL") as refused:
        open_engine(url, connections_max=1)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_a_postgres_url_is_taken_in_each_of_its_spellings(scheme: str) -> None:
    assert as_database_url(f"{scheme}://u:p@h:5432/d").drivername == "postgresql+psycopg"
