"""Whether a worker could work: does the database answer, and does Temporal? Who may too much?"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from activities.inventory.database.rights.excess_rights import (
    READERS_WORK,
    WORKERS_WORK,
    remark_on_role,
)
from holdfast_client.contract.errors import InvalidRequest
from holdfast_client.transport.reasons import plain_reason
from worker.composition import Inventory, check_database, open_inventory
from worker.emptied_ledger import check_not_emptied
from worker.settings import Settings
from worker.temporal import connect_temporal

ANSWER_SECONDS_MAX: Final = 5.0
ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True)
class Health:
    """What was found.

    Args:
        ailments: what does not answer and why; none when all is well.
        remarks: what the database's role and that of product pages may do beyond their work, and
            whether the second is missing, none of which keeps a worker from working.
    """

    ailments: Sequence[str]
    remarks: Sequence[str] = ()


async def examine(settings: Settings) -> Health:
    """Ask all that a worker needs; each part has ``ANSWER_SECONDS_MAX`` seconds.

    Database and Temporal are asked at once, and where both answer, whether they fit together.
    """
    (remarks, database), (_, temporal) = await asyncio.gather(
        _answer("database", _ask_database(settings)), _answer("Temporal", _ask_temporal())
    )
    ailments = [ailment for ailment in (database, temporal) if ailment]
    if not ailments:
        _, emptied = await _answer("database", _ask_both(settings))
        ailments = [emptied] if emptied else []
    return Health(ailments, remarks or ())


async def _answer(
    name: str, question: Awaitable[ResultT]
) -> tuple[ResultT, None] | tuple[None, str]:
    try:
        return await asyncio.wait_for(question, ANSWER_SECONDS_MAX), None
    except TimeoutError:
        return None, f"{name}: no answer within {ANSWER_SECONDS_MAX:g} s"
    except InvalidRequest:
        raise  # a wrong setting, not an ailment of a server
    except Exception as error:  # noqa: BLE001  # whatever it is, it is the reason that is asked for
        return None, f"{name}: {plain_reason(str(error))}"


async def _ask_database(settings: Settings) -> list[str]:
    inventory = open_inventory(settings)
    try:
        await asyncio.to_thread(check_database, inventory)
        return await asyncio.to_thread(_remarks, inventory, settings.reader_role)
    finally:
        inventory.close()


def _remarks(inventory: Inventory, reader_role: str) -> list[str]:
    remarks = [remark_on_role(inventory.engine, None, WORKERS_WORK)]
    if reader_role:
        remarks.append(remark_on_role(inventory.engine, reader_role, READERS_WORK))
    return [remark for remark in remarks if remark]


async def _ask_both(settings: Settings) -> None:
    inventory = open_inventory(settings)
    try:
        await check_not_emptied(await connect_temporal(), inventory.ledger, settings)
    finally:
        inventory.close()


async def _ask_temporal() -> None:
    client = await connect_temporal()
    await client.service_client.check_health()
