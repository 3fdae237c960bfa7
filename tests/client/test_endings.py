"""Checkouts that are over, or end while they are asked: their workflows closed or restarted."""

from __future__ import annotations

import gc
import logging
from collections.abc import Awaitable, Callable

import pytest
from temporalio.client import Client

from holdfast_client import (
    CheckoutConflict,
    CheckoutInterrupted,
    CheckoutNotFound,
    HoldfastError,
    HoldNotActive,
    InvalidRequest,
    OutcomeUnknown,
    RefundDue,
    ReservationClient,
)
from holdfast_client.contract.names import CHECKOUT_WORKFLOW, checkout_workflow_id
from tests.client.waiting import closed, workflow_of


async def test_a_closed_checkout_answers_the_same_request_with_its_outcome(
    client: ReservationClient, temporal_client: Client, checkout_id: str
) -> None:
    await client.reserve(checkout_id, [("MUG", 1), ("MUG", 1)])
    fulfilled = await client.confirm(checkout_id, "pay_1")
    await closed(temporal_client, checkout_id)
    assert await client.reserve(checkout_id, [("MUG", 2)]) == fulfilled
    assert await client.confirm(checkout_id, "pay_2") == fulfilled
    assert await client.cancel(checkout_id) == fulfilled
    assert (await client.status(checkout_id)).status == "fulfilled"


async def test_a_closed_checkout_refuses_another_request_and_any_extension(
    client: ReservationClient, temporal_client: Client, checkout_id: str
) -> None:
    await client.reserve(checkout_id, [("MUG", 1)])
    await client.confirm(checkout_id, "pay_1")
    await closed(temporal_client, checkout_id)
    with pytest.raises(CheckoutConflict, match=checkout_id):
        await client.reserve(checkout_id, [("MUG", 2)])
    with pytest.raises(HoldNotActive, match="fulfilled"):
        await client.extend(checkout_id, 60)


async def test_a_closed_checkout_is_known_by_its_first_runs_request(
    client: ReservationClient, temporal_client: Client, checkout_id: str
) -> None:
    await client.reserve(checkout_id, [("MUG", 1)], cart_id="restart")
    await client.confirm(checkout_id, "pay_1")
    await closed(temporal_client, checkout_id)
    again = await client.reserve(checkout_id, [("MUG", 1)], cart_id="restart")
    assert again.status == "fulfilled"
    with pytest.raises(CheckoutConflict):
        await client.reserve(checkout_id, [("MUG", 2)], cart_id="restart")


async def _terminated(temporal_client: Client, checkout_id: str) -> None:
    await workflow_of(temporal_client, checkout_id).terminate(reason="by support")


async def _cancelled(temporal_client: Client, checkout_id: str) -> None:
    await workflow_of(temporal_client, checkout_id).cancel()
    await closed(temporal_client, checkout_id)


@pytest.mark.parametrize(
    ("interrupt", "how"), [(_terminated, "by support"), (_cancelled, "cancelled")]
)
async def test_an_interrupted_checkout_goes_on_without_its_workflow(
    client: ReservationClient,
    temporal_client: Client,
    checkout_id: str,
    interrupt: Callable[[Client, str], Awaitable[None]],
    how: str,
) -> None:
    await client.reserve(checkout_id, [("MUG", 1)])
    await interrupt(temporal_client, checkout_id)
    # What is known to nobody else, too, has no more to say.
    for ask in (
        lambda: client.reserve(checkout_id, [("MUG", 1)]),
        lambda: client.status(checkout_id),
    ):
        with pytest.raises(CheckoutInterrupted, match=f"{how}.*the database knows nothing"):
            await ask()
    # The rest is settled beside it.
    assert (await client.confirm(checkout_id, "pay_2")).status == "fulfilled"
    due = await client.confirm(checkout_id, "pay_2", late="refund")
    assert isinstance(due, RefundDue)
    assert due.reason == "duplicate"
    assert (await client.cancel(checkout_id)).status == "cancelled"
    for change in (
        lambda: client.extend(checkout_id, 60),
        lambda: client.fulfil(checkout_id, "s-1"),
        lambda: client.release(checkout_id, [("MUG", 1)]),
    ):
        with pytest.raises(CheckoutNotFound):
            await change()


@pytest.mark.parametrize(
    ("failure", "error", "of_a_change"),
    [
        ("InvalidRequest", InvalidRequest, InvalidRequest),
        ("CheckoutConflict", CheckoutConflict, CheckoutConflict),
        ("Bug", CheckoutInterrupted, CheckoutNotFound),
    ],
)
async def test_a_checkout_that_failed_says_why_where_the_database_knows_nothing(  # noqa: PLR0917  # fixtures, and a row of the table
    client: ReservationClient,
    temporal_client: Client,
    task_queue: str,
    checkout_id: str,
    failure: str,
    error: type[HoldfastError],
    of_a_change: type[HoldfastError],
) -> None:
    await temporal_client.start_workflow(
        CHECKOUT_WORKFLOW,
        {"checkout_id": checkout_id, "cart_id": f"fail:{failure}"},
        id=checkout_workflow_id(checkout_id),
        task_queue=task_queue,
    )
    await closed(temporal_client, checkout_id)
    with pytest.raises(HoldfastError) as refusal:
        await client.status(checkout_id)
    assert type(refusal.value) is error
    with pytest.raises(HoldfastError) as refusal:
        await client.fulfil(checkout_id, "s-1")
    assert type(refusal.value) is of_a_change
    # What is put on record anyhow is answered.
    due = await client.confirm(checkout_id, "pay_2", late="refund")
    assert isinstance(due, RefundDue)
    assert (await client.cancel(checkout_id)).status == "cancelled"


async def test_an_update_that_the_end_overtook_is_answered_by_the_result(
    client: ReservationClient, checkout_id: str
) -> None:
    await client.reserve(checkout_id, [("MUG", 1)], cart_id="lose")
    outcome = await client.confirm(checkout_id, "pay_1")
    assert outcome.status == "fulfilled"


async def test_an_update_that_a_new_run_overtook_is_sent_to_the_new_run(
    client: ReservationClient, checkout_id: str
) -> None:
    await client.reserve(checkout_id, [("MUG", 1)], cart_id="restart")
    outcome = await client.confirm(checkout_id, "pay_1")
    assert outcome.status == "fulfilled"


async def test_an_extension_that_a_new_run_overtook_is_not_sent_twice(
    client: ReservationClient, checkout_id: str
) -> None:
    await client.reserve(checkout_id, [("MUG", 1)], cart_id="restart")
    with pytest.raises(OutcomeUnknown, match="ask again with extension_id="):
        await client.extend(checkout_id, 60)


async def test_nothing_is_logged_about_an_error_that_was_raised(
    client: ReservationClient,
    temporal_client: Client,
    checkout_id: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await client.reserve(checkout_id, [("MUG", 1)])
    await client.confirm(checkout_id, "pay_1")
    await closed(temporal_client, checkout_id)
    with caplog.at_level(logging.WARNING, logger="asyncio"):
        await client.reserve(checkout_id, [("MUG", 1)])
        gc.collect()
    assert not caplog.records
