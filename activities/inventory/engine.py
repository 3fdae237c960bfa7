"""Connections to Postgres, with every wait bounded on both sides."""

from __future__ import annotations

from typing import Any, Final, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus
from sqlalchemy import URL, Engine, create_engine, event, exc, make_url

CONNECT_TIMEOUT_SECONDS: Final = 3
# How long the kernel waits for a peer that has vanished without a word.
TCP_USER_TIMEOUT_MS: Final = 5_000
KEEPALIVE_IDLE_SECONDS: Final = 5
POOL_WAIT_SECONDS: Final = 3.0
STATEMENT_TIMEOUT_MS: Final = 5_000
LOCK_TIMEOUT_MS: Final = 2_000
IDLE_IN_TRANSACTION_TIMEOUT_MS: Final = 10_000
# How much later than the server's own bound on a statement its answer may arrive.
ANSWER_SLACK_SECONDS: Final = 2.0
CONNECTION_AGE_SECONDS_MAX: Final = 1_800
# A statement's plan is made once for each connection and kept. One that was made while a table was
# small would go on to read it whole when it has grown, so daily work is told to go by the indexes:
# it looks rows up by key, some hundreds at most. And it is told to keep its plans: Postgres takes
# an array that it has not seen for one of ten entries, and would rather plan anew at every call.
DAILY_PLANS: Final = {
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "plan_cache_mode": "force_generic_plan",
    # Up to Postgres 17 a way that is switched off is one of a monstrous cost, and where no other is
    # left, compiling the plan seems worth its while: seconds, for what takes a millisecond.
    "jit": "off",
}
# Connections are made for single statements, because what is done most is one; to begin and commit
# around it, or to switch a connection over for it, would cost as much again as the statement.
_STATEMENT_ENGINE: Final = "holdfast_statement_engine"
# Both are what Postgres' own tools take, and what hosting providers hand out.
_BACKEND_NAMES: Final = frozenset({"postgresql", "postgres"})

ResultT = TypeVar("ResultT")


def database_url(url: str) -> URL:
    """Return the URL with the driver that Holdfast uses.

    Raises:
        ValueError: it is no Postgres URL.
    """
    try:
        parsed = make_url(url)
    except (exc.ArgumentError, ValueError):
        # The message of the original would repeat the URL, and with it a password.
        raise ValueError("is not a database URL (postgresql://user:password@host/db)") from None
    if parsed.get_backend_name() not in _BACKEND_NAMES:
        raise ValueError("is not a Postgres URL (postgresql://user:password@host/database)")
    return parsed.set(drivername="postgresql+psycopg")


def open_engine(
    url: str,
    *,
    connections_max: int,
    statement_timeout_ms: int = STATEMENT_TIMEOUT_MS,
    lock_timeout_ms: int = LOCK_TIMEOUT_MS,
    application_name: str = "holdfast",
) -> Engine:
    """Return an engine for transactions, whose pool holds at most so many connections.

    See also :func:`statement_engine`.

    Args:
        url: a Postgres URL.
        connections_max: 1 or more; as many as there are callers at once, so none waits for one.
        statement_timeout_ms: the server ends a statement that runs longer; 0 for no limit.
        lock_timeout_ms: the server ends a statement that waits longer for one lock; 0 for none.
        application_name: how the connections show in ``pg_stat_activity``.

    Raises:
        ValueError: it is no Postgres URL.
    """
    session_settings = {
        "statement_timeout": statement_timeout_ms,
        "lock_timeout": lock_timeout_ms,
        "idle_in_transaction_session_timeout": IDLE_IN_TRANSACTION_TIMEOUT_MS,
        "timezone": "UTC",
        # A single statement names no isolation, so the database's own default would count. What
        # decides must be read after the wait for its lock, not before.
        "default_transaction_isolation": r"read\ committed",
        **DAILY_PLANS,
    }
    engine = create_engine(
        database_url(url),
        isolation_level="AUTOCOMMIT",
        pool_size=connections_max,
        max_overflow=0,
        pool_timeout=POOL_WAIT_SECONDS,
        pool_recycle=CONNECTION_AGE_SECONDS_MAX,
        pool_use_lifo=True,
        hide_parameters=True,
        connect_args={
            "application_name": application_name,
            # Whatever the database's own is: text of SQL_ASCII would come as bytes, and not even
            # the server's version could be read, and so nobody told what is wrong.
            "client_encoding": "utf8",
            "connect_timeout": CONNECT_TIMEOUT_SECONDS,
            "tcp_user_timeout": TCP_USER_TIMEOUT_MS,
            "keepalives_idle": KEEPALIVE_IDLE_SECONDS,
            "keepalives_interval": 1,
            "keepalives_count": 3,
            "options": " ".join(f"-c {name}={value}" for name, value in session_settings.items()),
        },
    )
    if statement_timeout_ms:
        _bound_answers(engine, statement_timeout_ms / 1_000 + ANSWER_SLACK_SECONDS)
    return engine.execution_options(isolation_level="READ COMMITTED", **{_STATEMENT_ENGINE: engine})


def statement_engine(engine: Engine) -> Engine:
    """Return the engine on which each statement is a transaction of its own.

    It has the same connections. Events are to be listened for on this one: they are told of both.

    Args:
        engine: of :func:`open_engine`.
    """
    found: Engine = engine.get_execution_options()[_STATEMENT_ENGINE]
    return found


class _BoundedConnection(psycopg.Connection[Any]):
    """A connection that waits for an answer no longer than ``answer_seconds_max``.

    The server's bounds are of no use when nothing arrives from it, and the kernel's when somebody
    in between, such as a proxy whose other side is dead, keeps the connection alive. Without this
    a silent line would keep its thread, and its place in the pool, for ever.
    """

    answer_seconds_max = STATEMENT_TIMEOUT_MS / 1_000 + ANSWER_SLACK_SECONDS

    def wait(
        self, gen: PQGen[ResultT], interval: float = 0.1, timeout: float | None = None
    ) -> ResultT:
        bound = self.answer_seconds_max if timeout is None else timeout
        try:
            return super().wait(gen, interval, bound)
        except psycopg.OperationalError:
            # Still waiting for an answer: what came next on this line could be anything.
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self.pgconn.finish()
            raise


def _bound_answers(engine: Engine, answer_seconds_max: float) -> None:
    def connect(_dialect: Any, _record: Any, words: Any, options: Any) -> _BoundedConnection:
        connection = _BoundedConnection.connect(*words, **options)
        connection.answer_seconds_max = answer_seconds_max
        return connection

    event.listen(engine, "do_connect", connect)
