"""All commands under their names, and how an expected failure ends one."""

from __future__ import annotations

from typing import Final, NoReturn

import typer

from activities.inventory.errors import DatabaseUnfit, LedgerError, LedgerUnavailable
from holdfast_client.cli.ending import EXIT_INTERRUPTED, end_process
from holdfast_client.cli.order_columns import NoOrders, OrderFileError
from holdfast_client.errors import InvalidRequest
from worker.commands import database, demand, item_history, overdue_holds, serving, stock
from worker.commands.exit_codes import (
    EXIT_NOTHING,
    EXIT_REFUSED,
    EXIT_UNREACHABLE,
    EXIT_USAGE,
    complain,
)
from worker.commands.item_history import NoSuchItem
from worker.composition import NotReady
from worker.embedded.errors import EmbeddedServerError
from worker.settings import SettingsInvalid
from worker.stock_file import StockFileInvalid
from worker.telemetry import MetricsUnavailable, TracingUnavailable
from worker.temporal import SearchAttributesMissing

# What may well happen, and the exit code it means; the first kind that fits counts.
_EXPECTED: Final[dict[type[Exception], int]] = {
    SettingsInvalid: EXIT_USAGE,
    NoOrders: EXIT_NOTHING,
    OrderFileError: EXIT_USAGE,
    InvalidRequest: EXIT_USAGE,
    NoSuchItem: EXIT_REFUSED,
    StockFileInvalid: EXIT_REFUSED,
    NotReady: EXIT_UNREACHABLE,
    LedgerUnavailable: EXIT_UNREACHABLE,
    DatabaseUnfit: EXIT_UNREACHABLE,
    SearchAttributesMissing: EXIT_UNREACHABLE,
    EmbeddedServerError: EXIT_UNREACHABLE,
    MetricsUnavailable: EXIT_USAGE,
    TracingUnavailable: EXIT_USAGE,
    LedgerError: EXIT_REFUSED,
}

app = typer.Typer(add_completion=False, no_args_is_help=False, pretty_exceptions_enable=False)
app.callback(invoke_without_command=True)(serving.work)
app.command()(serving.dev)
app.command()(serving.demo)
app.command()(database.migrate)
app.command()(serving.codec)
app.command()(database.health)
app.command()(database.audit)
app.command()(overdue_holds.overdue)
app.command()(item_history.history)
app.command()(demand.denied)

stock_app = typer.Typer(help="Load stock and look at it.", no_args_is_help=True)
stock_app.command()(stock.load)
stock_app.command()(stock.show)
stock_app.command()(stock.low)
app.add_typer(stock_app, name="stock")


def main() -> NoReturn:
    """Run the command line and end the process; an expected failure is one clear line."""
    end_process(_run())


def _run() -> int:
    try:
        app()
    except tuple(_EXPECTED) as error:
        return complain(str(error), _exit_code(error))
    except BrokenPipeError:
        # The reader has seen enough, and what was asked is done.
        return 0
    except OSError as error:
        return complain(f"the system refused: {error}", EXIT_UNREACHABLE)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except SystemExit as end:
        # Typer's way of ending: a usage error, or the code that a command chose.
        return end.code if isinstance(end.code, int) else 0
    return 0


def _exit_code(error: Exception) -> int:
    return next(code for kind, code in _EXPECTED.items() if isinstance(error, kind))
