"""Calls that get no answer: they end in time, and say what to do."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable

import pytest
from temporalio.client import Client

from holdfast_client import OutcomeUnknown, ReservationClient


async def test_no_answer_in_time_names_the_checkout_and_says_to_ask_again(
    hasty_client: ReservationClient, checkout_id: str
) -> None:
    with pytest.raises(OutcomeUnknown, match=f"{checkout_id}.*ask again with the same checkout id"):
        await hasty_client.reserve(checkout_id, [("MUG", 1)], cart_id="silent")
    with pytest.raises(OutcomeUnknown, match=checkout_id):
        await hasty_client.confirm(checkout_id, "pay_1")


async def test_no_answer_comes_where_no_worker_runs(
    temporal_client: Client, checkout_id: str
) -> None:
    client = ReservationClient(
        temporal_client, task_queue=f"nobody-{uuid.uuid4()}", answer_timeout_seconds=0.7
    )
    asked: list[Callable[[], Awaitable[object]]] = [
        lambda: client.reserve(checkout_id, [("MUG", 1)]),
        lambda: client.cancel(checkout_id),
        lambda: client.status(checkout_id),
        lambda: client.adjust_stock(checkout_id, "MUG", "receive", 1),
    ]
    for ask in asked:
        with pytest.raises(OutcomeUnknown, match=checkout_id):
            await ask()


async def test_what_was_not_answered_is_answered_when_asked_again(
    client: ReservationClient, temporal_client: Client, checkout_id: str, task_queue: str
) -> None:
    hurried = ReservationClient(temporal_client, task_queue=task_queue, answer_timeout_seconds=1e-6)
    with pytest.raises(OutcomeUnknown):
        await hurried.reserve(checkout_id, [("MUG", 1)])
    assert (await client.reserve(checkout_id, [("MUG", 1)])).status == "held"


async def test_the_callers_cancellation_passes_through_untouched(
    client: ReservationClient, checkout_id: str
) -> None:
    reserving = asyncio.create_task(client.reserve(checkout_id, [("MUG", 1)], cart_id="silent"))
    await asyncio.sleep(0.3)
    reserving.cancel("the shopper left")
    with pytest.raises(asyncio.CancelledError, match="the shopper left"):
        await reserving


async def test_the_callers_own_timeout_is_the_one_that_the_caller_sees(
    client: ReservationClient, checkout_id: str
) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await client.reserve(checkout_id, [("MUG", 1)], cart_id="silent")
