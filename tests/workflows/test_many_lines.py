"""Checkouts with as many lines as there may be, under the longest names."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final

from temporalio.api.common.v1 import Payload
from temporalio.client import WorkflowUpdateFailedError
from temporalio.common import RawValue

from activities.inventory.records import StockRow
from holdfast_client.contract.fields import LINES_EVER_MAX, LINES_MAX
from tests.workflows.histories import failed_tasks_of
from tests.workflows.stage import Stage
from tests.workflows.till import refusal_of

LENGTH: Final = 100
# Of all that a name may have, these take the most bytes.
LARGE: Final = "\U00010400"


def _lines(word: str, letter: str, quantity: int = 2) -> list[dict[str, Any]]:
    return [
        {
            "sku": f"{word}-{number:04}-".ljust(LENGTH, letter),
            "location": "place-".ljust(LENGTH, letter),
            "quantity": quantity,
        }
        for number in range(LINES_MAX)
    ]


def _stock(stage: Stage, lines: list[dict[str, Any]]) -> None:
    stage.ledger.load_stock([StockRow(line["sku"], line["location"], 5) for line in lines])


def _raw(message: Any) -> Any:
    """Return a message as a service in another language writes it: names in UTF-8."""
    data = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
    return RawValue(Payload(metadata={"encoding": b"json/plain"}, data=data))


async def _reserved(stage: Stage, checkout_id: str, lines: list[dict[str, Any]]) -> None:
    handle = await stage.client.start_workflow(
        "CheckoutWorkflow",
        _raw({"checkout_id": checkout_id, "lines": lines}),
        id=f"checkout/{checkout_id}",
        task_queue=stage.till.task_queue,
    )
    held = await handle.execute_update(
        "reserved", _raw({"checkout_id": checkout_id, "lines": lines})
    )
    assert (held["status"], len(held["lines"])) == ("held", LINES_MAX)


async def test_carts_that_were_wholly_changed_again_and_again_are_paid(stage: Stage, unique: str):
    till, first, second = stage.till, _lines(f"{unique}-a", "x"), _lines(f"{unique}-b", "x")
    _stock(stage, [*first, *second])
    await _reserved(stage, unique, first)
    half = [*first[:500], *second[:500]]
    refused = await refusal_of(till.update(unique, "amend", {"lines": half}))
    assert refused.type == "AmendmentRefused"
    assert refused.details[0]["limits"] == [
        {
            "sku": None,
            "per": "lines",
            "limit": LINES_EVER_MAX,
            "already": LINES_MAX,
            "requested": 500,
        }
    ]
    # Its own lines may go and come again as often as anybody likes.
    for lines in (first[:1], first[1:], first):
        amended = await till.update(unique, "amend", {"lines": lines})
        assert len(amended["lines"]) == len(lines)
    one_each = [line | {"quantity": 1} for line in first]
    await till.update(unique, "amend", {"lines": one_each})
    paid = await till.confirm(unique)
    assert (paid["status"], len(paid["lines"]), len(paid["released"])) == (
        "fulfilled",
        LINES_MAX,
        LINES_MAX,
    )
    assert await till.result(unique) == paid
    assert await failed_tasks_of(till.handle(unique)) == []


async def test_many_who_wait_for_a_large_checkout_are_all_answered(stage: Stage, unique: str):
    """Temporal takes 4 MiB of a workflow task, and each of these is told nearly one."""
    till, lines = stage.till, _lines(unique, LARGE)
    _stock(stage, lines)
    await _reserved(stage, unique, lines)
    held = await asyncio.gather(*(till.extend(unique, 1) for _ in range(3)))
    assert {(each["status"], len(each["lines"])) for each in held} == {("held", LINES_MAX)}
    paid = asyncio.create_task(till.confirm(unique))
    late = await asyncio.gather(*(till.extend(unique, 1) for _ in range(3)), return_exceptions=True)
    refused = [each for each in late if isinstance(each, BaseException)]
    assert {type(each) for each in refused} <= {WorkflowUpdateFailedError}
    # Whoever was served before the payment holds on.
    assert {each["status"] for each in late if not isinstance(each, BaseException)} <= {"held"}
    assert (await paid)["status"] == "fulfilled"
    assert await till.result(unique) == await paid
    assert await failed_tasks_of(till.handle(unique)) == []


async def test_what_was_sold_and_given_back_of_every_line_under_the_largest_names_is_told(
    stage: Stage, unique: str
):
    till, lines = stage.till, _lines(unique, LARGE)
    _stock(stage, lines)
    await _reserved(stage, unique, lines)
    await till.commit(unique)
    one_each = [line | {"quantity": 1} for line in lines]
    last = await till.update(
        unique, "fulfil", _raw({"shipment_id": "s-1", "lines": one_each, "rest": "release"})
    )
    assert (last["status"], len(last["lines"])) == ("fulfilled", LINES_MAX)
    assert len(last["released"]) > 200
    assert len(last["released"]) + last["released_left_out"] == LINES_MAX
    assert await till.result(unique) == last
    assert len((await till.status(unique))["lines"]) == LINES_MAX
    assert await failed_tasks_of(till.handle(unique)) == []
