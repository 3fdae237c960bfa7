"""A run that goes on with what the ledger has: of which attempt, and by what it is found."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from temporalio.common import SearchAttributeKey

from holdfast_client.client import ReservationClient
from tests.limits import HANG_SECONDS
from tests.workflows.histories import kinds_of
from tests.workflows.stage import Stage, at_work
from tests.workflows.test_message_races import admitted
from tests.workflows.test_resets import EXTEND
from tests.workflows.test_resets_of_reinstated import expire
from tests.workflows.test_settlement import (
    forget,
    is_running,
    pay,
    settle,
    stands,
    terminated,
)
from tests.workflows.till import failure_of, moment
from tests.workflows.waiting import until


@pytest.mark.parametrize(
    ("kind", "resume"),
    [
        ("CheckoutConflict", {"attempt": 1, "digest": "00ff"}),
        ("InvalidRequest", {"attempt": 0, "digest": "00ff"}),
        ("InvalidRequest", {"attempt": 1, "digest": "xyz"}),
        ("InvalidRequest", None),
    ],
)
async def test_a_run_that_is_to_go_on_with_something_else_fails_and_changes_nothing(
    stage: Stage, unique: str, kind: str, resume: Any
):
    sku = await terminated(stage, unique)
    start = stage.client.execute_workflow(
        "CheckoutWorkflow",
        {"checkout_id": unique, "resume": resume},
        id=f"checkout/{unique}",
        task_queue=stage.till.task_queue,
    )
    failure = await failure_of(start)
    assert failure.type == kind
    assert stage.shop.figures(sku) == (5, 2, 3)


async def test_a_payment_that_meets_a_run_whose_id_is_taken_reaches_the_checkout_that_has_it(
    idle_stage: Stage, unique: str
):
    stage, till, sku = idle_stage, idle_stage.till, idle_stage.stock(unique, 5)
    client = ReservationClient(
        stage.client, task_queue=till.task_queue, answer_timeout_seconds=HANG_SECONDS
    )
    async with at_work(stage, sandboxed=False):
        await till.reserve(unique, {sku: 2})
    await till.handle(unique).terminate("by hand")
    await till.start(unique, {sku: 1})
    paying = asyncio.create_task(client.confirm(unique, f"pay-{unique}", settle="commit"))
    # So that it waits for the first task of that run; it is answered in any case.
    await asyncio.sleep(1)
    async with at_work(stage, sandboxed=False):
        assert (await paying).status == "committed"
    assert stage.shop.figures(sku) == (5, 2, 3)


async def test_a_run_that_is_to_go_on_with_an_attempt_that_there_is_not_takes_nothing_over(
    stage: Stage, unique: str
):
    sku = await terminated(stage, unique)
    handle = await stage.client.start_workflow(
        "CheckoutWorkflow",
        {"checkout_id": unique, "resume": {"attempt": 2, "digest": _digest(stage, unique)}},
        id=f"checkout/{unique}",
        task_queue=stage.till.task_queue,
    )

    async def is_decided() -> bool:
        return not await is_running(stage, unique) or await stands(stage, unique, "held")

    await until(is_decided)
    assert not await is_running(stage, unique)
    failure = await failure_of(handle.result())
    assert (failure.type, failure.details[0]) == ("CheckoutConflict", {"differs": ["attempt"]})
    # The hold is as it was, and can be paid.
    assert stage.shop.figures(sku) == (5, 2, 3)
    assert (await pay(stage, unique))["status"] == "fulfilled"


async def test_a_run_that_is_to_go_on_with_an_earlier_attempt_goes_on_with_the_last(
    stage: Stage, unique: str
):
    till, _ = stage.till, await terminated(stage, unique)
    stage.shop.sql(
        "UPDATE holdfast.reservations SET expires_at = holdfast.clock() WHERE checkout_id = :id",
        id=unique,
    )
    assert stage.shop.expire(unique).status == "expired"
    assert (await pay(stage, unique, settle="commit", late="reinstate"))["reinstated"]
    await till.handle(unique).terminate("by hand")
    await stage.client.start_workflow(
        "CheckoutWorkflow",
        {"checkout_id": unique, "resume": {"attempt": 1, "digest": _digest(stage, unique)}},
        id=f"checkout/{unique}",
        task_queue=stage.till.task_queue,
    )
    # What comes with its start still concerns the attempt that it names.
    await until(lambda: _tells(stage, unique, "committed"))
    shipped = await till.ship(unique, "s-1")
    assert (shipped["status"], shipped["reinstated"]) == ("fulfilled", True)


async def _tells(stage: Stage, checkout_id: str, status: str) -> bool:
    return bool((await stage.till.status(checkout_id))["status"] == status)


@pytest.mark.parametrize("again", ["commit", "resume"])
async def test_a_run_that_goes_on_is_found_by_customer_cart_and_sku(
    stage: Stage, unique: str, again: str
):
    till, sku = stage.till, stage.stock(unique, 5)
    await till.reserve(unique, {sku: 2}, customer_id="u-17", cart_id="41")
    await till.handle(unique).terminate("by hand")
    if again == "commit":
        await pay(stage, unique, settle="commit")
        await until(lambda: stands(stage, unique, "committed"))
    else:
        await settle(stage, unique, "resume")
        await until(lambda: stands(stage, unique, "held"))
    found = (await till.handle(unique).describe()).typed_search_attributes
    assert found[SearchAttributeKey.for_keyword("CustomerId")] == "u-17"
    assert found[SearchAttributeKey.for_keyword("CartId")] == "41"
    assert found[SearchAttributeKey.for_keyword_list("Skus")] == [sku]
    # One write: where the status is shown, too.
    kinds = await kinds_of(till.handle(unique))
    assert kinds.count("UPSERT_WORKFLOW_SEARCH_ATTRIBUTES") == 1


def _digest(stage: Stage, checkout_id: str) -> str:
    (digest,) = {
        str(row.digest)
        for row in stage.shop.sql(
            "SELECT encode(digest, 'hex') AS digest FROM holdfast.reservations "
            "WHERE checkout_id = :id",
            id=checkout_id,
        )
    }
    return digest


async def test_a_signal_like_one_before_extends_what_goes_on(stage: Stage, unique: str):
    till, sku = stage.till, stage.stock(unique, 5)
    held = await till.reserve(unique, {sku: 2})
    for number in (1, 2):
        await till.signal(unique, "extend", EXTEND)
        await till.until_event(unique, "extended")
        later = moment((await till.status(unique))["expires_at"]) - moment(held["expires_at"])
        assert later.total_seconds() == number * 600
        await till.handle(unique).terminate("by hand")
        await settle(stage, unique, "resume")
        await until(lambda: stands(stage, unique, "held"))


async def test_what_waits_for_a_fresh_run_concerns_the_last_attempt(idle_stage: Stage, unique: str):
    """The id was asked for again when Temporal had forgotten it, and a shipment came at once."""
    stage, till, sku = idle_stage, idle_stage.till, idle_stage.stock(unique, 5)
    async with at_work(stage):
        await till.reserve(unique, {sku: 2})
        expire(stage, unique)
        await till.cancel(unique)
        await till.result(unique)
        assert (await pay(stage, unique, settle="commit", late="reinstate"))["reinstated"]
        await till.handle(unique).terminate("by hand")
        await forget(stage, unique)
    await till.start(unique, {sku: 2})
    shipment = await admitted(till, unique, "fulfil", {"shipment_id": "s-1"})
    async with at_work(stage):
        assert (await shipment)["status"] == "fulfilled"
    assert stage.shop.figures(sku) == (3, 0, 3)
