"""Connections for coroutines to a database that a test has an engine for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import URL, Engine

from activities.inventory.database.pool import LedgerPool

CONNECTIONS_MAX = 20


@asynccontextmanager
async def opened_pool(to: Engine | URL, **limits: Any) -> AsyncIterator[LedgerPool]:
    """Open a pool for a database, or beside an engine, under the same role.

    The timeouts are longer than in production, so that a busy machine fails no test.
    """
    parsed = to if isinstance(to, URL) else to.url
    url = parsed.render_as_string(hide_password=False)
    patient = {"lock_timeout_ms": 20_000, "statement_timeout_ms": 30_000}
    pool = LedgerPool(url, **{"connections_max": CONNECTIONS_MAX, **patient, **limits})
    try:
        yield pool
    finally:
        await pool.close()
