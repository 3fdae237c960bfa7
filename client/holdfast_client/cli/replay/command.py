"""``holdfast replay ORDERS.csv``: the files, options and report around the replay engine."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import typer
from pydantic import ValidationError

from holdfast_client.cli.orders.columns import ColumnNames
from holdfast_client.cli.orders.reading import (
    SERVICE_CODES,
    OrderBook,
    OrderRules,
    read_orders,
)
from holdfast_client.cli.replay.engine import Replay
from holdfast_client.cli.replay.plan import CONCURRENCY_MAX, ReplayOptions
from holdfast_client.cli.replay.progress import shown_progress
from holdfast_client.cli.replay.report import ReplayReport
from holdfast_client.cli.replay.stock_file import COVER_MAX, cover_demand, stock_text, write_new
from holdfast_client.cli.session import Session
from holdfast_client.contract.errors import InvalidRequest
from holdfast_client.contract.fields import HOLD_SECONDS_MAX
from holdfast_client.terminal import options
from holdfast_client.terminal.exit_codes import ExitCode
from holdfast_client.terminal.sheet import Column, Sheet, Table

HOLD_SECONDS_DEFAULT: Final = 30
EXPIRY_WAIT_HOLD_SECONDS_MAX: Final = 120

_KNOWN: Final = " found by itself under its usual names."

FileArgument = Annotated[Path, options.argument("An order export.", "ORDERS.csv")]
ConcurrencyOption = Annotated[int, options.whole_number("Checkouts at once,", 1, CONCURRENCY_MAX)]
AbandonOption = Annotated[float, options.share("Share of the orders that nobody pays,")]
CancelOption = Annotated[float, options.share("Share of the orders that is given back,")]
SeedOption = Annotated[int, options.whole_number("Decides which order does what;")]
HoldOption = Annotated[
    int,
    options.whole_seconds(
        "How long each hold lasts. Short, so that abandoned holds end while the report waits; a "
        "real shop gives 15m. From",
        1,
        HOLD_SECONDS_MAX,
    ),
]
WaitExpiryOption = Annotated[
    bool | None,
    typer.Option(
        "--wait-expiry/--no-wait-expiry",
        help="Report only when the abandoned holds have ended; if left out, so for holds of up "
        f"to {EXPIRY_WAIT_HOLD_SECONDS_MAX} s.",
    ),
]
LimitOption = Annotated[int | None, options.whole_number("Only the first so many orders,", 1)]
PrefixOption = Annotated[
    str | None,
    options.text(
        "Leads the checkout ids; a fresh one for each run if left out. The same prefix and "
        "options ask again for the same checkouts, which is safe.",
        "TEXT",
    ),
]
OrderColumnOption = Annotated[
    str | None, options.text("Column of the order's number;" + _KNOWN, "HEADING")
]
SkuColumnOption = Annotated[
    str | None, options.text("Column of what was ordered;" + _KNOWN, "HEADING")
]
QuantityColumnOption = Annotated[
    str | None,
    options.text("Column of how many, '' where each row is one unit;" + _KNOWN, "HEADING"),
]
CustomerColumnOption = Annotated[
    str | None,
    options.text("Column of who ordered, which may be missing;" + _KNOWN, "HEADING"),
]
ServiceCodeOption = Annotated[
    list[str] | None,
    options.text(
        "A code that is no goods. In a StockCode column such are by themselves "
        f"{', '.join(sorted(SERVICE_CODES))}.",
        "CODE",
    ),
]
CancellationPrefixOption = Annotated[
    str | None,
    options.text(
        "How the number of a cancellation begins, '' for none. If left out, C before the "
        "number of another order of the file."
    ),
]
StatusColumnOption = Annotated[
    str | None,
    options.text("Column that says which orders were cancelled, '' for none;" + _KNOWN, "HEADING"),
]
NoSaleOption = Annotated[
    list[str] | None,
    options.text(
        "A further status that is no sale, beside cancelled, refunded, voided, failed and "
        "their like.",
        "STATUS",
    ),
]
StatusesOption = Annotated[
    Path | None,
    options.text("A second file that says how the orders stand, where the first does not.", "FILE"),
]
DecimalMarkOption = Annotated[
    Literal[".", ","] | None,
    options.text(
        "What parts decimals in quantities, a point or a comma; found by itself where it can be.",
        "MARK",
    ),
]
WriteStockOption = Annotated[
    Path | None,
    options.text("Write a stock file that covers the orders' demand, and replay nothing.", "FILE"),
]
CoverOption = Annotated[float, options.share("Share of the demand to cover,", COVER_MAX)]
ForceOption = Annotated[bool, typer.Option("--force", help="Write over FILE.")]
AndReplayOption = Annotated[
    bool, typer.Option("--and-replay", help="With --write-stock: replay as well.")
]
NoProgressOption = Annotated[bool, typer.Option("--no-progress", help="Say nothing while it runs.")]


def replay(
    session: Session,
    file: FileArgument,
    *,
    concurrency: ConcurrencyOption = 20,
    abandon: AbandonOption = 0.10,
    cancel: CancelOption = 0.05,
    seed: SeedOption = 1,
    hold: HoldOption = HOLD_SECONDS_DEFAULT,
    wait_expiry: WaitExpiryOption = None,
    limit: LimitOption = None,
    prefix: PrefixOption = None,
    order_column: OrderColumnOption = None,
    sku_column: SkuColumnOption = None,
    quantity_column: QuantityColumnOption = None,
    customer_column: CustomerColumnOption = None,
    status_column: StatusColumnOption = None,
    no_sale: NoSaleOption = None,
    statuses: StatusesOption = None,
    decimal_mark: DecimalMarkOption = None,
    service_code: ServiceCodeOption = None,
    cancellation_prefix: CancellationPrefixOption = None,
    write_stock: WriteStockOption = None,
    cover: CoverOption = 0.9,
    force: ForceOption = False,
    and_replay: AndReplayOption = False,
    no_progress: NoProgressOption = False,
) -> ExitCode:
    """Replay an order export as checkouts, and report.

    Exits with 0 when every order got an answer (denials are normal), 1 when some were refused
    with an error, 3 when some stayed unknown, were not asked or found the inventory unavailable,
    4 when the file has no orders.
    """
    rules = OrderRules(
        service_codes=frozenset(service_code or ()),
        cancellation_prefix=cancellation_prefix,
        no_sale_statuses=frozenset(no_sale or ()),
        decimal_mark=decimal_mark,
    )
    columns = ColumnNames(order_column, sku_column, quantity_column, customer_column, status_column)
    options = _options(
        prefix=fresh_prefix(seed, datetime.now(UTC)) if prefix is None else prefix,
        concurrency=concurrency,
        abandon_share=abandon,
        cancel_share=cancel,
        seed=seed,
        hold_seconds=hold,
        wait_for_expiry=hold <= EXPIRY_WAIT_HOLD_SECONDS_MAX
        if wait_expiry is None
        else wait_expiry,
    )
    book = read_orders(file, columns=columns, rules=rules, statuses=statuses)
    for line in book.warnings():
        session.screen.note(line)
    book = book.first(limit)
    if write_stock is not None:
        _write_stock(session, book, write_stock, cover, force=force, alone=not and_replay)
        if not and_replay:
            return ExitCode.DONE
    return _replay(session, book, options, progress=not no_progress)


def fresh_prefix(seed: int, now: datetime) -> str:
    """Return a prefix that no run has had before: the seed and the time to the millisecond."""
    return f"replay-{seed}-{now:%Y%m%dT%H%M%S}{now.microsecond // 1000:03d}"


def exit_code_of(report: ReplayReport) -> ExitCode:
    """Return how a replay ended; what is unknown weighs more than what was refused."""
    if report.unknown or report.not_asked or report.unavailable:
        return ExitCode.UNKNOWN
    return ExitCode.REFUSED if report.failed else ExitCode.DONE


def _options(**options: Any) -> ReplayOptions:
    try:
        return ReplayOptions(**options)
    except ValidationError as error:
        raise InvalidRequest.from_validation(error) from None


def _write_stock(
    session: Session, book: OrderBook, path: Path, share: float, *, force: bool, alone: bool
) -> None:
    """Write the stock file and tell of it: as the answer, or beside the replay's as a remark."""
    stock = cover_demand(book.orders, share)
    write_new(path, stock_text(stock, book.names), force=force)
    headline = (
        f"{path}: {stock.units} units of {len(stock.quantities)} SKUs, "
        f"of {stock.demand_units} that {len(book.orders)} orders ask for"
    )
    if not alone:
        session.screen.note(headline)
        return
    facts: dict[str, str | int] = {
        "file": str(path),
        "orders": len(book.orders),
        "skus": len(stock.quantities),
        "units": stock.units,
        "demand_units": stock.demand_units,
    }
    named = tuple(facts.items())
    session.screen.show(facts | _skipped(book), Sheet(headline, named, _file_tables(book)))


