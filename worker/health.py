"""Whether a worker could work: does the database answer, and does Temporal? And may it too much?"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from activities.inventory.database.rights.excess_rights import RoleRights, read_role_rights
from holdfast_client.contract.errors import InvalidRequest
from holdfast_client.transport.reasons import plain_reason
from worker.composition import check_database, open_inventory
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
        rights: what the database's role may do beyond a worker's work, which keeps nobody from
            working; None where it could not be asked.
    """

    ailments: Sequence[str]
    rights: RoleRights | None = None


async def examine(settings: Settings) -> Health:
    """Ask all that a worker needs; each part has ``ANSWER_SECONDS_MAX`` seconds.

    Database and Temporal are asked at once, and where both answer, whether they fit together.
    """
    (rights, database), (_, temporal) = await asyncio.gather(
        _answer("database", _ask_database(settings)), _answer("Temporal", _ask_temporal())
    )
    ailments = [ailment for ailment in (database, temporal) if ailment]
    if not ailments:
        _, emptied = await _answer("database", _ask_both(settings))
        ailments = [emptied] if emptied else []
    return Health(ailments, rights)


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


async def _ask_database(settings: Settings) -> RoleRights:
    inventory = open_inventory(settings)
    try:
        await asyncio.to_thread(check_database, inventory)
        return await asyncio.to_thread(read_role_rights, inventory.engine)
    finally:
        inventory.close()


async def _ask_both(settings: Settings) -> None:
    inventory = open_inventory(settings)
    try:
        await check_not_emptied(await connect_temporal(), inventory.ledger, settings)
    finally:
        inventory.close()


async def _ask_temporal() -> None:
    client = await connect_temporal()
    await client.service_client.check_health()
