"""The commands that run until they are stopped: the worker, the embedded servers, the codec."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Final

import typer
import uvloop

from holdfast_client import __version__
from holdfast_client.contract.encrypted import KEYS_VARIABLE
from holdfast_client.contract.errors import HoldfastError
from holdfast_client.terminal import options
from holdfast_client.transport.encryption import keys_from_environment
from worker.commands.options import Port, directory_option
from worker.commands.session import read_settings
from worker.demo import demonstrate
from worker.dev import TEMPORAL_PORT_DEFAULT, UI_PORT_DEFAULT, develop
from worker.embedded.ports import LOOPBACK
from worker.logs import configure_logs
from worker.processes import PROCESSES_MAX, WorkerProcesses
from worker.runtime import metrics_addresses
from worker.service import serve
from worker.settings import SettingsInvalid

CODEC_PORT_DEFAULT: Final = 8234
UI_ORIGIN_DEFAULT: Final = f"http://localhost:{UI_PORT_DEFAULT}"
_STOP_MARGIN_SECONDS: Final = 15.0


def work(
    context: typer.Context,
    processes: Annotated[
        int, options.whole_number("How many worker processes,", 1, PROCESSES_MAX)
    ] = 1,
    version: Annotated[bool, options.version(__version__)] = False,  # noqa: ARG001 its callback answers
) -> None:
    """Run a worker until SIGTERM or Ctrl-C, or one of the commands below.

    Exit code: 0 done, 1 refused, unhealthy or a breach found, 2 wrong usage or settings,
    3 a server cannot be reached or started, 4 nothing to do.
    """
    if context.invoked_subcommand is not None:
        return
    settings = read_settings()
    if processes > 1:
        stop_seconds = settings.shutdown_grace_seconds + _STOP_MARGIN_SECONDS
        addresses = metrics_addresses(settings.metrics_address, processes)
        raise typer.Exit(WorkerProcesses(addresses, stop_seconds).run())
    raise typer.Exit(uvloop.run(serve(settings)))


def dev(
    data_dir: Annotated[Path, directory_option("Where all state is kept.")] = Path(".holdfast"),
    temporal_port: Port = TEMPORAL_PORT_DEFAULT,
    ui_port: Port = UI_PORT_DEFAULT,
    database_port: Annotated[
        int, options.whole_number("0 takes that of the last start, at first any;", 0, 65_535)
    ] = 0,
) -> None:
    """Run embedded Postgres, Temporal with its Web UI, and a worker, until Ctrl-C."""
    configure_logs("warning", "text")
    raise typer.Exit(
        uvloop.run(
            develop(
                data_dir, temporal_port=temporal_port, ui_port=ui_port, database_port=database_port
            )
        )
    )


def demo(
    orders: Annotated[
        Path | None,
        options.text("An order file to replay instead of the demo's shoppers.", "FILE"),
    ] = None,
) -> None:
    """Show the whole of it at work on servers of its own, and prove the invariants."""
    configure_logs("error", "text")
    raise typer.Exit(uvloop.run(demonstrate(orders)))


def codec(
    port: Port = CODEC_PORT_DEFAULT,
    host: Annotated[str, options.text("The address to listen on.", "HOST")] = LOOPBACK,
    ui_origin: Annotated[
        list[str] | None,
        options.text(
            f"Where the Web UI is, as browsers address it; {UI_ORIGIN_DEFAULT} if left out.", "URL"
        ),
    ] = None,
) -> None:
    """Let Temporal's Web UI show what is stored encrypted, until Ctrl-C."""
    # Only now: no other command needs an HTTP server.
    from worker.codec import serve_codec  # noqa: PLC0415  # no other command serves

    configure_logs("warning", "text")
    try:
        keys = keys_from_environment()
    except HoldfastError as error:
        raise SettingsInvalid(str(error)) from None
    if not keys:
        raise SettingsInvalid(f"{KEYS_VARIABLE} is not set")
    asyncio.run(serve_codec(keys, host, port, ui_origin or [UI_ORIGIN_DEFAULT]))
