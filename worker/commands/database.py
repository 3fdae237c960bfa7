"""The commands that prepare and examine the database."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter

import typer

from activities.inventory.database.migrate import upgrade_database
from activities.inventory.database.rights.excess_rights import (
    READERS_WORK,
    WORKERS_WORK,
    Work,
    remark_on_role,
)
from activities.inventory.database.rights.role_settings import carry_settings
from activities.inventory.database.session import session_settings
from activities.inventory.reading.audits import BREACHES_MAX
from holdfast_client.terminal.ending import raise_on_interrupt
from holdfast_client.terminal.exit_codes import ExitCode
from worker.commands.session import opened_ledger, read_settings, screen
from worker.composition import open_inventory
from worker.health import Health, examine
from worker.settings import Settings, SettingsInvalid


def migrate() -> None:
    """Bring the database to the schema of this version, and grant its roles their rights."""
    settings = read_settings()
    raise_on_interrupt()
    if settings.reader_role and settings.reader_role == settings.worker_role:
        raise SettingsInvalid("HOLDFAST_READER_ROLE: must be another than HOLDFAST_WORKER_ROLE")
    before, after = upgrade_database(
        settings.database, worker_role=settings.worker_role, reader_role=settings.reader_role
    )
    print(f"schema {after} (nothing to do)" if before == after else f"schema {before} -> {after}")
    if settings.worker_role:
        print(f"role {settings.worker_role} may do a worker's work")
        print(_let_role_carry_settings(settings))
        _warn_of_excess(settings, settings.worker_role, WORKERS_WORK)
    if settings.reader_role:
        print(f"role {settings.reader_role} may read availability")
        _warn_of_excess(settings, settings.reader_role, READERS_WORK)


def health() -> None:
    """Exit with 0 if the database and Temporal answer, else with 1 and the reason."""
    try:
        found = asyncio.run(examine(read_settings()))
    except SettingsInvalid as error:
        found = Health([str(error)])
    if found.ailments:
        raise typer.Exit(_refused(*found.ailments))
    print("healthy: the database and Temporal answer")
    for remark in found.remarks:
        print(remark)


def audit() -> None:
    """Check invariants I1 to I6 and print each breach."""
    with opened_ledger(statement_timeout_ms=0) as ledger:
        breaches = ledger.audit(lambda invariant: print(f"checking {invariant}", file=sys.stderr))
    for breach in breaches:
        print(breach)
    if breaches:
        found = Counter(breach.invariant for breach in breaches)
        at_least = "at least " if max(found.values()) == BREACHES_MAX else ""
        raise typer.Exit(_refused(f"{at_least}{len(breaches):,} breaches"))
    print("I1, I2, I3, I4, I5 and I6 hold")


def _warn_of_excess(settings: Settings, role: str, work: Work) -> None:
    inventory = open_inventory(settings)
    try:
        remark = remark_on_role(inventory.engine, role, work)
    finally:
        inventory.close()
    if remark:
        screen().note(remark)


def _refused(*problems: str) -> ExitCode:
    for problem in problems:
        screen().note(problem)
    return ExitCode.REFUSED


def _let_role_carry_settings(settings: Settings) -> str:
    """Return what became of it, for people."""
    role = settings.worker_role
    wanted = session_settings(settings.statement_timeout_ms, settings.lock_timeout_ms)
    left = carry_settings(settings.database, role, wanted)
    if not left:
        return f"role {role} carries its sessions' settings"
    return (
        f"role {role} does not carry its sessions' settings, and the role that migrates may not "
        "let it. Only workers behind a pooler need that; as a role that may:\n"
        + "\n".join(f"  {statement};" for statement in left)
    )
