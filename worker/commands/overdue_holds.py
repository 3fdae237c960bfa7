"""``overdue``: the holds that something should have ended."""

from __future__ import annotations

from typing import Annotated

from activities.inventory.ledger_readings import PAGE_SIZE_MAX
from holdfast_client.terminal import options
from worker import tables
from worker.commands.options import JsonOption
from worker.commands.session import opened_ledger, screen


def overdue(
    older_than: Annotated[
        float, options.duration("Only holds overdue by more than this, such as 90 or 2m.")
    ] = 0.0,
    as_json: JsonOption = False,
) -> None:
    """List holds that are past their deadline and that nothing has ended yet."""
    with opened_ledger() as ledger:
        holds = ledger.overdue(older_than)
        # Counted only where a page is full, and then by a statement of its own.
        counted = ledger.count_overdue(older_than) if len(holds) == PAGE_SIZE_MAX else 0
    tables.show_overdue(holds, as_json=as_json)
    if counted > len(holds):
        screen().note(f"only the first {len(holds):,} of {counted:,} are shown")
