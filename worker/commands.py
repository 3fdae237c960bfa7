"""The operators' command line, ``python -m worker``.

Exit codes: 0 done, 1 refused or unhealthy or a breach found, 2 wrong usage or settings,
3 a server cannot be reached.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Final, NoReturn

import typer
import uvloop

from activities.inventory.errors import LedgerError, LedgerUnavailable, StockLoadRefused
from activities.inventory.ledger import (
    DENIED_ROWS_MAX,
    LOW_STOCK_THRESHOLD_DEFAULT,
    PAGE_SIZE_MAX,
    Ledger,
)
from activities.inventory.migrate import upgrade_database
from activities.inventory.records import Availability, DeniedPeriod, HistoryPeriod
from holdfast_client.cli.ending import end_process
from holdfast_client.cli.order_columns import OrderFileError
from holdfast_client.encryption import KEYS_VARIABLE, keys_from_environment
from holdfast_client.errors import HoldfastError, InvalidRequest
from worker import reports, tables
from worker.composition import NotReady, open_inventory
from worker.demo import demonstrate
from worker.dev import TEMPORAL_PORT_DEFAULT, UI_PORT_DEFAULT, develop
from worker.embedded.errors import EmbeddedServerError
from worker.embedded.ports import LOOPBACK
from worker.health import find_ailments
from worker.logs import configure_logs
from worker.moments import days_before, end_of, first_moment, parse_day, parse_moment
from worker.processes import PROCESSES_MAX, WorkerProcesses
from worker.service import serve
from worker.settings import Settings, SettingsInvalid, load_settings
from worker.stock_file import StockFileInvalid, read_stock_file
from worker.telemetry import MetricsUnavailable, TracingUnavailable, metrics_addresses
from worker.temporal import SearchAttributesMissing

EXIT_REFUSED: Final = 1
EXIT_USAGE: Final = 2
EXIT_UNREACHABLE: Final = 3
EXIT_INTERRUPTED: Final = 130
CODEC_PORT_DEFAULT: Final = 8234
UI_ORIGIN_DEFAULT: Final = f"http://localhost:{UI_PORT_DEFAULT}"
STOCK_SHOWN_MAX: Final = 50_000
HISTORY_LIMIT_DEFAULT: Final = 100
DENIED_LIMIT_DEFAULT: Final = 1_000
DENIED_DAYS_DEFAULT: Final = 30
LOCATIONS_NAMED_MAX: Final = 20
_STOP_MARGIN_SECONDS: Final = 15.0


class NoSuchItem(Exception):
    """The SKU is not known, or not at one place; the message says what is."""


# What may well happen, and the exit code it means; the first kind that fits counts.
_EXPECTED: Final[dict[type[Exception], int]] = {
    SettingsInvalid: EXIT_USAGE,
    OrderFileError: EXIT_USAGE,
    InvalidRequest: EXIT_USAGE,
    NoSuchItem: EXIT_REFUSED,
    StockFileInvalid: EXIT_REFUSED,
    NotReady: EXIT_UNREACHABLE,
    LedgerUnavailable: EXIT_UNREACHABLE,
    SearchAttributesMissing: EXIT_UNREACHABLE,
    EmbeddedServerError: EXIT_UNREACHABLE,
    MetricsUnavailable: EXIT_USAGE,
    TracingUnavailable: EXIT_USAGE,
    LedgerError: EXIT_REFUSED,
}

Port = Annotated[int, typer.Option(min=0, max=65_535, help="0 takes any free port.")]

MomentOption = Annotated[
    str | None, typer.Option(help="Only movements of this time.", metavar="TIME")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]

app = typer.Typer(add_completion=False, no_args_is_help=False, pretty_exceptions_enable=False)
stock_app = typer.Typer(help="Load stock and look at it.", no_args_is_help=True)
app.add_typer(stock_app, name="stock")


@app.callback(invoke_without_command=True)
def work(
    context: typer.Context,
    processes: Annotated[
        int, typer.Option(min=1, max=PROCESSES_MAX, help="How many worker processes.")
    ] = 1,
) -> None:
    """Run a worker until SIGTERM or Ctrl-C, or one of the commands below."""
    if context.invoked_subcommand is not None:
        return
    settings = _settings()
    if processes > 1:
        stop_seconds = settings.shutdown_grace_seconds + _STOP_MARGIN_SECONDS
        addresses = metrics_addresses(settings.metrics_address, processes)
        raise typer.Exit(WorkerProcesses(addresses, stop_seconds).run())
    uvloop.run(serve(settings))


@app.command()
def dev(
    data_dir: Annotated[Path, typer.Option(help="Where all state is kept.")] = Path(".holdfast"),
    temporal_port: Port = TEMPORAL_PORT_DEFAULT,
    ui_port: Port = UI_PORT_DEFAULT,
) -> None:
    """Run embedded Postgres, Temporal with its Web UI, and a worker, until Ctrl-C."""
    configure_logs("warning", "text")
    uvloop.run(develop(data_dir, temporal_port, ui_port))


@app.command()
def demo(
    orders: Annotated[
        Path | None, typer.Option(help="An order file to replay instead of the demo's shoppers.")
    ] = None,
) -> None:
    """Show the whole of it at work on servers of its own, and prove the invariants."""
    configure_logs("error", "text")
    raise typer.Exit(uvloop.run(demonstrate(orders)))


@app.command()
def migrate() -> None:
    """Bring the database to the schema of this version, and grant the workers' role its rights."""
    settings = _settings()
    before, after = upgrade_database(settings.database, worker_role=settings.worker_role)
    print(f"schema {after} (nothing to do)" if before == after else f"schema {before} -> {after}")
    if settings.worker_role:
        print(f"role {settings.worker_role} may do a worker's work")


