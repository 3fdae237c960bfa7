"""Adopting and leaving, in steps that a running shop hardly notices."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import Connection, Engine, exc

from activities.inventory.adoption import statements
from activities.inventory.adoption.catalogue import read_catalogue
from activities.inventory.adoption.checking import find_obstacles, read_left
from activities.inventory.adoption.leave_script import (
    HOLDS_AT_ONCE_MAX,
    holds_page_script,
    leave_script,
)
from activities.inventory.adoption.plan import Plan
from activities.inventory.adoption.script import (
    CARTS_INDEX_SCRIPT,
    KEEP_TO_BUDGET,
    apply_script,
    policy_script,
)
from activities.inventory.database.calls import ResultT
from activities.inventory.database.engine import connected, statement_engine, transaction
from activities.inventory.database.errors import LedgerError, LedgerUnavailable
from activities.inventory.sql.statements.stock import FOLLOW_LATE_WORDS

# What is switched on or off waits for the shop's transactions, and the shop's next wait behind it.
SWITCH_WAIT_MS: Final = 200
SWITCH_TRIES_MAX: Final = 150
PAGE_ROWS_MAX: Final = 250
PAGE_ROWS_MIN: Final = 10
# A page has its rows for so long at most, or the next one is smaller: the shop waits for them.
PAGE_SECONDS_MAX: Final = 0.15
PAGE_TRIES_MAX: Final = 600
DELETED_AT_ONCE_MAX: Final = 50
REST_SECONDS: Final = 0.05
# Any number, the same in every version: two who adopt take turns on it.
_TURN: Final = 4_815_162_343

Progress = Callable[[int], None]
_Standing = Literal["same", "policies", "other", ""]


class AdoptionRefused(LedgerError):
    """A plan cannot be applied or left.

    Args:
        obstacles: what stands in the way, each a sentence.
    """

    def __init__(self, obstacles: list[str]) -> None:
        self.obstacles = tuple(obstacles)
        super().__init__("\n".join(obstacles))


@dataclass(frozen=True, slots=True)
class Applied:
    """What applying a plan came to.

    Args:
        rows: that were taken in by this run; 0 where nothing was left to do.
        already: whether the same plan was applied before, and whole.
        policies: whether a plan with other policies was applied before.
    """

    rows: int
    already: bool
    policies: bool = False


def check(engine: Engine, plan: Plan) -> list[str]:
    """Return what stands in the way of applying a plan, or of one that is; nothing changes."""
    with transaction(engine) as connection:
        standing = _standing(connection, plan)
        if standing == "other":
            return [_OTHER]
        return find_obstacles(connection, plan, is_applied=bool(standing))


def planned_sql(engine: Engine, plan: Plan) -> str:
    """Return the SQL that applying a plan puts into the database.

    Raises:
        AdoptionRefused: a table or column that it names is not there.
    """
    with transaction(engine) as connection:
        catalogue = read_catalogue(connection, plan)
        with _named():
            return apply_script(plan, catalogue)


def apply(engine: Engine, plan: Plan, progress: Progress = lambda _: None) -> Applied:
    """Adopt a shop's rows beside its own work. Safe to break off, and to do again.

    Args:
        engine: of the role that owns the ledger, without limits on statements.
        plan: which.
        progress: told how many rows are in, now and then.

    Raises:
        AdoptionRefused: something stands in the way; nothing changed.
        LedgerUnavailable: the shop's own transactions left no room.
    """
    with _in_turn(engine):
        with transaction(engine) as connection:
            standing = _standing(connection, plan)
            done = standing == "same" and _is_done(connection)
        if done:
            return Applied(0, already=True)
        if standing == "other":
            raise AdoptionRefused([_OTHER])
        if not standing:
            _switch_on(engine, plan)
        if standing == "policies":
            _change_policies(engine, plan)
        return Applied(_take_in(engine, progress), False, standing == "policies")


def leave(engine: Engine, plan: Plan) -> int:
    """Take everything away that applying a plan has put there; the figures stay.

    One that was broken off is ended first, so that every row has its figures.

    Returns:
        How many units checkouts hold of what was adopted: they stay in the shop's figures.

    Raises:
        AdoptionRefused: another plan is applied, or none; or a table or column that it names is not
            there under its name.
        LedgerUnavailable: the shop's own transactions left no room.
    """
    with _in_turn(engine):
        with transaction(engine) as connection:
            standing = _standing(connection, plan)
            if standing not in {"same", "policies"}:
                raise AdoptionRefused([_OTHER if standing else "nothing is adopted"])
            done = _is_done(connection)
        if not done:
            # A row that is not in lacks what checkouts have moved, and nobody could add it later.
            _take_in(engine)
        with transaction(engine) as connection:
            held = int(connection.exec_driver_sql(statements.READ_HELD).scalar_one())
            catalogue = read_catalogue(connection, plan)
        with _named():
            page = holds_page_script(plan.holds, catalogue) if plan.holds else ""
            script = leave_script(plan, catalogue)
        if page:
            _give_up_holds(engine, page)
        _run_script(engine, script)
        return held


def _switch_on(engine: Engine, plan: Plan) -> None:
    with transaction(engine) as connection:
        if obstacles := find_obstacles(connection, plan):
            raise AdoptionRefused(obstacles)
        script = apply_script(plan, read_catalogue(connection, plan))
        begun = {"plan": plan.model_dump_json(), "left": read_left(connection, plan)}
    if plan.carts:
        # It reads all reservations, so nobody is to wait for it.
        with connected(statement_engine(engine)) as connection:
            for statement in CARTS_INDEX_SCRIPT:
                connection.exec_driver_sql(statement)
    _run_script(engine, script, statements.BEGIN_ADOPTION, begun)


def _change_policies(engine: Engine, plan: Plan) -> None:
    with transaction(engine) as connection, _named():
        script = policy_script(plan, read_catalogue(connection, plan))
    changed = {"plan": plan.model_dump_json()}
    _run_script(engine, script, statements.CHANGE_POLICIES, changed)


def _run_script(
    engine: Engine, script: str, record: str = "", values: Mapping[str, Any] | None = None
) -> None:
    """Run all of it, and what records it, in one transaction, which waits for nobody long."""

    def run(connection: Connection) -> None:
        connection.exec_driver_sql(statements.LOCK_BRIEFLY, {"milliseconds": SWITCH_WAIT_MS})
        connection.execution_options(no_parameters=True).exec_driver_sql(script)
        if record:
            connection.exec_driver_sql(record, dict(values or {}))

    _tried(engine, run, SWITCH_TRIES_MAX)


def _give_up_holds(engine: Engine, page: str) -> None:
    """Take rows of holds out of the shop's table, until so few are left that the end has time."""

    def left(connection: Connection) -> int:
        return int(connection.exec_driver_sql(statements.COUNT_HOLDS).scalar_one())

    def take_out(connection: Connection) -> int:
        connection.execution_options(no_parameters=True).exec_driver_sql(page)
        return left(connection)

    with transaction(engine) as connection:
        holds = left(connection)
    while holds > HOLDS_AT_ONCE_MAX:
        holds = _tried(engine, take_out, PAGE_TRIES_MAX)


