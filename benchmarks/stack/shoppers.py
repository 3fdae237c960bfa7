"""``python -m benchmarks.stack.shoppers SHOP``: takes jobs on stdin, tells tallies on stdout.

It is a process of its own so that what the client's side costs can be told apart.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable
from typing import Final

from benchmarks.stack.jobs import READY, Job
from benchmarks.stack.shopping import Shop, shop_for
from holdfast_client.terminal.ending import end_process


async def open_holdfast() -> Shop:
    from benchmarks.stack.holdfast_shop import HoldfastShop  # noqa: PLC0415  # each imports its own

    return await HoldfastShop.open()


async def open_floor() -> Shop:
    from benchmarks.stack.floor_shop import FloorShop  # noqa: PLC0415  # each imports its own

    return await FloorShop.open()


async def open_dbos() -> Shop:
    from benchmarks.stack.dbos_shop import DbosShop  # noqa: PLC0415  # each imports its own

    return await DbosShop.open()


async def open_plain() -> Shop:
    from benchmarks.stack.plain_shop import PlainShop  # noqa: PLC0415  # each imports its own

    return await PlainShop.open()


SHOPS: Final[dict[str, Callable[[], Awaitable[Shop]]]] = {
    "holdfast": open_holdfast,
    "floor": open_floor,
    "dbos": open_dbos,
    "plain": open_plain,
}


async def serve(name: str) -> None:
    """Do one job after the other until stdin ends."""
    shop = await SHOPS[name]()
    print(READY, flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        tally = await shop_for(shop, Job.model_validate_json(line))
        print(tally.model_dump_json(), flush=True)
    await shop.close()


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr)
    asyncio.run(serve(sys.argv[1]))
    end_process(0)
