"""A worker's process that stood still for a while, as one does whose machine was suspended."""

from __future__ import annotations

import asyncio
import time

from tests.limits import HANG_SECONDS
from tests.workflows.stage import Stage, at_work

CHECKOUTS = 40
# Longer than a reserve may take, so that all of its limits are over when the process goes on.
STANDS_SECONDS = 12


async def test_a_worker_that_stood_still_amid_its_activities_goes_on_with_its_work(
    stage: Stage, unique: str
):
    """What it had taken is over by then, and was cancelled before the loop came to begin it."""
    sku = stage.stock(unique, CHECKOUTS + 1)
    async with at_work(stage):
        began = []
        for number in range(CHECKOUTS):
            began.append(asyncio.create_task(stage.till.reserve(f"{unique}-{number}", {sku: 1})))
            await asyncio.sleep(0.004)  # one by one, so that some are in each of a reserve's steps
        time.sleep(STANDS_SECONDS)
        async with asyncio.timeout(HANG_SECONDS):
            await asyncio.gather(*began)
            after = await stage.till.reserve(f"{unique}-after", {sku: 1})
    assert after["status"] == "held"
