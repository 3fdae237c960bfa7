"""``adopt``: taking a shop's own tables in, and leaving them again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from sqlalchemy import Engine

from activities.inventory.adoption import standing, steps
from activities.inventory.adoption.plan import read_plan
from activities.inventory.adoption.standing import Standing
from activities.inventory.database.engine import open_engine
from holdfast_client.contract.errors import InvalidRequest
from holdfast_client.contract.fields import QUANTITY_MAX
from holdfast_client.terminal import options
from holdfast_client.terminal.ending import raise_on_interrupt
from holdfast_client.terminal.exit_codes import ExitCode
from holdfast_client.terminal.moments import exact_text
from holdfast_client.terminal.record_options import ActorOption, ReasonOption
from holdfast_client.terminal.screen import write
from holdfast_client.terminal.sheet import Cell, Sheet, Table
from worker.commands.options import JsonOption, sku_argument
from worker.commands.session import read_settings, screen

PROGRESS_ROWS: Final = 50_000

PlanArgument = Annotated[
    Path, options.argument("A TOML file that says what in the shop's tables is what.", "PLAN")
]


def check(plan: PlanArgument, *, as_json: JsonOption = False) -> None:
    """Name all that stands in the way of a plan, row by row. Changes nothing; exits 1 on any."""
    wanted = read_plan(plan)
    with _opened() as engine:
        obstacles = steps.check(engine, wanted)
    rows: tuple[tuple[Cell, ...], ...] = tuple((each,) for each in obstacles)
    found = f"{len(rows)} in the way." if rows else "Nothing is in the way."
    sheet = Sheet(found, (), (Table("obstacle", ("obstacle",), rows, is_stacked=True),))
    if rows or as_json:
        screen(as_json=as_json).show({"obstacles": obstacles}, sheet)
    if rows:
        raise typer.Exit(ExitCode.REFUSED)
    if not as_json:
        print("nothing is in the way")


def plan(plan: PlanArgument) -> None:
    """Print the SQL that applying a plan runs."""
    wanted = read_plan(plan)
    with _opened() as engine:
        write(steps.planned_sql(engine, wanted))


def apply(plan: PlanArgument) -> None:
    """Adopt the shop's rows beside its own work. Again, it goes on where it was broken off."""
    wanted = read_plan(plan)
    told = 0

    def progress(rows: int) -> None:
        nonlocal told
        if rows - told >= PROGRESS_ROWS:
            told = rows
            screen().note(f"{rows:,} rows are in")

    with _opened() as engine:
        applied = steps.apply(engine, wanted, progress)
        found = standing.read_standing(engine)
    if applied.already:
        print("applied already (nothing to do)")
        return
    if applied.policies:
        print(f"{wanted.stock.table}: the policies are those of the plan now")
    if applied.rows or not applied.policies:
        print(f"adopted {wanted.stock.table}: {applied.rows:,} rows")
    if found and found.shop_reserved:
        print(
            f"{found.shop_reserved:,} units are reserved by the shop's own code: "
            "`python -m worker adopt status` lists them"
        )


def status(*, as_json: JsonOption = False) -> None:
    """Show what is adopted, what the shop's own code has reserved, and what was put back."""
    with _opened() as engine:
        found = standing.read_standing(engine)
    if found is None:
        screen(as_json=as_json).show({"adopted": False}, Sheet("Nothing is adopted."))
        if not as_json:
            print("nothing is adopted")
        return
    screen(as_json=as_json).show(_document(found), _sheet(found))
    if found.breaches:
        raise typer.Exit(ExitCode.REFUSED)


def drain(
    plan: PlanArgument,
    sku: Annotated[str, sku_argument("Of what.")],
    units: Annotated[int, options.whole_number_argument("Units,", 1, QUANTITY_MAX)],
    *,
    reason: ReasonOption = "",
    actor: ActorOption = "",
) -> None:
    """Take off units that the shop's own code has reserved and lost."""
    if not reason:
        raise InvalidRequest("--reason", "say why these units are not reserved any more")
    wanted = read_plan(plan)
    with _opened() as engine:
        found = standing.drain(engine, wanted, sku, units, reason=reason, actor=actor)
    told = f"{found.shop_reserved:,} reserved by the shop, {found.reserved:,} in all"
    if not found.drained:
        screen().note(f"{sku} has less: {told}; nothing was taken off")
        raise typer.Exit(ExitCode.REFUSED)
    print(f"{sku}: {units:,} taken off; now {told}")


def leave(plan: PlanArgument) -> None:
    """Take everything of an adoption away again. The figures stay, in both."""
    wanted = read_plan(plan)
    with _opened() as engine:
        held = steps.leave(engine, wanted)
    print(f"left {wanted.stock.table}: nothing of Holdfast is there any more")
    if held:
        screen().note(
            f"checkouts still hold {held:,} units: they stay reserved in the shop's figures, and "
            "nobody takes them off there when the holds end"
        )


@contextmanager
def _opened() -> Iterator[Engine]:
    """Open the database for work that may take long, under the role of the settings."""
    settings = read_settings()
    engine = open_engine(
        settings.database,
        connections_max=2,
        statement_timeout_ms=0,
        lock_timeout_ms=settings.lock_timeout_ms,
        application_name="holdfast-adopt",
    )
    raise_on_interrupt()
    try:
        yield engine
    finally:
        engine.dispose()


def _document(found: Standing) -> dict[str, Any]:
    return {
        "adopted": True,
        "table": found.table,
        "begun_at": exact_text(found.begun_at),
        "done_at": exact_text(found.done_at) if found.done_at else None,
        "rows": found.rows,
        "held": found.held,
        "shop_reserved": found.shop_reserved,
        "put_back": found.put_back,
        "shop_reserved_rows": [dict(row) for row in found.shop_reserved_rows],
        "shop_reserved_rows_left_out": found.shop_reserved_rows_left_out,
        "put_back_rows": [
            {**row, "last_at": exact_text(row["last_at"])} for row in found.put_back_rows
        ],
        "put_back_rows_left_out": found.put_back_rows_left_out,
        "breaches": list(found.breaches),
    }


def _sheet(found: Standing) -> Sheet:
    done = "" if found.done_at else ", not all of it yet: apply the plan again"
    facts: tuple[tuple[str, Cell], ...] = (
        ("table", found.table),
        ("begun_at", found.begun_at),
        ("done_at", found.done_at),
        ("rows", found.rows),
        ("held", found.held),
        ("shop_reserved", found.shop_reserved),
        ("shop_reserved_rows_left_out", found.shop_reserved_rows_left_out),
        ("put_back", found.put_back),
        ("put_back_rows_left_out", found.put_back_rows_left_out),
    )
    return Sheet(
        f"{found.table} is adopted{done}.",
        facts,
        (
            _table("reserved_by_shop", _RESERVED, found.shop_reserved_rows),
            _table("put_back", _PUT_BACK, found.put_back_rows),
            Table("breach", ("breach",), tuple((each,) for each in found.breaches), True),
        ),
    )


_RESERVED: Final = ("sku", "location", "total", "reserved", "shop_reserved")
_PUT_BACK: Final = (
    "key",
    "sku",
    "column_name",
    "times",
    "written",
    "kept",
    "written_by",
    "last_at",
)


def _table(name: str, columns: tuple[str, ...], rows: tuple[Any, ...]) -> Table:
    cells = tuple(tuple(_cell(row[column]) for column in columns) for row in rows)
    return Table(name, columns, cells)


def _cell(value: Any) -> Cell:
    return value if value is None or isinstance(value, int | datetime) else str(value)
