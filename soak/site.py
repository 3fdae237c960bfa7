"""Everything that a run breaks: servers, the line between them, workers, and a way to look in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, make_url
from temporalio.client import Client

from activities.inventory.database.engine import open_engine
from activities.inventory.database.migrate import upgrade_database
from activities.inventory.ledger import Ledger
from activities.inventory.records import StockRow
from holdfast_client.contract.names import DEFAULT_LOCATION
from holdfast_client.transport.connection import connected
from soak.carts import SKUS
from soak.fleet import Fleet
from soak.proxy import Proxy
from worker.embedded.stack import EmbeddedStack

WORKERS: Final = 2
GRACE_SECONDS: Final = 5
INTERVAL_SECONDS: Final = 5
_CONNECTIONS: Final = 8
_CONNECT_SECONDS_MAX: Final = 15.0
# Measured: about what is sold of a SKU in a minute of faults.
_UNITS_PER_MINUTE: Final = 20
_UNITS_MIN: Final = 15


@dataclass(frozen=True, slots=True)
class Site:
    """A running stack with everything in reach that can be broken.

    ``engine`` and ``ledger`` reach the database past the proxy, for those who look and do not buy.
    """

    stack: EmbeddedStack
    proxy: Proxy
    fleet: Fleet
    client: Client
    engine: Engine
    ledger: Ledger


@asynccontextmanager
async def open_site(data_dir: Path, units: int) -> AsyncIterator[Site]:
    """Start servers, proxy and workers, with stock in the database; stop them in order.

    Args:
        data_dir: takes all files.
        units: of each SKU at the beginning.
    """
    stack = EmbeddedStack(data_dir)
    await asyncio.to_thread(stack.start)
    try:
        url = stack.postgres.url
        await asyncio.to_thread(upgrade_database, url)
        engine = open_engine(url, connections_max=_CONNECTIONS, application_name="soak")
        ledger = Ledger(engine)
        rows = [StockRow(sku, DEFAULT_LOCATION, units) for sku in SKUS]
        await asyncio.to_thread(ledger.load_stock, rows)
        async with Proxy(make_url(url).port or 0) as proxy:
            fleet = Fleet(WORKERS, _settings(stack, proxy), data_dir)
            try:
                await fleet.start()
                client = await connected(stack.temporal.address, None, _CONNECT_SECONDS_MAX)
                yield Site(stack, proxy, fleet, client, engine, ledger)
            finally:
                await fleet.stop()
        engine.dispose()
    finally:
        await asyncio.to_thread(stack.stop)


def units_for(minutes: float) -> int:
    """Return so many units of each SKU that the last of many are sold before the end."""
    return max(_UNITS_MIN, round(minutes * _UNITS_PER_MINUTE))


def _settings(stack: EmbeddedStack, proxy: Proxy) -> dict[str, str]:
    url = make_url(stack.postgres.url).set(port=proxy.port)
    return {
        "TEMPORAL_ADDRESS": stack.temporal.address,
        "HOLDFAST_DATABASE_URL": url.render_as_string(hide_password=False),
        "HOLDFAST_RECONCILE_INTERVAL_SECONDS": str(INTERVAL_SECONDS),
        "HOLDFAST_RECONCILE_GRACE_SECONDS": str(GRACE_SECONDS),
        "HOLDFAST_STARTUP_WAIT_SECONDS": "60",
    }
