"""What support staff read in the Temporal Web UI: summaries, current details, descriptions."""

from __future__ import annotations

import re
from typing import Final

import pytest
from temporalio.api.sdk.v1 import WorkflowMetadata

from holdfast_client.contract.fields import Message
from holdfast_client.contract.messages import Cancellation, Confirmation, Extension
from tests.workflows.histories import details_of, failed_tasks_of, summaries_of
from tests.workflows.stage import Stage, at_work, open_stage
from tests.workflows.till import Till, moment
from tests.workflows.waiting import queried

MESSAGES: Final[dict[str, type[Message]]] = {
    "extend": Extension,
    "cancel": Cancellation,
    "confirm": Confirmation,
    "extend_hold": Extension,
    "cancel_hold": Cancellation,
}

# As long and as costly in JSON as a field may be: quotes double, other planes take 12 bytes.
COSTLY_TEXTS = {
    "quotes": '"',
    "backslashes": "\\",
    "faces": "\N{GRINNING FACE}",
    "umlauts": "\N{LATIN SMALL LETTER U WITH DIAERESIS}",
    "letters": "x",
}


async def test_the_timeline_says_what_was_held_extended_and_sold(
    stage: Stage, till: Till, unique: str
):
    sku = stage.stock(unique, 5)
    await till.reserve(unique, {sku: 3}, customer_id="u-17")
    message = {"seconds": 600, "reason": "bank is slow", "actor": "sam"}
    until = moment((await till.update(unique, "extend_hold", message))["expires_at"])
    await till.confirm(unique, f"p{unique}")
    reserve, hold, extension, _, longer_hold, sale, _ = await summaries_of(till.handle(unique))
    assert reserve == f"Reserve 3 {sku} for u-17: all or none"
    assert hold.startswith("Held for u-17 until ")
    assert hold.endswith(f" unless paid: 3 {sku}")
    assert extension == f"10m longer, until {until:%Y-%m-%d %H:%M:%S} UTC (sam: bank is slow)"
    assert f"{until:%H:%M:%S}" in longer_hold
    assert sale == f"Sell 3 {sku} (web: payment p{unique})"


async def test_stock_that_is_given_back_is_named_in_the_timeline(
    stage: Stage, till: Till, unique: str
):
    sku = stage.stock(unique, 5)
    await till.reserve(unique, {sku: 3})
    await till.cancel(unique, "too dear")
    await till.result(unique)
    *_, ending, _ = await summaries_of(till.handle(unique))
    assert ending == f"Give back 3 {sku}, cancelled (shopper: too dear)"


async def test_a_private_worker_names_nobody_and_nothing_in_the_timeline(
    session_database_url: str, temporal_address: str, unique: str
):
    private = open_stage(session_database_url, temporal_address, unique, private_metadata=True)
    async with private as stage, at_work(stage):
        sku = stage.stock(f"SECRET-{unique}", 5)
        for checkout_id in (f"{unique}-paid", f"{unique}-cancelled"):
            await stage.till.reserve(checkout_id, {sku: 1}, customer_id="SECRET")
        message = {"seconds": 60, "reason": "SECRET", "actor": "SECRET"}
        await stage.till.update(f"{unique}-paid", "extend_hold", message)
        await stage.till.confirm(f"{unique}-paid", "SECRET")
        await stage.till.cancel(f"{unique}-cancelled", "SECRET")
        summaries = [
            *await summaries_of(stage.till.handle(f"{unique}-paid")),
            *await summaries_of(stage.till.handle(f"{unique}-cancelled")),
        ]
    assert len(set(summaries)) > 5
    assert [text for text in summaries if "SECRET" in text] == []


async def test_the_current_details_tell_all_that_became_of_it(
    stage: Stage, till: Till, unique: str
):
    sku = stage.stock(unique, 5)
    await till.reserve(unique, {sku: 3})
    assert "**held** until " in await details_of(till.handle(unique))
    await till.cancel(unique, "too dear")
    await till.result(unique)
    details = " ".join((await details_of(till.handle(unique))).split())
    assert re.search(r"\*\*cancelled\*\* at .* UTC \(shopper: too dear\)", details)
    assert f"| {sku} | main | 3 |" in details
    assert "| cancelled | shopper | too dear |" in details


async def test_the_dialogs_of_signals_and_updates_show_an_example_that_is_valid(
    stage: Stage, till: Till, unique: str
):
    await till.reserve(unique, {stage.stock(unique, 5): 3})
    metadata: WorkflowMetadata = await queried(
        till.handle(unique), "__temporal_workflow_metadata", result_type=WorkflowMetadata
    )
    definition = metadata.definition
    messages = (*definition.signal_definitions, *definition.update_definitions)
    told = {known.name: known.description for known in messages}
    for name, model in MESSAGES.items():
        model.model_validate_json(told[name][told[name].index("{") :])


@pytest.mark.parametrize("character", COSTLY_TEXTS.values(), ids=COSTLY_TEXTS.keys())
async def test_no_text_is_too_long_or_too_strange_for_a_summary(
    stage: Stage, till: Till, unique: str, character: str
):
    sku = stage.stock(unique, 5)
    await till.reserve(unique, {sku: 1}, customer_id=character * 200, cart_id=character * 200)
    await till.update(
        unique, "extend_hold", {"seconds": 1, "reason": character * 500, "actor": character * 500}
    )
    answer = await till.update(
        unique, "cancel_hold", {"reason": character * 500, "actor": character * 500}
    )
    assert answer["reason"] == character * 500
    assert await till.result(unique) == answer
    assert not await failed_tasks_of(till.handle(unique))
    adjustment = {
        "adjustment_id": unique,
        "sku": character * 100,
        "kind": "receive",
        "quantity": 1,
        "reason": character * 500,
        "actor": character * 500,
    }
    applied = await till.client.execute_workflow(
        "AdjustStockWorkflow", adjustment, id=f"stock/{unique}", task_queue=till.task_queue
    )
    assert applied["status"] == "applied"
    assert max(len(text) for text in await summaries_of(till.handle(unique))) < 400
