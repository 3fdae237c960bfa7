"""Lists of checkouts, from Temporal's own index."""

from __future__ import annotations

import pytest
from temporalio.client import Client

from holdfast_client import ReservationClient
from tests.client.waiting import eventually, workflow_of


async def test_a_terminated_checkout_is_listed_as_interrupted_and_no_longer_as_held(
    client: ReservationClient, temporal_client: Client, checkout_id: str
) -> None:
    await client.reserve(checkout_id, [("MUG", 1)], customer_id=checkout_id)
    await workflow_of(temporal_client, checkout_id).terminate(reason="by support")
    rows = await eventually(
        lambda: client.list(customer_id=checkout_id, status="interrupted"), lambda rows: rows
    )
    assert [row.checkout_id for row in rows] == [checkout_id]
    assert rows[0].closed_at is not None
    assert await client.list(customer_id=checkout_id, status="pending") == []


async def test_a_checkout_that_continued_as_new_is_listed_once(
    client: ReservationClient, temporal_client: Client, checkout_id: str
) -> None:
    await client.reserve(checkout_id, [("MUG", 1)], cart_id="restart", customer_id=checkout_id)
    await client.confirm(checkout_id, "pay_1")
    rows = await eventually(
        lambda: client.list(customer_id=checkout_id), lambda rows: rows and rows[0].closed_at
    )
    assert len(rows) == 1


@pytest.mark.parametrize(
    "text", ["O'Brien", "x' OR '1'='1", "50%", "a_b", "(a) AND b", "é😀", "a;b--c", "`a`", "[a],b"]
)
async def test_a_list_takes_every_text_for_what_it_is(
    client: ReservationClient, checkout_id: str, text: str
) -> None:
    customer = f"{checkout_id}{text}."
    await client.reserve(checkout_id, [(customer, 1)], customer_id=customer, cart_id="ok")
    rows = await eventually(
        lambda: client.list(customer_id=customer, sku=customer), lambda rows: rows
    )
    assert [(row.checkout_id, row.skus) for row in rows] == [(checkout_id, (customer,))]
