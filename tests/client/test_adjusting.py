"""Stock adjustments that still run, or were stopped."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from temporalio.client import Client

from holdfast_client import AdjustmentConflict, HoldfastError, ReservationClient
from holdfast_client.contract.names import adjustment_workflow_id
from tests.client.waiting import started


async def test_an_adjustment_that_still_runs_is_joined_by_the_same_change_only(
    client: ReservationClient, temporal_client: Client, checkout_id: str
) -> None:
    def receive(quantity: int) -> Any:
        return client.adjust_stock(checkout_id, "MUG", "receive", quantity, reason="wait")

    first = asyncio.create_task(receive(5))
    second = asyncio.create_task(receive(5))
    handle = temporal_client.get_workflow_handle(adjustment_workflow_id(checkout_id))
    await started(handle)
    with pytest.raises(AdjustmentConflict, match=checkout_id):
        await receive(6)
    await handle.signal("release")
    assert (await first) == (await second)
    assert (await receive(5)).status == "applied"


async def test_a_terminated_adjustment_says_to_look_at_the_figures(
    client: ReservationClient, temporal_client: Client, checkout_id: str
) -> None:
    adjusting = asyncio.create_task(
        client.adjust_stock(checkout_id, "MUG", "receive", 5, reason="wait")
    )
    handle = temporal_client.get_workflow_handle(adjustment_workflow_id(checkout_id))
    await started(handle)
    await handle.terminate(reason="by support")
    with pytest.raises(HoldfastError, match=r"by support.*figures"):
        await adjusting
