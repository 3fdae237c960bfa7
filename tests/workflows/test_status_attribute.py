"""The status attribute is kept, or left out where whoever starts a checkout asks for that."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast_client.client import ReservationClient
from holdfast_client.contract.names import STATUS_ATTRIBUTE_MEMO
from holdfast_client.contract.outcomes import Denied, Fulfilled, Held
from tests.workflows.histories import failed_tasks_of, kinds_of
from tests.workflows.stage import Stage
from tests.workflows.till import request
from tests.workflows.waiting import until

_UPSERT = "UPSERT_WORKFLOW_SEARCH_ATTRIBUTES"


def _client(stage: Stage, *, status_attribute: bool) -> ReservationClient:
    return ReservationClient(
        stage.client, task_queue=stage.till.task_queue, status_attribute=status_attribute
    )


async def _attributes_of(stage: Stage, checkout_id: str) -> dict[str, object]:
    description = await stage.till.handle(checkout_id).describe()
    pairs = {pair.key.name: pair.value for pair in description.typed_search_attributes}
    # Temporal's own, which names the worker.
    pairs.pop("BuildIds", None)
    return pairs


async def test_a_checkout_without_the_attribute_writes_none_and_works(stage: Stage, unique: str):
    client = _client(stage, status_attribute=False)
    sku = stage.stock(unique, 1)
    assert isinstance(await client.reserve(unique, [(sku, 1)], customer_id="u-1"), Held)
    assert isinstance(await client.reserve(f"{unique}-2", [(sku, 1)]), Denied)
    assert isinstance(await client.confirm(unique, "pay_1"), Fulfilled)
    for checkout_id in (unique, f"{unique}-2"):
        assert _UPSERT not in await kinds_of(stage.till.handle(checkout_id))
    assert await _attributes_of(stage, unique) == {"CustomerId": "u-1", "Skus": [sku]}


async def test_it_is_kept_unless_somebody_asks_otherwise(stage: Stage, unique: str):
    client = _client(stage, status_attribute=True)
    sku = stage.stock(unique, 1)
    await client.reserve(unique, [(sku, 1)])
    await client.confirm(unique, "pay_1")
    assert (await kinds_of(stage.till.handle(unique))).count(_UPSERT) == 2
    assert await _attributes_of(stage, unique) == {"CheckoutStatus": "fulfilled", "Skus": [sku]}


async def test_a_list_does_not_guess_at_a_status_that_is_not_kept(stage: Stage, unique: str):
    client = _client(stage, status_attribute=False)
    sku = stage.stock(unique, 1)
    await client.reserve(unique, [(sku, 1)])
    await client.confirm(unique, "pay_1")

    async def listed() -> bool:
        rows = await client.list(sku=sku, status="unknown")
        return [(row.checkout_id, row.status) for row in rows] == [(unique, "unknown")] and (
            rows[0].closed_at is not None
        )

    await until(listed)


@pytest.mark.parametrize("wish", [True, None, "no", 0, {"a": 1}])
async def test_any_other_wish_in_the_memo_leaves_it_kept(stage: Stage, unique: str, wish: Any):
    sku = stage.stock(unique, 1)
    handle = await stage.client.start_workflow(
        "CheckoutWorkflow",
        request(unique, {sku: 1}),
        id=f"checkout/{unique}",
        task_queue=stage.till.task_queue,
        memo={STATUS_ATTRIBUTE_MEMO: wish},
    )
    await stage.till.confirm(unique)
    assert (await handle.result())["status"] == "fulfilled"
    assert (await _attributes_of(stage, unique))["CheckoutStatus"] == "fulfilled"
    assert not await failed_tasks_of(handle)
