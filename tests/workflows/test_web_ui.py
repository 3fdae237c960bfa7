"""What support staff read in the Temporal Web UI: summaries, current details, descriptions."""

from __future__ import annotations

import pytest
from temporalio.api.sdk.v1 import WorkflowMetadata

from tests.workflows.histories import details_of, failed_tasks_of, summaries_of
from tests.workflows.stage import Stage
from tests.workflows.till import Till

# As long and as costly in JSON as a field may be: quotes double, other planes take 12 bytes.
COSTLY_TEXTS = {
    "quotes": '"',
    "backslashes": "\\",
    "faces": "\N{GRINNING FACE}",
    "umlauts": "\N{LATIN SMALL LETTER U WITH DIAERESIS}",
    "letters": "x",
}


async def test_the_timer_says_what_it_waits_for(stage: Stage, till: Till, unique: str):
    await till.reserve(unique, {stage.stock(unique, 5): 3}, customer_id="u-17")
    summaries = await summaries_of(till.handle(unique))
    assert any(
        text.startswith("Hold of 3 units of 1 SKU for u-17 ends ") and text.endswith("unless paid")
        for text in summaries
    )


async def test_the_current_details_tell_the_whole_story(stage: Stage, till: Till, unique: str):
    sku = stage.stock(unique, 5)
    await till.reserve(unique, {sku: 3})
    assert "**held**: 3 units of 1 SKU until" in await details_of(till.handle(unique))
    await till.cancel(unique, "too dear")
    await till.result(unique)
    details = await details_of(till.handle(unique))
    assert "**cancelled**: too dear" in details
    assert f"| {sku} | main | 3 |" in details
    assert "| cancelled | shopper | too dear |" in details


async def test_the_dialogs_of_signals_and_updates_show_an_example(
    stage: Stage, till: Till, unique: str
):
    await till.reserve(unique, {stage.stock(unique, 5): 3})
    metadata: WorkflowMetadata = await till.handle(unique).query(
        "__temporal_workflow_metadata", result_type=WorkflowMetadata
    )
    signals = {known.name: known.description for known in metadata.definition.signal_definitions}
    updates = {known.name: known.description for known in metadata.definition.update_definitions}
    assert '{"seconds": 600' in signals["extend"]
    assert '{"reason": ""' in signals["cancel"]
    assert set(updates) >= {"reserved", "confirm", "extend_hold", "cancel_hold"}
    assert "payment_reference" in updates["confirm"]


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
