"""Who comes now is served soon, though hundreds that came before want to be served at once."""

from __future__ import annotations

import asyncio
import statistics
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from temporalio.common import Priority
from temporalio.service import RPCError

from holdfast_client.messages import CheckoutRequest
from holdfast_client.names import CHECKOUT_WORKFLOW, RESERVED_UPDATE, checkout_workflow_id
from holdfast_client.starts import checkout_start, fairness_key
from tests.workflows.histories import events_of, kind
from tests.workflows.stage import Stage, at_work, open_stage
from tests.workflows.till import request
from tests.workflows.waiting import until
from worker.embedded import EmbeddedTemporal
from worker.embedded import temporal as temporal_module

COMPOSE_SETTINGS: Final = (
    Path(__file__).resolve().parents[2] / "deploy" / "compose" / "temporal-settings.yaml"
)
WAITING: Final = 150
FRESH: Final = 9
QUEUED_SECONDS: Final = 2.0
LONG_AGO: Final = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("later", "is_shared"),
    [
        (timedelta(seconds=59), True),
        (timedelta(minutes=1), False),
        (timedelta(days=1), False),
    ],
)
def test_checkouts_of_a_minute_share_a_key(later: timedelta, *, is_shared: bool):
    assert (fairness_key(LONG_AGO) == fairness_key(LONG_AGO + later)) == is_shared


async def test_a_shopper_who_comes_now_does_not_queue_behind_those_of_an_hour_ago(
    own_database_url: str, temporal_address: str, unique: str
):
    served_before = await _served_before_who_comes_now(own_database_url, temporal_address, unique)
    assert served_before < WAITING / 2


async def test_the_settings_of_the_compose_file_keep_queues_fair_as_well(
    own_database_url: str, unique: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    settings = yaml.safe_load(COMPOSE_SETTINGS.read_text())
    values = {key: str(only["value"]).lower() for key, (only,) in settings.items()}
    monkeypatch.setattr(temporal_module, "_SETTINGS", values)
    with EmbeddedTemporal(tmp_path / "temporal", time_skipping=True) as temporal:
        served_before = await _served_before_who_comes_now(
            own_database_url, temporal.address, unique
        )
    assert served_before < WAITING / 2


async def _served_before_who_comes_now(
    database_url: str, temporal_address: str, unique: str
) -> float:
    """Let many wait, and then some more; return how many were served before these.

    It is the median of them: a queue has partitions, which workers ask at random.
    """
    async with open_stage(
        database_url, temporal_address, unique, workflow_slots=2, activity_slots=2
    ) as stage:
        sku = stage.stock(unique, WAITING + FRESH)
        old = [f"{unique}-old-{number}" for number in range(WAITING)]
        for checkout_id in old:
            await _start_long_ago(stage, checkout_id, sku)
        began = datetime.now(UTC)
        fresh = [f"{unique}-{number}" for number in range(FRESH)]
        reserving = [asyncio.create_task(_reserve_now(stage, id, sku)) for id in fresh]
        for checkout_id in fresh:
            await until(partial(_is_known, stage, checkout_id))
        # A start is known before its task is in the queue, and nothing tells when it is.
        await asyncio.sleep(QUEUED_SECONDS)
        async with at_work(stage, sandboxed=False):
            answers = await asyncio.gather(*reserving)
            await until(lambda: stage.shop.figures(sku).reserved == WAITING + FRESH)
        assert {answer["status"] for answer in answers} == {"held"}
        assert {await _fairness_key(stage, id) for id in fresh} <= {
            fairness_key(moment) for moment in (began, datetime.now(UTC))
        }
        served = [await _served_at(stage, id) for id in old]
        return statistics.median(
            [
                sum(at < mine for at in served)
                for mine in [await _served_at(stage, id) for id in fresh]
            ]
        )


async def _start_long_ago(stage: Stage, checkout_id: str, sku: str) -> None:
    await stage.client.start_workflow(
        CHECKOUT_WORKFLOW,
        request(checkout_id, {sku: 1}),
        id=checkout_workflow_id(checkout_id),
        task_queue=stage.till.task_queue,
        priority=Priority(fairness_key=fairness_key(LONG_AGO)),
    )


async def _reserve_now(stage: Stage, checkout_id: str, sku: str) -> Any:
    """Reserve as the client does."""
    message = request(checkout_id, {sku: 1})
    start = checkout_start(CheckoutRequest(**message), message, stage.till.task_queue)
    return await stage.client.execute_update_with_start_workflow(
        RESERVED_UPDATE, message, start_workflow_operation=start
    )


async def _is_known(stage: Stage, checkout_id: str) -> bool:
    try:
        await stage.till.handle(checkout_id).describe()
    except RPCError:
        return False
    return True


async def _fairness_key(stage: Stage, checkout_id: str) -> str:
    description = await stage.till.handle(checkout_id).describe()
    return description.raw_description.workflow_execution_info.priority.fairness_key


async def _served_at(stage: Stage, checkout_id: str) -> datetime:
    """Return when a worker first took a checkout up."""
    events = await events_of(stage.till.handle(checkout_id))
    return next(
        event.event_time.ToDatetime(UTC)
        for event in events
        if kind(event) == "WORKFLOW_TASK_STARTED"
    )
