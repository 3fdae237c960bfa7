"""``overdue``: the holds that something should have ended."""

from __future__ import annotations

from typing import Annotated

import typer

from worker import tables
from worker.commands.session import opened_ledger


def overdue(
    older_than: Annotated[
        float, typer.Option(min=0, help="Only holds overdue by more than so many seconds.")
    ] = 0.0,
) -> None:
    """List holds that are past their deadline and that nothing has ended yet."""
    with opened_ledger() as ledger:
        tables.show_overdue(ledger.overdue(older_than))
