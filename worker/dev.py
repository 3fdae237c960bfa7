"""Everything on one machine: embedded Postgres and Temporal, and a worker, in the foreground."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from activities.inventory.migrate import upgrade_database
from worker.composition import running_worker
from worker.embedded.errors import EmbeddedServerError
from worker.embedded.stack import EmbeddedStack
from worker.service import stop_requested
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
    data_dir: Path, *, temporal_port: int = 0, ui_port: int = 0
) -> AsyncIterator[RunningStack]:
    """Start servers and worker, and stop them in order when the block ends.

    Args:
        data_dir: all state; a later start with the same finds it again.
        temporal_port: 0 for any free one.
        ui_port: 0 for any free one.

    Raises:
        EmbeddedServerError: a server did not start; the message says why.
    """
    stack = EmbeddedStack(
        data_dir, temporal_port=temporal_port, ui_port=ui_port, announce=_announce
    )
    await asyncio.to_thread(stack.start)
    try:
        settings = load_settings(database_url=stack.postgres.url)
        worker_url = await asyncio.to_thread(_migrate, stack)
        worker_settings = load_settings(database_url=worker_url)
        async with running_worker(worker_settings, stack.temporal.address):
            yield RunningStack(stack, settings)
    finally:
        await asyncio.to_thread(stack.stop)


async def develop(data_dir: Path, temporal_port: int, ui_port: int) -> None:
    """Run the stack until SIGTERM or Ctrl-C.

    Raises:
        EmbeddedServerError: a server did not start, or ended by itself.
    """
    stop = stop_requested()
    async with running_stack(data_dir, temporal_port=temporal_port, ui_port=ui_port) as running:
        print(running.ready_line, flush=True)
        while not stop.is_set():
            _check_alive(running.stack)
            try:
                await asyncio.wait_for(stop.wait(), _WATCH_SECONDS)
            except TimeoutError:
                continue


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
