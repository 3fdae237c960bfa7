"""A ledger without reservations beside a Temporal with checkouts that are held: one is wrong.

Working on would end every one of those holds, and tell those who paid that they are over. It is
what a restore leaves behind that went wrong half way, or another database's URL.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Final

from temporalio.client import Client

from activities.inventory.ledger import Ledger
from holdfast_client.contract.names import CHECKOUT_STATUS_ATTRIBUTE, CHECKOUT_WORKFLOW, TASK_QUEUE
from worker.settings import Settings
from worker.temporal import known_search_attributes

_RPC_TIMEOUT: Final = timedelta(seconds=10)
# Checkouts that nobody has taken yet are running too, as before the first start there ever was. One
# that a worker has taken has the worker's build among its BuildIds. Where it still waits for the
# ledger it is pending; where it does not, the ledger had a reservation before Temporal heard of it.
_HELD: Final = (
    f"WorkflowType = '{CHECKOUT_WORKFLOW}' AND ExecutionStatus = 'Running' "
    f"AND TaskQueue = '{TASK_QUEUE}' AND BuildIds IS NOT NULL "
    f"AND ({CHECKOUT_STATUS_ATTRIBUTE} IS NULL OR {CHECKOUT_STATUS_ATTRIBUTE} != 'pending')"
)


class LedgerEmptied(Exception):
    """The ledger has no reservation, and Temporal has checkouts that hold stock."""


async def check_not_emptied(client: Client, ledger: Ledger, settings: Settings) -> None:
    """Find out whether the ledger has lost what Temporal remembers.

    Raises:
        LedgerEmptied: it has, and the settings do not say that it is right so.
        LedgerUnavailable: the database does not answer.
        RPCError: Temporal does not.
    """
    if settings.empty_ledger == "accept" or await _has_reservations(ledger):
        return
    workflow_id = await _find_held(client)
    # Another worker may have served the first checkout of all between the two questions.
    if workflow_id and not await _has_reservations(ledger):
        raise LedgerEmptied(
            f"the ledger has no reservation, but checkouts hold stock in Temporal, {workflow_id} "
            "for one: a restore went wrong, or this is another database. Put the ledger back "
            "(docs/operations.md, Restore); only if it is to begin anew, and these holds are to "
            "end, set HOLDFAST_EMPTY_LEDGER=accept"
        )


async def _has_reservations(ledger: Ledger) -> bool:
    return await asyncio.to_thread(ledger.has_reservations)


async def _find_held(client: Client) -> str | None:
    if CHECKOUT_STATUS_ATTRIBUTE not in await known_search_attributes(client):
        # No worker has ever been here.
        return None
    async for found in client.list_workflows(_HELD, limit=1, rpc_timeout=_RPC_TIMEOUT):
        return found.id
    return None
