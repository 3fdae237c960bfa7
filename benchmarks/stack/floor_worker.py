"""``python -m benchmarks.stack.floor_worker``: a worker of the floor, set as Holdfast's own."""

from __future__ import annotations

import sys

import uvloop
from temporalio.client import Client
from temporalio.worker import Worker

from activities.inventory.grouping.grouped_ledger import GroupedLedger
from benchmarks.stack.floor import (
    FLOOR_TASK_QUEUE,
    FloorCheckout,
    fulfil_nothing,
    reserve_nothing,
)
from holdfast_client.terminal.ending import end_process
from worker.composition import build_worker, working_ledger
from worker.logs import configure_logs
from worker.service import leave_out_what_stays, stop_requested
from worker.settings import Settings, load_settings
from worker.temporal import connect_temporal


def floor_worker(client: Client, ledger: GroupedLedger, settings: Settings) -> Worker:
    """Return a worker with every option of Holdfast's, but for what it works on."""
    options = build_worker(client, ledger, settings, task_queue="unused").config()
    options["task_queue"] = FLOOR_TASK_QUEUE
    options["workflows"] = [FloorCheckout]
    options["activities"] = [reserve_nothing, fulfil_nothing]
    options["patch_activation_callback"] = None
    return Worker(**options)


async def work() -> None:
    """Work until SIGTERM."""
    settings = load_settings()
    configure_logs(settings.log_level, "text")
    stop = stop_requested()
    client = await connect_temporal()
    async with working_ledger(settings) as unused, floor_worker(client, unused, settings):
        leave_out_what_stays()
        print("worker ready", file=sys.stderr, flush=True)
        await stop.wait()


if __name__ == "__main__":
    uvloop.run(work())
    end_process(0)