def _replay(
    session: Session, book: OrderBook, options: ReplayOptions, *, progress: bool
) -> ExitCode:
    with shown_progress(len(book.orders), wanted=progress) as listener:
        try:
            report = session.ask(
                lambda client: Replay(client, book.orders, options, on_event=listener).run()
            )
        except KeyboardInterrupt:
            session.screen.fail(
                "Interrupted",
                f"interrupted; --prefix {options.prefix} with the same options goes on with the "
                "same checkouts, and open holds end by themselves",
            )
            return ExitCode.INTERRUPTED
    session.screen.show(asdict(report) | _skipped(book), _sheet(report, book))
    if report.open:
        session.screen.note(
            f"{report.open} abandoned holds are still open; each ends by itself "
            f"within {options.hold_seconds} s"
        )
    return exit_code_of(report)


def _skipped(book: OrderBook) -> dict[str, Any]:
    return {
        "rows": book.rows,
        "skipped_rows": book.rows_skipped,
        "skipped_orders": book.orders_skipped,
        "skipped": {one.kind: one.rows for one in book.skipped},
        "columns": dict(book.columns),
        "remarks": list(book.remarks),
    }


def _sheet(report: ReplayReport, book: OrderBook) -> Sheet:
    facts = tuple(
        (name, str(value) if isinstance(value, float) else value)
        for name, value in asdict(report).items()
        if name != "errors"
    )
    errors = tuple((error.type, error.count, error.example) for error in report.errors)
    headline = (
        f"{report.orders} orders replayed in {report.duration_seconds:.1f} s, "
        f"{report.checkouts_per_second:.1f} checkouts per second."
    )
    return Sheet(
        headline,
        facts,
        (
            *_file_tables(book),
            Table("error", ("error", "orders", Column("first of them", is_prose=True)), errors),
        ),
    )


def _file_tables(book: OrderBook) -> tuple[Table, ...]:
    """Lay out what the file was read as."""
    columns = tuple(book.columns.items())
    skipped = tuple((one.kind.value, one.rows) for one in book.skipped)
    return (
        Table("column", ("column", "heading"), columns),
        Table("skipped", ("skipped", "rows"), skipped),
    )
