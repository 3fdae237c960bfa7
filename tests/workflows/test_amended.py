"""A cart that changes while it is held or paid: all of the new lines, or the old ones."""

from __future__ import annotations

import asyncio

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from activities.inventory.amendment_records import HoldAmendment
from holdfast_client.contract.messages import Line
from tests.workflows.histories import details_of, failed_tasks_of, kinds_of, summaries_of
from tests.workflows.stage import Stage, at_work
from tests.workflows.test_committed import line
from tests.workflows.test_message_races import admitted
from tests.workflows.test_resets import reset
from tests.workflows.till import refusal_of


async def test_an_amendment_takes_the_place_of_the_lines_and_moves_no_deadline(
    stage: Stage, unique: str
):
    till, mug = stage.till, stage.stock(f"{unique}-a", 5)
    pen = stage.stock(f"{unique}-b", 5)
    held = await till.reserve(unique, {mug: 3})
    answer = await till.amend(unique, {mug: 5, pen: 1}, revision=1)
    assert answer == {**held, "lines": [line(mug, 5), line(pen, 1)], "revision": 2}
    report = await till.status(unique)
    assert (report["lines"], report["revision"]) == (answer["lines"], 2)
    assert report["expires_at"] == held["expires_at"]
    sold = await till.confirm(unique)
    assert (sold["lines"], sold["released"]) == ([line(mug, 5), line(pen, 1)], [])
    assert await till.events(unique) == ["held", "amended", "fulfilled"]
    assert stage.shop.figures(mug) == (0, 0, 0)
    assert not await failed_tasks_of(till.handle(unique))


async def test_an_amendment_costs_no_timer_and_no_change_of_what_it_is_found_by(
    stage: Stage, unique: str
):
    till, sku = stage.till, stage.stock(unique, 9)
    await till.reserve(unique, {sku: 3})
    before = await kinds_of(till.handle(unique))
    await till.amend(unique, {sku: 5})
    added = (await kinds_of(till.handle(unique)))[len(before) :]
    assert not {"TIMER_STARTED", "TIMER_CANCELED", "UPSERT_WORKFLOW_SEARCH_ATTRIBUTES"} & {*added}
    assert added.count("MARKER_RECORDED") == 1


async def test_a_refused_amendment_names_every_short_line_and_leaves_the_hold(
    stage: Stage, unique: str
):
    till, mug = stage.till, stage.stock(f"{unique}-a", 5)
    pen = stage.stock(f"{unique}-b", 1)
    held = await till.reserve(unique, {mug: 3})
    refusal = await refusal_of(till.amend(unique, {mug: 6, pen: 2}))
    assert refusal.type == "AmendmentRefused"
    short = {"location": "main", "reason": "insufficient", "next_expiry": None}
    assert refusal.details[0] == {
        "shortages": [
            {"sku": mug, "requested": 6, "available": 5, **short},
            {"sku": pen, "requested": 2, "available": 1, **short},
        ],
        "limits": [],
    }
    assert await till.reserve(unique, {mug: 3}) == held
    assert stage.shop.figures(mug) == (5, 3, 2)
    assert (await till.events(unique))[-1] == "amendment refused"


async def test_a_lost_update_is_noticed_by_the_revision(stage: Stage, unique: str):
    till, sku = stage.till, stage.stock(unique, 9)
    await till.reserve(unique, {sku: 3})
    answers = await asyncio.gather(
        *(till.amend(unique, {sku: n}, revision=1) for n in (4, 5, 6)), return_exceptions=True
    )
    made = [answer for answer in answers if isinstance(answer, dict)]
    assert len(made) == 1
    refusal = await refusal_of(till.amend(unique, {sku: 1}, revision=1))
    assert refusal.type == "RevisionConflict"
    assert refusal.details[0] == {"revision": 2, "lines": made[0]["lines"]}


async def test_what_is_over_is_not_amended_and_says_what_stands(own_stage: Stage, unique: str):
    till, sku = own_stage.till, own_stage.stock(unique, 9)
    held = await till.reserve(unique, {sku: 3})
    own_stage.turn_clock(900)
    late = await refusal_of(till.amend(unique, {sku: 4}))
    assert (late.type, late.details[0]) == ("HoldNotActive", {"standing": held})
    result = await till.result(unique)
    assert result["status"] == "expired"
    assert own_stage.shop.figures(sku) == (9, 0, 9)


