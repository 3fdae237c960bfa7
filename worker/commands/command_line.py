"""All commands under their names, and how an expected failure ends one."""

from __future__ import annotations

import sys
from typing import Final, NoReturn

import structlog

from activities.inventory.adoption.plan import PlanInvalid
from activities.inventory.database.errors import DatabaseUnfit, LedgerError, LedgerUnavailable
from holdfast_client.cli.orders.columns import NoOrders, OrderFileError
from holdfast_client.contract.errors import InvalidRequest
from holdfast_client.terminal import command_line
from holdfast_client.terminal.command_line import Commands, Failure, Program
from holdfast_client.terminal.ending import end_process
from holdfast_client.terminal.exit_codes import ExitCode
from worker.commands import (
    adopt,
    database,
    demand,
    item,
    item_history,
    overdue_holds,
    serving,
    stock,
    stock_load,
)
from worker.commands.item import KeptByShop
from worker.commands.item_history import NoSuchItem
from worker.composition import NotReady
from worker.embedded.errors import EmbeddedServerError
from worker.emptied_ledger import LedgerEmptied
from worker.logs import logs_are_for_machines
from worker.runtime import MetricsUnavailable, TracingUnavailable
from worker.settings import SettingsInvalid
from worker.stock_file import StockFileInvalid, StockFileUnreadable
from worker.temporal import SearchAttributesMissing

# What may well happen, and the exit code it means; the first kind that fits counts.
_EXPECTED: Final[dict[type[Exception], ExitCode]] = {
    SettingsInvalid: ExitCode.USAGE,
    NoOrders: ExitCode.NOTHING,
    OrderFileError: ExitCode.USAGE,
    InvalidRequest: ExitCode.USAGE,
    NoSuchItem: ExitCode.REFUSED,
    KeptByShop: ExitCode.REFUSED,
    StockFileUnreadable: ExitCode.USAGE,
    StockFileInvalid: ExitCode.REFUSED,
    PlanInvalid: ExitCode.USAGE,
    NotReady: ExitCode.UNKNOWN,
    LedgerEmptied: ExitCode.UNKNOWN,
    LedgerUnavailable: ExitCode.UNKNOWN,
    DatabaseUnfit: ExitCode.UNKNOWN,
    SearchAttributesMissing: ExitCode.UNKNOWN,
    EmbeddedServerError: ExitCode.UNKNOWN,
    MetricsUnavailable: ExitCode.USAGE,
    TracingUnavailable: ExitCode.USAGE,
    LedgerError: ExitCode.REFUSED,
}

app = Commands(help=serving.work.__doc__ or "", add_completion=False)
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

stock_app = Commands(help="Load stock and look at it.", no_args_is_help=True)
stock_app.command()(stock_load.load)
stock_app.command()(stock.show)
stock_app.command()(stock.low)
app.add_typer(stock_app, name="stock")

item_app = Commands(help="Say what a stock item is.", no_args_is_help=True)
# Without one, typer would take the only command for the group itself.
item_app.callback()(lambda: None)
item_app.command("set")(item.set_item)
app.add_typer(item_app, name="item")

adopt_app = Commands(help="Adopt a shop's own tables, and leave them.", no_args_is_help=True)
adopt_app.command()(adopt.check)
adopt_app.command()(adopt.plan)
adopt_app.command()(adopt.apply)
adopt_app.command()(adopt.status)
adopt_app.command()(adopt.drain)
adopt_app.command()(adopt.leave)
app.add_typer(adopt_app, name="adopt")


def main() -> NoReturn:
    """Run the command line and end the process; an expected failure is one clear line."""
    end_process(command_line.run(_PROGRAM, sys.argv[1:]))


def _expected(error: Exception) -> Failure | None:
    code = next((code for kind, code in _EXPECTED.items() if isinstance(error, kind)), None)
    return None if code is None else Failure(code, str(error))


def _log_fault(error: Exception) -> None:
    """Log where a fault happened, where logs are for machines: a container loses its files."""
    if logs_are_for_machines():
        structlog.get_logger(__name__).critical("fault", exc_info=error)


# A shell cannot complete the words after `python -m`.
_PROGRAM: Final = Program("python -m worker", app, _expected, _log_fault, prefix="")
