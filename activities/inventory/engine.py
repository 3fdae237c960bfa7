"""Connections to Postgres, with every wait bounded on both sides."""

from __future__ import annotations

from typing import Final

from sqlalchemy import URL, Engine, create_engine, exc, make_url

CONNECT_TIMEOUT_SECONDS: Final = 3
# How long the kernel waits for a peer that has vanished without a word.
TCP_USER_TIMEOUT_MS: Final = 5_000
KEEPALIVE_IDLE_SECONDS: Final = 5
POOL_WAIT_SECONDS: Final = 3.0
STATEMENT_TIMEOUT_MS: Final = 5_000
LOCK_TIMEOUT_MS: Final = 2_000
IDLE_IN_TRANSACTION_TIMEOUT_MS: Final = 10_000
CONNECTION_AGE_SECONDS_MAX: Final = 1_800
# Both are what Postgres' own tools take, and what hosting providers hand out.
_BACKEND_NAMES: Final = frozenset({"postgresql", "postgres"})


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
    """Return an engine whose pool holds at most so many connections.

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
    }
    return create_engine(
        database_url(url),
        isolation_level="READ COMMITTED",
        pool_size=connections_max,
        max_overflow=0,
        pool_timeout=POOL_WAIT_SECONDS,
        pool_recycle=CONNECTION_AGE_SECONDS_MAX,
        pool_use_lifo=True,
        hide_parameters=True,
        connect_args={
            "application_name": application_name,
            "connect_timeout": CONNECT_TIMEOUT_SECONDS,
            "tcp_user_timeout": TCP_USER_TIMEOUT_MS,
            "keepalives_idle": KEEPALIVE_IDLE_SECONDS,
            "keepalives_interval": 1,
            "keepalives_count": 3,
            "options": " ".join(f"-c {name}={value}" for name, value in session_settings.items()),
        },
    )
