"""A paid checkout whose goods are still on the shelf: shipped, given back in parts, ended."""

from __future__ import annotations

from typing import Any

import pytest
from temporalio.common import SearchAttributeKey

from tests.workflows.histories import details_of, failed_tasks_of, kinds_of
from tests.workflows.stage import Stage, at_work
from tests.workflows.test_message_races import admitted
from tests.workflows.test_resets import reset
from tests.workflows.till import Till, refusal_of
from tests.workflows.waiting import until

WEEK_SECONDS = 7 * 86_400


def line(sku: str, quantity: int) -> dict[str, Any]:
    return {"sku": sku, "location": "main", "quantity": quantity}


async def committed(stage: Stage, unique: str, quantity: int = 3) -> tuple[Till, str]:
    sku = stage.stock(unique, 10)
    await stage.till.reserve(unique, {sku: quantity})
    answer = await stage.till.commit(unique)
    assert answer == {
        "status": "committed",
        "payment_reference": f"pay-{unique}",
        "lines": [line(sku, quantity)],
        "revision": 1,
        "at": answer["at"],
        "duplicate_payment": False,
        "reinstated": False,
    }
    return stage.till, sku


async def test_a_committed_checkout_has_no_deadline_and_keeps_its_stock(stage: Stage, unique: str):
    till, sku = await committed(stage, unique)
    await stage.pass_time(till.handle(unique), 86_400)
    report = await till.status(unique)
    assert (report["status"], report["expires_at"], report["revision"]) == ("committed", None, 1)
    assert stage.shop.figures(sku) == (10, 3, 7)
    found = (await till.handle(unique).describe()).typed_search_attributes
    assert found[SearchAttributeKey.for_keyword("CheckoutStatus")] == "committed"
    details = await details_of(till.handle(unique))
    assert "**committed**" in details
    assert "to be shipped" in details


async def test_a_second_payment_is_named_and_sells_nothing(stage: Stage, unique: str):
    till, sku = await committed(stage, unique)
    for payment, is_second in ((f"pay-{unique}", False), (f"second-{unique}", True)):
        for settle in (till.commit, till.confirm):
            answer = await settle(unique, payment)
            assert (answer["status"], answer["duplicate_payment"]) == ("committed", is_second)
            assert answer["payment_reference"] == f"pay-{unique}"
    assert (await till.events(unique)).count("paid twice") == 2
    assert stage.shop.figures(sku) == (10, 3, 7)


async def test_shipments_end_it_once_with_all_that_left(stage: Stage, unique: str):
    till, sku = await committed(stage, unique)
    first = await till.ship(unique, "s-1", {sku: 1})
    assert (first["status"], first["lines"], first["revision"]) == (
        "committed",
        [line(sku, 2)],
        1,
    )
    assert await till.ship(unique, "s-1", {sku: 1}) == first
    report = await till.status(unique)
    assert [(s["shipment_id"], s["units"], s["lines"]) for s in report["shipments"]] == [
        ("s-1", 1, [line(sku, 1)])
    ]
    last = await till.ship(unique, "s-2")
    assert last["status"] == "fulfilled"
    assert (last["lines"], last["released"]) == ([line(sku, 3)], [])
    assert await till.result(unique) == last
    assert stage.shop.figures(sku) == (7, 0, 7)
    events = await till.events(unique)
    assert events == ["held", "committed", "shipped", "shipped", "fulfilled"]
    assert not await failed_tasks_of(till.handle(unique))


async def test_the_rest_of_a_shipment_is_given_back(stage: Stage, unique: str):
    till, sku = await committed(stage, unique)
    answer = await till.ship(unique, "s-1", {sku: 1}, rest="release")
    assert answer["status"] == "fulfilled"
    assert (answer["lines"], answer["released"]) == ([line(sku, 1)], [line(sku, 2)])
    assert stage.shop.figures(sku) == (9, 0, 9)


