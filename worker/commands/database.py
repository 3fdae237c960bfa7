"""The commands that prepare and examine the database."""

from __future__ import annotations

import asyncio
import sys

import typer

from activities.inventory.migrate import upgrade_database
from holdfast_client.terminal.ending import raise_on_interrupt
from holdfast_client.terminal.exit_codes import ExitCode
from worker.commands.session import opened_ledger, read_settings, screen
from worker.health import find_ailments
from worker.settings import SettingsInvalid


def migrate() -> None:
    """Bring the database to the schema of this version, and grant the workers' role its rights."""
    settings = read_settings()
    raise_on_interrupt()
    before, after = upgrade_database(settings.database, worker_role=settings.worker_role)
    print(f"schema {after} (nothing to do)" if before == after else f"schema {before} -> {after}")
    if settings.worker_role:
        print(f"role {settings.worker_role} may do a worker's work")


def health() -> None:
    """Exit with 0 if the database and Temporal answer, else with 1 and the reason."""
    try:
        ailments = asyncio.run(find_ailments(read_settings()))
    except SettingsInvalid as error:
        ailments = [str(error)]
    if ailments:
        raise typer.Exit(_refused(*ailments))
    print("healthy: the database and Temporal answer")


def audit() -> None:
    """Check invariants I1 to I4 and print each breach."""
    with opened_ledger(statement_timeout_ms=0) as ledger:
        breaches = ledger.audit(lambda invariant: print(f"checking {invariant}", file=sys.stderr))
    for breach in breaches:
        print(breach)
    if breaches:
        raise typer.Exit(_refused(f"{len(breaches):,} breaches"))
    print("I1, I2, I3 and I4 hold")


def _refused(*problems: str) -> ExitCode:
    for problem in problems:
        screen().note(problem)
    return ExitCode.REFUSED
