"""Two thousand updates on one checkout: every one is answered, in as many runs as it takes."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from temporalio.service import RPCError, RPCStatusCode

from tests.messages.crowd import answer_of, at_once, failed_tasks_of_all_runs, runs_of
from tests.messages.mutations import bad_messages
from tests.workflows.histories import events_of
from tests.workflows.stage import Stage
from tests.workflows.till import moment, request
from tests.workflows.waiting import queried
from workflows.policies import HISTORY_EVENTS_MAX

# Fewer than the server takes at a time: one that is refused for that waits longer and longer.
SENDERS = 8
UPDATES_SENT = 2_000
EXTENSIONS = 40
# Once it is long a run still serves what has come; each update writes two events, an extension
# eleven, an amendment some more.
ROOM = 200


def cases(checkout_id: str, sku: str) -> list[tuple[str, list[Any], str]]:
    """Return updates, and what each is to be answered: mostly the same questions again."""
    same, other = request(checkout_id, {sku: 2}), request(checkout_id, {sku: 3})
    garbage = [args for _, args in bad_messages(9, ("confirm",), UPDATES_SENT)]
    chosen: list[tuple[str, list[Any], str]] = []
    for number in range(UPDATES_SENT):
        if number % (UPDATES_SENT // EXTENSIONS) == 0:
            chosen.append(("extend_hold", [{"seconds": 1}], "held"))
        elif number % (UPDATES_SENT // EXTENSIONS) == 1:
            chosen.append(("amend", [{"lines": same["lines"]}], "held"))
        elif number % 4 == 0:
            chosen.append(("confirm", garbage[number], "InvalidRequest"))
        elif number % 4 == 1:
            chosen.append(("reserved", [other], "CheckoutConflict"))
        else:
            chosen.append(("reserved", [same], "held"))
    return chosen


async def test_two_thousand_updates_on_one_checkout_are_all_answered(stage: Stage, unique: str):
    till, sku = stage.till, stage.stock(unique, 5)
    held = await till.reserve(unique, {sku: 2})
    handle = till.handle(unique)

    async def send(case: tuple[int, tuple[str, list[Any], str]]) -> tuple[str, str]:
        number, (name, arguments, expected) = case
        answer = await answer_of(handle, name, arguments, f"{unique}-{number}")
        return expected, answer if isinstance(answer, str) else answer["status"]

    wanted = cases(unique, sku)
    answers = await at_once(SENDERS, enumerate(wanted), send)
    assert Counter(answers) == Counter((word, word) for _, _, word in wanted)
    report = await till.status(unique)
    later = moment(report["expires_at"]) - moment(held["expires_at"])
    assert later == timedelta(seconds=EXTENSIONS)
    assert report["revision"] == 1 + EXTENSIONS
    runs = await runs_of(stage.client, f"checkout/{unique}")
    lengths = [len(await events_of(run)) for run in runs]
    assert len(runs) > 1
    assert max(lengths) < HISTORY_EVENTS_MAX + ROOM
    assert not await failed_tasks_of_all_runs(stage.client, f"checkout/{unique}")
    assert (await till.confirm(unique))["status"] == "fulfilled"
    assert stage.shop.figures(sku) == (3, 0, 3)


async def test_the_same_update_sent_many_times_is_made_once(stage: Stage, unique: str):
    till, sku = stage.till, stage.stock(unique, 5)
    held = await till.reserve(unique, {sku: 2})

    async def send(_: int) -> Any:
        return await answer_of(till.handle(unique), "extend_hold", [{"seconds": 60}], "once")

    answers = await at_once(SENDERS, range(100), send)
    assert all(answer == answers[0] for answer in answers)
    assert moment(answers[0]["expires_at"]) == moment(held["expires_at"]) + timedelta(seconds=60)
    await till.cancel(unique)


async def test_whatever_comes_after_the_end_is_clearly_refused(stage: Stage, unique: str):
    till, sku = stage.till, stage.stock(unique, 5)
    await till.reserve(unique, {sku: 2})
    paid = await till.confirm(unique)
    await till.result(unique)
    handle = till.handle(unique)
    for name, arguments in bad_messages(10, ("confirm", "extend_hold", "cancel_hold"), 60):
        with pytest.raises(RPCError) as caught:
            await handle.execute_update(name, args=arguments)
        assert caught.value.status is RPCStatusCode.NOT_FOUND
        with pytest.raises(RPCError) as caught:
            await handle.signal("cancel", args=arguments)
        assert caught.value.status is RPCStatusCode.NOT_FOUND
        assert (await queried(handle, args=arguments))["status"] == "fulfilled"
    assert await till.result(unique) == paid
    assert stage.shop.figures(sku) == (3, 0, 3)
