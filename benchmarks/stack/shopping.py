"""Shoppers who check out as fast as they are answered, so many at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Final, Protocol

from benchmarks.stack.jobs import Job, Tally, sku_of

ASKS_MAX: Final = 5


class Unanswered(Exception):
    """No answer came in time; asking again is safe."""


class Shop(Protocol):
    """What a contender offers to its shoppers.

    Every answer but the wished one is an error, and so is none, but for :class:`Unanswered`.
    """

    async def reserve(self, checkout_id: str, sku: str) -> None: ...

    async def confirm(self, checkout_id: str) -> None: ...

    async def close(self) -> None: ...


async def shop_for(shop: Shop, job: Job) -> Tally:
    """Make a job's checkouts and tell how long the answers took."""
    reserve_seconds: list[float] = []
    confirm_seconds: list[float] = []
    numbers = iter(range(job.checkouts))

    async def check_out(share: Iterator[int]) -> None:
        for number in share:
            checkout_id = f"{job.name}-{number}"
            began = time.perf_counter()
            await _answer(shop.reserve, checkout_id, sku_of(number))
            held = time.perf_counter()
            await _answer(shop.confirm, checkout_id)
            reserve_seconds.append(held - began)
            confirm_seconds.append(time.perf_counter() - held)

    began = time.perf_counter()
    async with asyncio.TaskGroup() as shoppers:
        for _ in range(job.at_once):
            # One iterator for all: whoever is free takes the next.
            shoppers.create_task(check_out(numbers))
    return Tally(
        seconds=time.perf_counter() - began,
        reserve_seconds=tuple(reserve_seconds),
        confirm_seconds=tuple(confirm_seconds),
    )


async def _answer(ask: Callable[..., Awaitable[None]], *words: str) -> None:
    """Ask until there is an answer, as a service does whose call timed out; its wait counts."""
    for _ in range(ASKS_MAX - 1):
        try:
            return await ask(*words)
        except Unanswered:
            continue
    return await ask(*words)
