"""``overdue``: the holds that something should have ended."""

from __future__ import annotations

from typing import Annotated

from holdfast_client.terminal import options
from worker import tables
from worker.commands.options import JsonOption
from worker.commands.session import opened_ledger


def overdue(
    older_than: Annotated[
        float, options.duration("Only holds overdue by more than this, such as 90 or 2m.")
    ] = 0.0,
    as_json: JsonOption = False,
) -> None:
    """List holds that are past their deadline and that nothing has ended yet."""
    with opened_ledger() as ledger:
        tables.show_overdue(ledger.overdue(older_than), as_json=as_json)
