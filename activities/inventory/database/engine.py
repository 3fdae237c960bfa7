"""The pool of connections to Postgres: how many there are, and when one is given up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, exc
from sqlalchemy.engine import ExceptionContext

from activities.inventory.database.connecting import Connector, LedgerConnection
from activities.inventory.database.errors import (
    connection_is_lost,
    ended_by_its_time,
    ledger_error,
)
from activities.inventory.database.session import (
    LOCK_TIMEOUT_MS,
    STATEMENT_TIMEOUT_MS,
    session_settings,
)
from activities.inventory.database.urls import database_url
from activities.inventory.sql.statements import databases as statements

POOL_WAIT_SECONDS: Final = 3.0
CONNECTION_AGE_SECONDS_MAX: Final = 1_800
# Connections are made for single statements, because what is done most is one; to begin and commit
# around it, or to switch a connection over for it, would cost as much again as the statement.
_STATEMENT_ENGINE: Final = "holdfast_statement_engine"
_SESSION_SETTINGS: Final = "holdfast_session_settings"
_LONG_WORK: Final = "holdfast_long_work"


def open_engine(
    url: str,
    *,
    connections_max: int,
    statement_timeout_ms: int = STATEMENT_TIMEOUT_MS,
    lock_timeout_ms: int = LOCK_TIMEOUT_MS,
    application_name: str = "holdfast",
    for_long_work: bool = False,
) -> Engine:
    """Return an engine for transactions, whose pool holds at most so many connections.

    A connection that can no longer do its work leaves the pool at the first sign, and all that
    were made before it with it. See also :func:`statement_engine`.

    Args:
        url: a Postgres URL.
        connections_max: 1 or more; as many as there are callers at once, so none waits for one.
        statement_timeout_ms: the server ends a statement that runs longer; 0 for no limit.
        lock_timeout_ms: the server ends a statement that waits longer for one lock; 0 for none.
        application_name: how the connections show in ``pg_stat_activity``.
        for_long_work: behind a pooler, whose sessions have the limits of daily work, each
            transaction is given those named here. Always so without a limit on statements.

    Raises:
        ValueError: it is no Postgres URL.
    """
    for_long_work = for_long_work or not statement_timeout_ms
    settings = session_settings(statement_timeout_ms, lock_timeout_ms)
    engine = create_engine(
        database_url(url),
        isolation_level="AUTOCOMMIT",
        pool_size=connections_max,
        max_overflow=0,
        pool_timeout=POOL_WAIT_SECONDS,
        pool_recycle=CONNECTION_AGE_SECONDS_MAX,
        pool_use_lifo=True,
        hide_parameters=True,
        connect_args=_own_words(application_name),
    )
    event.listen(engine, "do_connect", partial(_connect, Connector(settings, statement_timeout_ms)))
    event.listen(engine, "handle_error", _give_up_lost)
    if for_long_work:
        event.listen(engine, "begin", partial(_set_limits, settings))
    engine = engine.execution_options(**{_SESSION_SETTINGS: settings, _LONG_WORK: for_long_work})
    return engine.execution_options(isolation_level="READ COMMITTED", **{_STATEMENT_ENGINE: engine})


def connection_words(url: str, application_name: str) -> dict[str, Any]:
    """Return what libpq is to be told for a connection.

    Raises:
        ValueError: it is no Postgres URL.
    """
    parsed = database_url(url)
    _, words = parsed.get_dialect()().create_connect_args(parsed)
    return {**words, **_own_words(application_name)}


def _own_words(application_name: str) -> dict[str, str]:
    return {
        "application_name": application_name,
        # Whatever the database's own is: text of SQL_ASCII would come as bytes, and not even the
        # server's version could be read, and so nobody told what is wrong.
        "client_encoding": "utf8",
    }


def statement_engine(engine: Engine) -> Engine:
    """Return the engine on which each statement is a transaction of its own.

    It has the same connections. Events are to be listened for on this one: they are told of both.

    Args:
        engine: of :func:`open_engine`, or one that this has returned.
    """
    found: Engine = engine.get_execution_options().get(_STATEMENT_ENGINE, engine)
    return found


def is_for_long_work(engine: Engine) -> bool:
    """Return whether an engine of :func:`open_engine` has limits of its own, or none.

    Behind a pooler limits are lifted for each transaction, so all of it is to be made in one.
    """
    return bool(engine.get_execution_options()[_LONG_WORK])


def lift_limits(connection: Connection) -> None:
    """Give the transaction that has just begun the limits of its engine, if it is for long work."""
    if is_for_long_work(connection.engine):
        _set_limits(wanted_settings(connection.engine), connection)


def wanted_settings(engine: Engine) -> dict[str, str]:
    """Return the settings that the sessions of an engine of :func:`open_engine` are to have."""
    found: dict[str, str] = engine.get_execution_options()[_SESSION_SETTINGS]
    return found


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """Open a transaction.

    Raises:
        LedgerError: what an error of the database's means to the ledger.
    """
    with _told_as_ledger_errors(), engine.begin() as connection:
        yield connection


@contextmanager
def connected(engine: Engine) -> Iterator[Connection]:
    """Open a connection on which each statement is a transaction of its own.

    Args:
        engine: a :func:`statement_engine`.

    Raises:
        LedgerError: as :func:`transaction` does.
    """
    with _told_as_ledger_errors(), engine.connect() as connection:
        yield connection


@contextmanager
def _told_as_ledger_errors() -> Iterator[None]:
    try:
        yield
    except exc.SQLAlchemyError as error:
        meaning = ledger_error(error)
        if meaning is None:
            raise
        raise meaning from None


def _connect(
    connector: Connector, _dialect: Any, _record: Any, _words: Any, parameters: Any
) -> LedgerConnection:
    return connector.connect(**parameters)


def _give_up_lost(context: ExceptionContext) -> None:
    """Take a lost connection for one that has ended: it leaves the pool, with all its elders."""
    if context.connection is not None and connection_is_lost(context.original_exception):
        context.is_disconnect = True
    if ended_by_its_time(context.original_exception):
        context.invalidate_pool_on_disconnect = False


def _set_limits(settings: dict[str, str], connection: Connection) -> None:
    """Give a transaction its own limits where a pooler's session has those of daily work."""
    if getattr(connection.connection.dbapi_connection, "is_pooled", False):
        limits = {"names": list(settings), "settings": list(settings.values())}
        connection.exec_driver_sql(statements.SET_LOCALLY, limits)