async def test_an_empty_amendment_is_no_cancellation(stage: Stage, unique: str):
    till, sku = stage.till, stage.stock(unique, 9)
    await till.reserve(unique, {sku: 3})
    refusal = await refusal_of(till.amend(unique, {}))
    assert (refusal.type, refusal.details[0]) == ("InvalidRequest", "lines")
    assert stage.shop.figures(sku) == (9, 3, 6)


async def test_an_amendment_stays_before_the_payment_that_came_after_it(
    idle_stage: Stage, unique: str
):
    till, sku = idle_stage.till, idle_stage.stock(unique, 9)
    async with at_work(idle_stage):
        await till.reserve(unique, {sku: 3})
    lines = [{"sku": sku, "quantity": 5}]
    amended = await admitted(till, unique, "amend", {"lines": lines})
    sold = await admitted(till, unique, "confirm", {"payment_reference": "pay_1"})
    async with at_work(idle_stage):
        assert (await amended)["revision"] == 2
        assert (await sold)["lines"] == [line(sku, 5)]


async def test_a_reset_amends_nothing_again(stage: Stage, unique: str):
    till, sku = stage.till, stage.stock(unique, 9)
    await till.reserve(unique, {sku: 3})
    await till.amend(unique, {sku: 5})
    await till.amend(unique, {sku: 4})
    before = await till.status(unique)
    await reset(stage, unique)
    await till.until_event(unique, "held")
    report = await till.status(unique)
    assert (report["lines"], report["revision"]) == (before["lines"], 3)
    assert (await till.confirm(unique))["lines"] == [line(sku, 4)]
    assert stage.shop.figures(sku) == (5, 0, 5)
    assert await failed_tasks_of(till.handle(unique)) == ["by hand"]


async def test_a_cart_of_300_lines_is_amended_whole(stage: Stage, unique: str):
    till, skus = stage.till, [f"{unique}-{n:03}" for n in range(300)]
    for sku in skus:
        stage.stock(sku, 5)
    await till.reserve(unique, dict.fromkeys(skus, 1))
    answer = await till.amend(unique, dict.fromkeys(skus[:299], 3))
    assert (len(answer["lines"]), answer["revision"]) == (299, 2)
    refusal = await refusal_of(till.amend(unique, dict.fromkeys(skus, 6)))
    assert len(refusal.details[0]["shortages"]) == 300
    assert stage.shop.figures(skus[299]) == (5, 0, 5)
    assert not await failed_tasks_of(till.handle(unique))


async def test_support_reads_what_was_asked_for_and_what_came_of_it(stage: Stage, unique: str):
    till, sku = stage.till, stage.stock(unique, 5)
    await till.reserve(unique, {sku: 1})
    await till.amend(unique, {sku: 3}, reason="two more", actor="sam")
    await refusal_of(till.amend(unique, {sku: 9}))
    assert f"Hold 3 {sku} instead (sam: two more)" in await summaries_of(till.handle(unique))
    details = await details_of(till.handle(unique))
    assert "3 units of 1 SKU instead: two more" in details
    assert f"{sku}: 9 asked, 5 free" in details


async def test_what_was_made_and_has_expired_since_is_refused_with_where_it_stands(
    stage: Stage, unique: str
):
    """As where the answer of the first try was lost, and the sweep came before the second."""
    till, sku = stage.till, stage.stock(unique, 9)
    await till.reserve(unique, {sku: 3})
    lines = (Line(sku=sku, quantity=2, location="main"),)
    made = stage.ledger.amend(HoldAmendment(unique, "u-1", lines, reason="one less", actor="web"))
    assert made.verdict == "done"
    stage.shop.sql(
        "UPDATE holdfast.reservations SET expires_at = holdfast.clock() WHERE checkout_id = :id",
        id=unique,
    )
    assert stage.shop.expire(unique).status == "expired"
    message = {"lines": [line.model_dump() for line in lines], "reason": "one less", "actor": "web"}
    with pytest.raises(WorkflowUpdateFailedError) as raised:
        await till.handle(unique).execute_update("amend", message, id="u-1")
    assert isinstance(raised.value.cause, ApplicationError)
    assert raised.value.cause.type == "HoldNotActive"
    assert raised.value.cause.details[0]["standing"]["status"] == "expired"
