"""Whether a worker could work: does the database answer, and does Temporal?"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Final

from worker.composition import check_database, open_inventory
from worker.settings import Settings
from worker.temporal import connect_temporal

ANSWER_SECONDS_MAX: Final = 5.0


async def find_ailments(settings: Settings) -> list[str]:
    """Return what does not answer and why; nothing when all is well.

    Each part has ``ANSWER_SECONDS_MAX`` seconds, both at once.
    """
    found = await asyncio.gather(
        _ailment("database", _ask_database(settings)), _ailment("Temporal", _ask_temporal())
    )
    return [ailment for ailment in found if ailment]


async def _ailment(name: str, question: Awaitable[None]) -> str | None:
    try:
        await asyncio.wait_for(question, ANSWER_SECONDS_MAX)
    except TimeoutError:
        return f"{name}: no answer within {ANSWER_SECONDS_MAX:g} s"
    except Exception as error:  # noqa: BLE001  # whatever it is, it is the reason that is asked for
        return f"{name}: {error}"
    return None


async def _ask_database(settings: Settings) -> None:
    inventory = open_inventory(settings)
    try:
        await asyncio.to_thread(check_database, inventory)
    finally:
        inventory.close()


async def _ask_temporal() -> None:
    client = await connect_temporal()
    await client.service_client.check_health()
