"""``holdfast holds``: who holds what, and until when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

import typer

from holdfast_client.cli.holds_sheet import committed_sheet, holds_sheet, remarks
from holdfast_client.cli.session import Session
from holdfast_client.contract.holds import (
    ENDS_WITHIN_SECONDS_MAX,
    HOLDS_LIMIT_DEFAULT,
    HOLDS_LIMIT_MAX,
    OLDER_THAN_SECONDS_MAX,
    Holds,
)
from holdfast_client.methods.reservations import Reservations
from holdfast_client.terminal import options
from holdfast_client.terminal.exit_codes import ExitCode

# As many rows as somebody may want to look through; beyond that there are the conditions.
LISTED_MAX: Final = 10_000


def holds(
    session: Session,
    *,
    sku: Annotated[str | None, options.text("Only holds on this SKU.", "SKU")] = None,
    customer: Annotated[str | None, options.text("Only this buyer's.", "ID")] = None,
    ends_within: Annotated[
        int | None,
        options.whole_seconds(
            "Only those that end so soon, such as 1h;", 1, ENDS_WITHIN_SECONDS_MAX
        ),
    ] = None,
    committed: Annotated[
        bool, typer.Option("--committed", help="What is paid and to be packed, the oldest first.")
    ] = False,
    older_than: Annotated[
        int | None,
        options.whole_seconds(
            "With --committed: only what was paid longer ago, such as 2d;",
            0,
            OLDER_THAN_SECONDS_MAX,
        ),
    ] = None,
    limit: Annotated[
        int, options.whole_number("At most so many;", 1, LISTED_MAX)
    ] = HOLDS_LIMIT_DEFAULT,
) -> ExitCode:
    """List who holds stock and until when, and what comes free when. The next to end leads.

    Read from the database by a worker.
    """
    wanted = {
        "sku": sku,
        "customer_id": customer,
        "ends_within_seconds": ends_within,
        "committed": committed,
        "older_than_seconds": older_than,
    }
    found = session.ask(lambda client: _listed(client, limit, wanted))
    sheet = committed_sheet(found, sku) if committed else holds_sheet(found, sku)
    session.screen.show(found.model_dump(mode="json"), sheet)
    for remark in remarks(found, sku):
        session.screen.note(remark)
    return ExitCode.DONE


async def _listed(client: Reservations, limit: int, wanted: Mapping[str, Any]) -> Holds:
    """Ask for page after page, up to the limit."""
    found = await client.holds(limit=min(limit, HOLDS_LIMIT_MAX), **wanted)
    while found.next_page and len(found.holds) < limit:
        more = min(limit - len(found.holds), HOLDS_LIMIT_MAX)
        found = found.followed_by(await client.holds(limit=more, page=found.next_page, **wanted))
    return found
