"""The primary is gone or takes no more writes, its standby takes its place, people go on buying."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

import pytest
from sqlalchemy import event
from sqlalchemy.engine import ExceptionContext

from activities.inventory.database.engine import open_engine, statement_engine
from activities.inventory.database.errors import LedgerUnavailable
from activities.inventory.database.migrate import upgrade
from activities.inventory.database.verification import check_session
from activities.inventory.ledger import Ledger
from activities.inventory.records import ReservationState, StockRow
from tests.connections.programs import postgres_programs
from tests.connections.replicated import Server, replicated
from tests.directories import NewDirectory
from tests.embedded.processes import comes_true
from tests.inventory.crowd import all_at_once
from tests.inventory.shop import Shop, checkout
from worker.embedded.postgres import EmbeddedPostgres

STOCK: Final = 100
BUYERS: Final = 8


@dataclass(frozen=True)
class Pair:
    """A primary, its standby, and a ledger that is told of both and has connections open."""

    primary: Server
    standby: Server
    shop: Shop

    @property
    def ledger(self) -> Ledger:
        return self.shop.ledger

    def buy_all_at_once(self, name: str) -> None:
        """Let everybody hold one, none of whom may meet an error."""
        wishes = [checkout(f"{name}-{number}", MUG=1) for number in range(BUYERS)]
        answers = all_at_once([partial(self.ledger.reserve, [wish]) for wish in wishes])
        for (answer,) in answers:
            assert isinstance(answer, ReservationState)
            assert answer.outcome.status == "held"


on_each_version = pytest.mark.parametrize("pair", ["embedded", "debian"], indirect=True)


@pytest.fixture
def pair(
    request: pytest.FixtureRequest, new_directory: NewDirectory, postgres: EmbeddedPostgres
) -> Iterator[Pair]:
    """The embedded one runs already, so its programs may be run by the servers' account."""
    assert postgres.pid
    programs = postgres_programs(getattr(request, "param", "embedded"))
    with replicated(programs, new_directory("replicated")) as (primary, standby):
        url = f"postgresql://{primary.at},127.0.0.1:{standby.port}/postgres"
        engine = open_engine(f"{url}?target_session_attrs=read-write", connections_max=BUYERS)
        upgrade(engine)
        ledger = Ledger(engine)
        ledger.load_stock([StockRow("MUG", "main", STOCK)])
        pair = Pair(primary, standby, Shop(engine, ledger))
        pair.buy_all_at_once("before")
        standby.follows_to(primary)
        yield pair
        engine.dispose()


@on_each_version
def test_where_the_primary_crashed_the_same_calls_go_on_with_the_new_one(pair: Pair) -> None:
    pair.primary.stop(signal.SIGQUIT)
    pair.standby.promote()
    pair.buy_all_at_once("after")
    assert pair.shop.figures("MUG") == (STOCK, 2 * BUYERS, STOCK - 2 * BUYERS)
    assert pair.ledger.audit() == ()


@on_each_version
def test_where_the_old_primary_only_reads_each_connection_to_it_is_given_up_at_once(
    pair: Pair,
) -> None:
    pair.primary.fence()
    pair.standby.promote()
    pair.buy_all_at_once("after")
    left = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'holdfast'"
    # The server takes a moment to see that a connection was closed.
    assert comes_true(lambda: pair.primary.ask(left) == (0,))
    assert pair.shop.figures("MUG").reserved == 2 * BUYERS
    assert pair.ledger.audit() == ()


def test_one_buyer_finds_out_for_all_the_connections_that_lie_idle(pair: Pair) -> None:
    pair.primary.fence()
    pair.standby.promote()
    refusals: list[str] = []

    def note(context: ExceptionContext) -> None:
        refusals.append(str(context.original_exception))

    event.listen(statement_engine(pair.shop.engine), "handle_error", note)
    for number in range(BUYERS):
        pair.shop.hold(f"one-by-one-{number}", MUG=1)
    assert len(refusals) == 1
    assert "read-only transaction" in refusals[0]
    assert pair.ledger.audit() == ()


def test_endings_and_extensions_go_on_as_well(pair: Pair) -> None:
    pair.primary.fence()
    pair.standby.promote()
    pair.shop.fulfil("before-0")
    assert pair.shop.status("before-0") == "fulfilled"
    assert pair.shop.cancel("before-1").status == "cancelled"
    pair.shop.adjust("a1", "receive", "MUG", 5)
    assert pair.shop.figures("MUG").total == STOCK - 1 + 5


def test_while_no_server_takes_writes_the_answer_is_unavailable_and_then_it_is_there(
    pair: Pair,
) -> None:
    pair.primary.stop(signal.SIGQUIT)
    with pytest.raises(LedgerUnavailable, match="cannot be reached"):
        pair.ledger.reserve([checkout("between", MUG=1)])
    pair.standby.promote()
    pair.shop.hold("between", MUG=1)


def test_a_worker_does_not_begin_on_a_server_that_only_reads(pair: Pair) -> None:
    engine = open_engine(pair.standby.url, connections_max=1)
    with pytest.raises(LedgerUnavailable, match=r"only reads.*target_session_attrs=read-write"):
        check_session(engine)
    pair.standby.promote()
    check_session(engine)
    engine.dispose()
