"""A payment that comes to nothing when its checkout's own workflow is gone."""

from __future__ import annotations

import pytest

from holdfast_client.client import ReservationClient
from holdfast_client.contract.errors import CheckoutNotFound
from tests.limits import HANG_SECONDS
from tests.workflows.stage import Stage
from tests.workflows.test_settlement import forget


@pytest.mark.parametrize("way", ["ended", "terminated", "deleted"])
async def test_a_payment_that_fails_after_its_workflow_may_pay_for_another_checkout(
    stage: Stage, unique: str, way: str
):
    till, sku, payment = stage.till, stage.stock(unique, 5), f"pay-{unique}"
    client = ReservationClient(
        stage.client, task_queue=stage.till.task_queue, answer_timeout_seconds=HANG_SECONDS
    )
    await till.reserve(unique, {sku: 2})
    await client.payment_started(unique, payment, 300)
    if way == "ended":
        await till.cancel(unique)
    else:
        await till.handle(unique).terminate("by hand")
        if way == "deleted":
            await forget(stage, unique)
    standing = "cancelled" if way == "ended" else "held"
    assert (await client.payment_ended(unique, payment, "cancelled")).status == standing
    assert stage.shop.payment(payment) == (unique, "failed", "cancelled")
    # Told again by a webhook, it changes nothing more.
    assert (await client.payment_ended(unique, payment, "cancelled")).status == standing
    await client.reserve(f"{unique}-2", [(sku, 1)])
    await client.payment_started(f"{unique}-2", payment, 300)
    assert (await client.confirm(f"{unique}-2", payment)).status == "fulfilled"


async def test_a_payment_that_fails_of_what_nobody_knows_leaves_no_mark(stage: Stage, unique: str):
    client = ReservationClient(
        stage.client, task_queue=stage.till.task_queue, answer_timeout_seconds=HANG_SECONDS
    )
    with pytest.raises(CheckoutNotFound):
        await client.payment_ended(unique, f"pay-{unique}")
    assert stage.shop.payment(f"pay-{unique}") is None
    assert (await stage.till.reserve(unique, {stage.stock(unique, 5): 1}))["status"] == "held"
