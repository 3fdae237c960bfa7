"""Everything on one machine: embedded Postgres and Temporal, and a worker, in the foreground."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from activities.inventory.database.migrate import upgrade_database
from worker.composition import running_worker
from worker.embedded.errors import EmbeddedServerError, PortInUse
from worker.embedded.ports import LOOPBACK
from worker.embedded.stack import EmbeddedStack
from worker.service import Stop, run_until_stopped
from worker.settings import Settings, load_settings

TEMPORAL_PORT_DEFAULT: Final = 7233
UI_PORT_DEFAULT: Final = 8233
WORKER_ROLE: Final = "holdfast_worker"
_WATCH_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class RunningStack:
    """Where everything is, once it is up.

    The settings, and with them the ready line, are those of an operator, who may load stock,
    migrate and look around. The worker has a role of its own, which may do its work only.
    """

    stack: EmbeddedStack
    settings: Settings

    @property
    def temporal_address(self) -> str:
        return self.stack.temporal.address

    @property
    def ui_url(self) -> str:
        return self.stack.temporal.ui_url or ""

    @property
    def ready_line(self) -> str:
        return (
            f"ready temporal={self.temporal_address} ui={self.ui_url} "
            f"database={self.settings.database}"
        )


@asynccontextmanager
async def running_stack(
    data_dir: Path, *, temporal_port: int = 0, ui_port: int = 0, database_port: int = 0
) -> AsyncIterator[RunningStack]:
    """Start servers and worker, and stop them in order when the block ends.

    Cancelled while they start, it gives them up at once; the next start finds nothing half made.

    Args:
        data_dir: all state; a later start with the same finds it again.
        temporal_port: 0 for any free one.
        ui_port: 0 for any free one.
        database_port: 0 for that of the last start in this directory, at first any free one.

    Raises:
        EmbeddedServerError: a server did not start; the message says why.
    """
    stack = EmbeddedStack(
        data_dir,
        postgres_port=database_port,
        temporal_port=temporal_port,
        ui_port=ui_port,
        announce=_announce,
    )
    try:
        await _start(stack)
        settings = load_settings(database_url=stack.postgres.url)
        worker_url = await asyncio.to_thread(_migrate, stack)
        worker_settings = load_settings(database_url=worker_url)
        async with running_worker(worker_settings, stack.temporal.address):
            yield RunningStack(stack, settings)
    finally:
        await asyncio.to_thread(stack.stop)


async def develop(
    data_dir: Path, *, temporal_port: int, ui_port: int, database_port: int = 0
) -> int:
    """Run the stack until SIGTERM or Ctrl-C.

    Returns:
        The exit code: 0, or 130 where Ctrl-C came before all was up.

    Raises:
        EmbeddedServerError: a server did not start, or ended by itself.
    """

    async def work(stop: Stop, ready: asyncio.Event) -> int:
        async with running_stack(
            data_dir, temporal_port=temporal_port, ui_port=ui_port, database_port=database_port
        ) as running:
            ready.set()
            print(running.ready_line, flush=True)
            await _watch(running.stack, stop)
        return 0

    try:
        return await run_until_stopped(work)
    except PortInUse as error:
        asked = {temporal_port: "TEMPORAL", ui_port: "UI", database_port: "DATABASE"}
        raise _with_remedy(error, asked.get(error.port)) from error


async def _start(stack: EmbeddedStack) -> None:
    starting = asyncio.create_task(asyncio.to_thread(stack.start))
    try:
        await asyncio.shield(starting)
    except asyncio.CancelledError:
        # The thread cannot be cancelled: told to give up, it ends by itself, soon.
        stack.give_up()
        await asyncio.wait({starting})
        starting.exception()
        raise


async def _watch(stack: EmbeddedStack, stop: Stop) -> None:
    while not stop.is_set():
        _check_alive(stack)
        try:
            await asyncio.wait_for(stop.wait(), _WATCH_SECONDS)
        except TimeoutError:
            continue


def _with_remedy(error: PortInUse, option: str | None) -> EmbeddedServerError:
    if option is None:
        return error
    return EmbeddedServerError(
        f"Port {error.port} on {LOOPBACK} is in use. Stop what listens there, or take any free "
        f"port: make dev {option}_PORT=0, or --{option.lower()}-port 0 of python -m worker dev."
    )


def _migrate(stack: EmbeddedStack) -> str:
    """Bring the database up and return the URL for its worker."""
    worker_url = stack.postgres.login_url(WORKER_ROLE)
    upgrade_database(stack.postgres.url, worker_role=WORKER_ROLE)
    return worker_url


def _check_alive(stack: EmbeddedStack) -> None:
    for name, pid in (("Postgres", stack.postgres.pid), ("Temporal", stack.temporal.pid)):
        if pid is None:
            raise EmbeddedServerError(f"{name} ended by itself; its log is in the data directory")


def _announce(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