def _take_in(engine: Engine, progress: Progress = lambda _: None) -> int:
    """Take in page after page, each in a transaction; where that fails, a smaller one."""
    rows, page_rows = 0, PAGE_ROWS_MAX

    def take_in(connection: Connection) -> int:
        nonlocal page_rows
        tried, page_rows = page_rows, max(page_rows // 2, PAGE_ROWS_MIN)
        page = _take_in_page(tried, connection)
        page_rows = tried
        return page

    while True:
        began = time.monotonic()
        page = _tried(engine, take_in, PAGE_TRIES_MAX)
        if not page:
            break
        rows += page
        progress(rows)
        page_rows = next_page_rows(page_rows, time.monotonic() - began)
    for _ in range(SWITCH_TRIES_MAX):
        while _tried(engine, _follow_deleted, PAGE_TRIES_MAX):
            pass
        if _tried(engine, _end, SWITCH_TRIES_MAX):
            return rows
        time.sleep(REST_SECONDS)
    raise LedgerUnavailable("the shop has rows that it has just changed: apply the plan again")


def _take_in_page(rows_max: int, connection: Connection) -> int:
    connection.exec_driver_sql(KEEP_TO_BUDGET)
    found = connection.exec_driver_sql(statements.ADOPT_PAGE, {"rows_max": rows_max})
    return int(found.scalar_one())


def _follow_deleted(connection: Connection) -> bool:
    """Take what was deleted before its page out of sale, some of it; say whether there is more."""
    connection.exec_driver_sql(KEEP_TO_BUDGET)
    found = connection.exec_driver_sql(
        statements.FOLLOW_FORMER_SKUS, {"rows_max": DELETED_AT_ONCE_MAX}
    )
    return bool(found.scalar_one())


def next_page_rows(rows: int, seconds: float) -> int:
    """Return how many rows the next page has, where one of so many has taken so long."""
    if seconds > PAGE_SECONDS_MAX:
        return max(rows // 2, PAGE_ROWS_MIN)
    return min(rows * 2, PAGE_ROWS_MAX) if seconds < PAGE_SECONDS_MAX / 2 else rows


def _end(connection: Connection) -> bool:
    """Say that all rows are in, where those are that were renamed before their page, or are new."""
    connection.exec_driver_sql(FOLLOW_LATE_WORDS)
    return connection.exec_driver_sql(statements.END_ADOPTION).rowcount > 0


def _tried(engine: Engine, run: Callable[[Connection], ResultT], tries_max: int) -> ResultT:
    """Run in a transaction, again where somebody of the shop was in the way."""
    for tries_left in reversed(range(tries_max)):
        try:
            with transaction(engine) as connection:
                return run(connection)
        except LedgerUnavailable:
            if not tries_left:
                raise
        # Not in step with whoever holds the lock.
        time.sleep(REST_SECONDS * (1 + random.random()))  # noqa: S311  # no secret is made of it
    raise RuntimeError("the last try raises or returns")


_OTHER: Final = "another plan is applied: `python -m worker adopt leave` it first"


def _standing(connection: Connection, plan: Plan) -> _Standing:
    """Return whether this plan is applied (`same`), with other policies, another one, or none."""
    server = connection.exec_driver_sql(statements.READ_SERVER).one()
    if not server.has_adoption:
        return ""
    found = connection.exec_driver_sql(statements.READ_ADOPTION).one()
    wanted = plan.model_dump(mode="json")
    if found.plan == wanted:
        return "same"
    return "policies" if {**found.plan, "writes": wanted["writes"]} == wanted else "other"


@contextmanager
def _named() -> Iterator[None]:
    """Say it in words where SQL is made with a name of the plan's that is not there."""
    try:
        yield
    except KeyError as error:
        raise AdoptionRefused([f"there is no table or column {error.args[0]}"]) from None


def _is_done(connection: Connection) -> bool:
    return connection.exec_driver_sql(statements.READ_ADOPTION).one().done_at is not None


@contextmanager
def _in_turn(engine: Engine) -> Iterator[None]:
    """Let no two adopt or leave at once."""
    with engine.connect() as connection:
        number = {"number": _TURN}
        try:
            if not connection.exec_driver_sql(statements.TAKE_TURNS, number).scalar_one():
                raise AdoptionRefused(["somebody else adopts or leaves just now"])
            connection.commit()
            yield
        finally:
            try:
                connection.exec_driver_sql(statements.GIVE_TURN, number)
            except exc.SQLAlchemyError:
                connection.invalidate()