async def test_what_cannot_be_is_refused_by_name_and_changes_nothing(stage: Stage, unique: str):
    till, sku = await committed(stage, unique)
    await till.ship(unique, "s-1", {sku: 1})
    over = await refusal_of(till.ship(unique, "s-2", {sku: 3}))
    assert (over.type, over.details[0]) == ("OverOpen", {"lines": [line(sku, 2)]})
    unknown = await refusal_of(till.give_back(unique, {"no-such": 1}))
    assert (unknown.type, unknown.details[0]) == ("OverOpen", {"lines": [line(sku, 2)]})
    other = await refusal_of(till.ship(unique, "s-1", {sku: 2}))
    assert (other.type, other.details[0]) == ("OperationConflict", {"differs": ["lines"]})
    longer = await refusal_of(till.extend(unique, 60))
    assert longer.type == "HoldNotActive"
    assert longer.details[0]["standing"]["status"] == "committed"
    assert stage.shop.figures(sku) == (9, 2, 7)


async def test_a_hold_is_not_shipped_and_tells_where_it_stands(stage: Stage, unique: str):
    sku = stage.stock(unique, 5)
    held = await stage.till.reserve(unique, {sku: 2})
    refused = await refusal_of(stage.till.ship(unique, "s-1"))
    assert (refused.type, refused.details[0]) == ("HoldNotActive", {"standing": held})


async def test_a_part_of_a_hold_is_given_back_and_all_of_it_cancels(stage: Stage, unique: str):
    till, sku = stage.till, stage.stock(unique, 5)
    held = await till.reserve(unique, {sku: 3})
    answer = await till.give_back(unique, {sku: 1})
    assert answer == {
        **held,
        "lines": [line(sku, 2)],
        "revision": 2,
    }
    assert stage.shop.figures(sku) == (5, 2, 3)
    assert (await till.status(unique))["lines"] == [line(sku, 2)]
    ended = await till.give_back(unique, {sku: 2})
    assert (ended["status"], ended["reason"], ended["actor"]) == ("cancelled", "less", "shopper")
    assert await till.result(unique) == ended
    assert stage.shop.figures(sku) == (5, 0, 5)


@pytest.mark.parametrize("way", ["update", "signal", "temporal"])
@pytest.mark.parametrize("shipped", [0, 1])
async def test_each_cancellation_ends_what_is_committed(
    stage: Stage, unique: str, way: str, shipped: int
):
    till, sku = await committed(stage, unique)
    if shipped:
        await till.ship(unique, "s-1", {sku: shipped})
    if way == "update":
        await till.cancel(unique)
    elif way == "signal":
        await till.signal(unique, "cancel", {"reason": "on the phone"})
    else:
        await till.handle(unique).cancel()
    result = await till.result(unique)
    if shipped:
        assert result["status"] == "fulfilled"
        assert (result["lines"], result["released"]) == ([line(sku, 1)], [line(sku, 2)])
    else:
        assert result["status"] == "cancelled"
    assert stage.shop.figures(sku) == (10 - shipped, 0, 10 - shipped)
    assert stage.ledger.drift() == ()


async def test_a_shipment_goes_before_a_cancellation_that_came_after_it(
    idle_stage: Stage, unique: str
):
    till, sku = idle_stage.till, idle_stage.stock(unique, 10)
    async with at_work(idle_stage):
        await till.reserve(unique, {sku: 3})
        await till.commit(unique)
    lines = [{"sku": sku, "quantity": 1}]
    # Without a worker they wait at the server, in this order.
    first = await admitted(till, unique, "fulfil", {"shipment_id": "s-1", "lines": lines})
    cancelled = await admitted(till, unique, "cancel_hold", {"reason": "gone"})
    second = await admitted(till, unique, "fulfil", {"shipment_id": "s-2", "lines": lines})
    async with at_work(idle_stage):
        assert (await first)["lines"] == [line(sku, 2)]
        outcome = await cancelled
        assert (outcome["lines"], outcome["released"]) == ([line(sku, 1)], [line(sku, 2)])
        assert (await refusal_of(second)).type == "HoldNotActive"
    assert idle_stage.shop.figures(sku) == (9, 0, 9)


