"""Faults of the servers, the line and the workers. Each strikes, waits, and mends what it broke."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Final

import psutil
import psycopg

from soak.carts import HOLD_SECONDS_MAX, SKUS
from soak.site import WORKERS, Site

Strike = Callable[[Site, random.Random], Awaitable[None]]

_LOCKED_ITEMS_MAX: Final = 3
_LOCK_STOCK: Final = "SELECT 1 FROM holdfast.stock_items WHERE sku = ANY(%s) FOR UPDATE"


async def kill_a_worker(site: Site, chance: random.Random) -> None:
    """SIGKILL one worker, and start another a little later."""
    site.fleet.kill(chance, 1)
    await asyncio.sleep(chance.uniform(0, 2))
    await site.fleet.start()


async def kill_all_workers(site: Site, chance: random.Random) -> None:
    """SIGKILL all workers, and start others when the holds of before are over."""
    site.fleet.kill(chance, WORKERS)
    await asyncio.sleep(chance.uniform(HOLD_SECONDS_MAX / 2, HOLD_SECONDS_MAX + 1))
    await site.fleet.start()


async def restart_workers_in_turn(site: Site, _: random.Random) -> None:
    """Replace the workers as an upgrade does."""
    await site.fleet.roll()


async def crash_postgres(site: Site, chance: random.Random) -> None:
    """Stop Postgres where it stands, and let it recover a little later."""
    await asyncio.to_thread(site.stack.postgres.stop, "immediate")
    await asyncio.sleep(chance.uniform(0, 4))
    await asyncio.to_thread(site.stack.postgres.start)


async def freeze_postgres(site: Site, chance: random.Random) -> None:
    """Stop the clocks of all of Postgres' processes: it takes connections and says nothing."""
    pid = site.stack.postgres.pid
    assert pid is not None
    frozen: list[psutil.Process] = []
    try:
        _freeze(psutil.Process(pid), frozen)
        await asyncio.sleep(chance.uniform(2, 8))
    finally:
        for process in frozen:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)


def _freeze(postmaster: psutil.Process, frozen: list[psutil.Process]) -> None:
    # The postmaster first, so that no process comes after the list was made.
    postmaster.send_signal(signal.SIGSTOP)
    frozen.append(postmaster)
    for process in postmaster.children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGSTOP)
            frozen.append(process)


async def blackhole_postgres(site: Site, chance: random.Random) -> None:
    """Let the line swallow everything; then either all goes on, or the connections are reset."""
    site.proxy.blackhole()
    await asyncio.sleep(chance.uniform(3, 12))
    if chance.random() < 0.5:  # either way
        site.proxy.cut()
    site.proxy.forward()


async def refuse_postgres(site: Site, chance: random.Random) -> None:
    """Cut all connections, and each new one at once."""
    site.proxy.refuse()
    await asyncio.sleep(chance.uniform(1, 5))
    site.proxy.forward()


async def slow_postgres(site: Site, chance: random.Random) -> None:
    """Let everything between the workers and Postgres take its time."""
    site.proxy.delay(chance.uniform(0.02, 0.15))
    await asyncio.sleep(chance.uniform(4, 8))
    site.proxy.forward()


async def kill_temporal(site: Site, chance: random.Random) -> None:
    """SIGKILL Temporal, and start it again on the same state."""
    await asyncio.to_thread(site.stack.temporal.kill)
    await asyncio.sleep(chance.uniform(0, 3))
    await asyncio.to_thread(site.stack.temporal.start)


async def lock_stock(site: Site, chance: random.Random) -> None:
    """Be a stranger who locks some stock items and takes his time."""
    skus = chance.sample(SKUS, chance.randint(1, _LOCKED_ITEMS_MAX))
    seconds = chance.uniform(0.5, 4)
    connection = await psycopg.AsyncConnection.connect(site.stack.postgres.url)
    # Postgres may be stopped under the stranger, which is the end of the lock as well.
    with suppress(psycopg.OperationalError):
        async with connection:
            await connection.execute(_LOCK_STOCK, [skus])
            await asyncio.sleep(seconds)


SERVER_FAULTS: Final[Mapping[str, Strike]] = {
    "a worker killed": kill_a_worker,
    "all workers killed": kill_all_workers,
    "workers restarted in turn": restart_workers_in_turn,
    "Postgres crashed": crash_postgres,
    "Postgres frozen": freeze_postgres,
    "Postgres blackholed": blackhole_postgres,
    "Postgres refused": refuse_postgres,
    "Postgres slow": slow_postgres,
    "Temporal killed": kill_temporal,
}