@app.command()
def codec(
    port: Port = CODEC_PORT_DEFAULT,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = LOOPBACK,
    ui_origin: Annotated[
        list[str] | None,
        typer.Option(help=f"Where the Web UI is, as browsers address it. [{UI_ORIGIN_DEFAULT}]"),
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


@app.command()
def health() -> None:
    """Exit with 0 if the database and Temporal answer, else with 1 and the reason."""
    try:
        ailments = asyncio.run(find_ailments(_settings()))
    except SettingsInvalid as error:
        ailments = [str(error)]
    if ailments:
        raise typer.Exit(_complain("\n".join(ailments), EXIT_REFUSED))
    print("healthy: the database and Temporal answer")


@app.command()
def audit() -> None:
    """Check invariants I1 to I4 and print each breach."""
    with _ledger(statement_timeout_ms=0) as ledger:
        breaches = ledger.audit(lambda invariant: print(f"checking {invariant}", file=sys.stderr))
    for breach in breaches:
        print(breach)
    if breaches:
        raise typer.Exit(_complain(f"{len(breaches):,} breaches", EXIT_REFUSED))
    print("I1, I2, I3 and I4 hold")


@app.command()
def overdue(
    older_than: Annotated[
        float, typer.Option(min=0, help="Only holds overdue by more than so many seconds.")
    ] = 0.0,
) -> None:
    """List holds that are past their deadline and that nothing has ended yet."""
    with _ledger() as ledger:
        tables.show_overdue(ledger.overdue(older_than))


@stock_app.command("load")
def load(file: Annotated[Path, typer.Argument(help="CSV: sku,quantity[,location,name]")]) -> None:
    """Set the totals of stock items from a file, all rows or none."""
    sheet = read_stock_file(file)
    with _ledger(statement_timeout_ms=0) as ledger:
        try:
            result = ledger.load_stock(sheet.rows)
        except StockLoadRefused as error:
            raise StockFileInvalid(
                [
                    f"line {sheet.lines[index]}: {wanted:,} is below the {reserved:,} reserved"
                    for index, wanted, reserved in error.rows
                ]
            ) from error
    print(
        f"{len(sheet.rows):,} rows: {result.created:,} new, {result.changed:,} changed, "
        f"{result.unchanged:,} as they were"
    )


@stock_app.command("show")
def show(
    skus: Annotated[list[str] | None, typer.Argument(help="All in stock if left out.")] = None,
) -> None:
    """Show total, reserved and available stock."""
    with _ledger() as ledger:
        tables.show_stock(ledger.availability(skus) if skus else _all_pages(ledger.in_stock))


@stock_app.command("low")
def low(
    threshold: Annotated[
        int, typer.Option(min=0, help="At most so many available.")
    ] = LOW_STOCK_THRESHOLD_DEFAULT,
) -> None:
    """Show what is running out."""
    with _ledger() as ledger:
        tables.show_stock(_all_pages(partial(ledger.low_stock, threshold)))


@app.command()
def history(
    sku: Annotated[str, typer.Argument()],
    *,
    location: Annotated[
        str | None, typer.Option(help="Where it is; not needed where it is at one place.")
    ] = None,
    since: MomentOption = None,
    until: MomentOption = None,
    at: Annotated[
        str | None, typer.Option(help="Also show the figures at this moment.", metavar="TIME")
    ] = None,
    before: Annotated[
        int | None, typer.Option(min=1, help="Go on before the movement of this id.", metavar="ID")
    ] = None,
    limit: Annotated[
        int, typer.Option(min=1, max=PAGE_SIZE_MAX, help="At most so many, the latest.")
    ] = HISTORY_LIMIT_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Tell a stock item's story: each movement, with the figures after it.

    Times are in UTC, as 2026-01-31T09:00:00Z or as a day; --until itself is not included.
    """
    period = HistoryPeriod(
        limit,
        parse_moment("--since", since),
        parse_moment("--until", until),
        parse_moment("--at", at),
        before,
    )
    # All that an item ever did is added up, which may take longer than the limit for daily work.
    with _ledger(statement_timeout_ms=0) as ledger:
        place = location or _only_location(ledger, sku)
        told = ledger.item_history(sku, place, period)
        if told is None:
            raise NoSuchItem(_where_it_is(sku, ledger.locations(sku), f" at {place}"))
    reports.show_history(told, period, as_json=as_json)


@app.command()
def denied(
    *,
    since: Annotated[
        str | None,
        typer.Option(
            help=f"First day; {DENIED_DAYS_DEFAULT} days in all if left out.", metavar="DAY"
        ),
    ] = None,
    until: Annotated[
        str | None, typer.Option(help="Last day, included; today if left out.", metavar="DAY")
    ] = None,
    sku: Annotated[str | None, typer.Option(help="Only this SKU.")] = None,
    limit: Annotated[
        int, typer.Option(min=1, max=DENIED_ROWS_MAX - 1, help="At most so many rows.")
    ] = DENIED_LIMIT_DEFAULT,
    as_json: JsonOption = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV with headings.")] = False,
) -> None:
    """Show what was asked for and could not be had, by day (UTC), stock item and reason."""
    if as_json and as_csv:
        raise InvalidRequest("--csv", "cannot be had together with --json")
    last = parse_day("--until", until) or datetime.now(UTC).date()
    first = parse_day("--since", since) or days_before(last, DENIED_DAYS_DEFAULT - 1)
    if first > last:
        raise InvalidRequest("--since", f"{first} is later than --until, {last}")
    period = DeniedPeriod(first_moment(first), end_of("--until", last), limit, sku)
    with _ledger(statement_timeout_ms=0) as ledger:
        rows = ledger.denied_demand(replace(period, limit=limit + 1))
    reports.show_denied(rows, period, "csv" if as_csv else "json" if as_json else "text")


def main() -> NoReturn:
    """Run the command line and end the process; an expected failure is one clear line."""
    end_process(_run())


def _run() -> int:
    try:
        app()
    except tuple(_EXPECTED) as error:
        return _complain(str(error), _exit_code(error))
    except BrokenPipeError:
        # The reader has seen enough, and what was asked is done.
        return 0
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except SystemExit as end:
        # Typer's way of ending: a usage error, or the code that a command chose.
        return end.code if isinstance(end.code, int) else 0
    return 0


def _exit_code(error: Exception) -> int:
    return next(code for kind, code in _EXPECTED.items() if isinstance(error, kind))


def _settings() -> Settings:
    settings = load_settings()
    configure_logs(settings.log_level, settings.log_format)
    return settings


@contextmanager
def _ledger(statement_timeout_ms: int | None = None) -> Iterator[Ledger]:
    """Open the ledger; long work of an operator's own may lift the limit on statements."""
    settings = _settings()
    if statement_timeout_ms is not None:
        settings = settings.model_copy(update={"statement_timeout_ms": statement_timeout_ms})
    inventory = open_inventory(settings)
    try:
        yield inventory.ledger
    finally:
        inventory.close()


def _all_pages(read_page: Callable[..., Sequence[Availability]]) -> list[Availability]:
    """Read page after page, at most ``STOCK_SHOWN_MAX`` rows, and say when there are more."""
    rows: list[Availability] = []
    page = read_page()
    while page and len(rows) < STOCK_SHOWN_MAX:
        rows += page
        page = read_page(after=(rows[-1].sku, rows[-1].location))
    if page:
        print(f"only the first {len(rows):,} are shown", file=sys.stderr)
    return rows


def _only_location(ledger: Ledger, sku: str) -> str:
    locations = ledger.locations(sku)
    if len(locations) == 1:
        return locations[0]
    raise NoSuchItem(_where_it_is(sku, locations, ""))


def _where_it_is(sku: str, locations: Sequence[str], place: str) -> str:
    if not locations:
        return f"there is no stock item {sku!r}"
    listed = ", ".join(locations[:LOCATIONS_NAMED_MAX])
    more = ", ..." if len(locations) > LOCATIONS_NAMED_MAX else ""
    problem = f"there is no {sku!r}{place}" if place else f"{sku!r} is at several locations"
    return f"{problem}; say --location with one of: {listed}{more}"


def _complain(message: str, code: int) -> int:
    print(message, file=sys.stderr)
    return code