async def test_after_a_week_it_goes_on_in_a_new_run(stage: Stage, unique: str):
    till, sku = await committed(stage, unique)
    await till.ship(unique, "s-1", {sku: 1})
    before = await till.status(unique)
    first = await till.handle(unique).describe()
    await stage.pass_time(till.handle(unique), WEEK_SECONDS + 60)

    async def is_new() -> bool:
        return (await till.handle(unique).describe()).run_id != first.run_id

    await until(is_new)
    assert await till.status(unique) == before
    run = stage.client.get_workflow_handle(first.id, run_id=first.run_id)
    assert (await kinds_of(run))[-1] == "WORKFLOW_EXECUTION_CONTINUED_AS_NEW"
    last = await till.ship(unique, "s-2")
    assert (last["status"], last["lines"]) == ("fulfilled", [line(sku, 3)])


async def test_a_reset_ships_and_gives_back_nothing_again(stage: Stage, unique: str):
    till, sku = await committed(stage, unique, 5)
    await till.ship(unique, "s-1", {sku: 1})
    await till.give_back(unique, {sku: 1})
    figures = stage.shop.figures(sku)
    await reset(stage, unique)
    await till.until_event(unique, "committed")
    await until(lambda: _has_shipments(till, unique, 1))
    assert stage.shop.figures(sku) == figures == (9, 3, 6)
    last = await till.ship(unique, "s-2")
    assert (last["lines"], last["released"]) == ([line(sku, 4)], [line(sku, 1)])


async def _has_shipments(till: Till, checkout_id: str, count: int) -> bool:
    return len((await till.status(checkout_id))["shipments"]) == count


async def test_no_message_that_leaves_the_deadline_alone_starts_a_timer(stage: Stage, unique: str):
    """Each timer that is started is billed."""
    till, sku = stage.till, stage.stock(unique, 10)
    await till.reserve(unique, {sku: 5})
    await till.give_back(unique, {sku: 1})
    await till.commit(unique)
    await till.ship(unique, "s-1", {sku: 1})
    await till.give_back(unique, {sku: 1})
    await till.ship(unique, "s-2")
    await till.result(unique)
    assert (await kinds_of(till.handle(unique))).count("TIMER_STARTED") == 1


async def test_an_extension_moves_the_timer(stage: Stage, unique: str):
    till, sku = stage.till, stage.stock(unique, 10)
    await till.reserve(unique, {sku: 5})
    await till.extend(unique, 60)
    await till.confirm(unique)
    await till.result(unique)
    kinds = await kinds_of(till.handle(unique))
    assert (kinds.count("TIMER_STARTED"), kinds.count("TIMER_CANCELED")) == (2, 2)


async def test_when_the_timer_of_the_hold_rings_a_committed_checkout_waits_on(
    stage: Stage, unique: str
):
    till, sku = await committed(stage, unique)
    handle = till.handle(unique)
    await stage.pass_time(handle, 901)

    async def waits_again() -> bool:
        return (await kinds_of(handle)).count("TIMER_STARTED") == 2

    await until(waits_again)
    assert (await till.status(unique))["status"] == "committed"
    assert stage.shop.figures(sku) == (10, 3, 7)


async def test_another_shipment_under_an_id_that_has_left_is_a_conflict_at_the_end_too(
    idle_stage: Stage, unique: str
):
    till, sku = idle_stage.till, idle_stage.stock(unique, 5)
    async with at_work(idle_stage):
        await till.reserve(unique, {sku: 2})
        await till.commit(unique)
    lines = [{"sku": sku, "quantity": 1}]
    whole = await admitted(till, unique, "fulfil", {"shipment_id": "s-1"})
    other = await admitted(till, unique, "fulfil", {"shipment_id": "s-1", "lines": lines})
    again = await admitted(till, unique, "fulfil", {"shipment_id": "s-1", "lines": None})
    async with at_work(idle_stage):
        assert (await whole)["status"] == "fulfilled"
        assert (await refusal_of(other)).type == "OperationConflict"
        assert (await again)["status"] == "fulfilled"
        assert (await till.events(unique)).count("fulfilled") == 1
    assert idle_stage.shop.figures(sku) == (3, 0, 3)
