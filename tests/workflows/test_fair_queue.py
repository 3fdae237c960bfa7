"""Who comes now is served soon, though hundreds that came before want to be served at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.common import Priority

from holdfast_client.contract.messages import CheckoutRequest
from holdfast_client.contract.names import CHECKOUT_WORKFLOW, RESERVED_UPDATE, checkout_workflow_id
from holdfast_client.transport.starts import checkout_start, fairness_key
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
# A queue has four partitions otherwise, which workers ask at random: by chance one is not asked for
# long, and those who came now wait in it.
ONE_QUEUE: Final = {
    "matching.numTaskqueueReadPartitions": "1",
    "matching.numTaskqueueWritePartitions": "1",
}
LONG_AGO: Final = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


def _embedded_settings() -> dict[str, str]:
    return temporal_module._SETTINGS


def _compose_settings() -> dict[str, str]:
    settings = yaml.safe_load(COMPOSE_SETTINGS.read_text())
    return {key: str(only["value"]).lower() for key, (only,) in settings.items()}


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


@pytest.mark.parametrize("settings_of", [_embedded_settings, _compose_settings])
async def test_a_shopper_who_comes_now_does_not_queue_behind_those_of_an_hour_ago(
    settings_of: Callable[[], dict[str, str]],
    own_database_url: str,
    unique: str,
    data_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(temporal_module, "_SETTINGS", settings_of() | ONE_QUEUE)
    with EmbeddedTemporal(data_dir, time_skipping=True) as temporal:
        served_before = await _served_before_who_comes_now(
            own_database_url, temporal.address, unique
        )
    assert served_before < WAITING / 2


async def _served_before_who_comes_now(
    database_url: str, temporal_address: str, unique: str
) -> int:
    """Let many wait, and then some more; return how many were served before the last of these."""
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
        await until(partial(_are_queued, stage, WAITING + FRESH))
        async with at_work(stage, sandboxed=False):
            answers = await asyncio.gather(*reserving)
            await until(lambda: _decided(stage) == WAITING + FRESH)
        # On a slow machine some wait for longer than anybody does.
        assert {answer["status"] for answer in answers} <= {"held", "unavailable"}
        assert {await _fairness_key(stage, id) for id in fresh} <= {
            fairness_key(moment) for moment in (began, datetime.now(UTC))
        }
        served = [await _served_at(stage, id) for id in old]
        last = max([await _served_at(stage, id) for id in fresh])
        return sum(at < last for at in served)


def _decided(stage: Stage) -> int:
    (row,) = stage.shop.sql("SELECT count(*) FROM holdfast.reservations")
    return int(row.count)


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


async def _are_queued(stage: Stage, checkouts: int) -> bool:
    """Tell whether the first tasks of all are in the queue: a start is answered before that."""
    description = await stage.client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=stage.client.namespace,
            task_queue=TaskQueue(name=stage.till.task_queue),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
            report_stats=True,
        )
    )
    return description.stats.approximate_backlog_count >= checkouts


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
