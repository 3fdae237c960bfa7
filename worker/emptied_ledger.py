"""A ledger that knows none of the checkouts that hold stock in Temporal: one of the two is wrong.

Working on would end every one of those holds, and tell those who paid that they are over. It is
what a restore leaves behind that went wrong half way, or another database's URL.

A ledger that was restored does not know what was held since the backup, and is right all the same.
So only those are looked for that were held before the ledger's first reservation: they have been in
another one. A checkout that somebody reserved meanwhile does not make an emptied ledger whole.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Final

from temporalio.client import Client

from activities.inventory.ledger import Ledger
from holdfast_client.contract.names import (
    CHECKOUT_STATUS_ATTRIBUTE,
    CHECKOUT_WORKFLOW,
    TASK_QUEUE,
    checkout_id_of,
    checkout_workflow_id,
)
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


# Of which it is enough that the ledger knows one.
_SAMPLE_SIZE: Final = 100


class LedgerEmptied(Exception):
    """The ledger has lost, or never had, what Temporal has checkouts of that hold stock."""


async def check_not_emptied(client: Client, ledger: Ledger, settings: Settings) -> None:
    """Find out whether the ledger has lost what Temporal remembers.

    Raises:
        LedgerEmptied: it has, and the settings do not say that it is right so.
        LedgerUnavailable: the database does not answer.
        RPCError: Temporal does not.
    """
    if settings.empty_ledger == "accept":
        return
    began_at = await asyncio.to_thread(ledger.began_at)
    held = await _held_before(client, began_at)
    # Asked last: another worker may be serving the first checkouts of all just now.
    if held and not await asyncio.to_thread(ledger.reservations, held):
        raise LedgerEmptied(
            f"{_beginning(began_at)}, but checkouts that it does not know hold stock in Temporal, "
            f"{checkout_workflow_id(held[0])} for one: a restore went wrong, or this is another "
            "database. Put the ledger back (docs/operations.md, Restore); only if it is to begin "
            "anew, and these holds are to end, set HOLDFAST_EMPTY_LEDGER=accept until they have"
        )


def _beginning(began_at: datetime | None) -> str:
    if began_at is None:
        return "the ledger has no reservation"
    return f"the ledger began at {began_at:%Y-%m-%dT%H:%M:%SZ}"


async def _held_before(client: Client, moment: datetime | None) -> list[str]:
    """Return ids of checkouts that hold stock and were started before a moment, if there is one."""
    if CHECKOUT_STATUS_ATTRIBUTE not in await known_search_attributes(client):
        # No worker has ever been here.
        return []
    query = f"{_HELD} AND StartTime < '{moment.isoformat()}'" if moment else _HELD
    found = client.list_workflows(query, limit=_SAMPLE_SIZE, rpc_timeout=_RPC_TIMEOUT)
    return [checkout_id_of(each.id) async for each in found]
