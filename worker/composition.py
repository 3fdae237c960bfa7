"""Where everything is put together: the one place that knows all the parts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

import structlog
from sqlalchemy import Engine
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.worker import (
    PatchActivationInput,
    PollerBehaviorAutoscaling,
    UnsandboxedWorkflowRunner,
    Worker,
    WorkflowRunner,
)

from activities.adjust_stock import StockActivities
from activities.checkout import CheckoutActivities
from activities.holds import HoldsActivities
from activities.inventory.async_ledger import AsyncLedger
from activities.inventory.database.engine import open_engine
from activities.inventory.database.errors import LedgerUnavailable
from activities.inventory.database.migrate import latest_version
from activities.inventory.database.pool import LedgerPool
from activities.inventory.database.server import check_server
from activities.inventory.database.verification import check_session
from activities.inventory.grouping.grouped_ledger import GroupedLedger
from activities.inventory.ledger import Ledger
from activities.metrics import LedgerMetrics
from activities.reconcile import ReconcileActivities
from activities.refunds import RefundActivities
from activities.settlement import SettlementActivities
from activities.timeline import TimelineActivities
from activities.wake_up_plan import WakeUpPlan
from holdfast_client.contract.names import TASK_QUEUE
from holdfast_client.transport.reasons import plain_reason
from worker.emptied_ledger import check_not_emptied
from worker.runtime import open_tracing, temporal_runtime
from worker.settings import Settings
from worker.temporal import connect_temporal, ensure_schedule, ensure_search_attributes
from workflows.adjust_stock import AdjustStockWorkflow
from workflows.checkout import CheckoutWorkflow
from workflows.details import DetailsWhenAsked
from workflows.holds import HoldsWorkflow
from workflows.metrics import start_at_zero
from workflows.patches import makes_change
from workflows.private_checkout import PrivateCheckoutWorkflow
from workflows.reconcile import ReconcileWorkflow
from workflows.refunds import RefundDoneWorkflow, RefundsWorkflow
from workflows.settlement import SettlementWorkflow
from workflows.timeline import TimelineWorkflow

WORKFLOWS: Final = (
    CheckoutWorkflow,
    AdjustStockWorkflow,
    ReconcileWorkflow,
    TimelineWorkflow,
    HoldsWorkflow,
    RefundsWorkflow,
    RefundDoneWorkflow,
    SettlementWorkflow,
)
# The SDK's five pollers leave one for checkouts that begin, which then queue for it one by one:
# with 20 at once on a busy machine the first answer took up to 5 s.
_WORKFLOW_POLLERS: Final = PollerBehaviorAutoscaling(minimum=4, initial=10, maximum=20)
_NEW_WORK_POLL_SHARE: Final = 0.5
# Regular activities are the exception here, so few polls wait for them.
_ACTIVITY_POLLERS: Final = PollerBehaviorAutoscaling(minimum=1, initial=2, maximum=10)
_STARTUP_RETRY_SECONDS: Final = 1.0
_APPLICATION_NAME: Final = "holdfast-worker"

if TYPE_CHECKING:
    from worker.tracing import Tracing

_log = structlog.get_logger(__name__)
ResultT = TypeVar("ResultT")


class NotReady(Exception):
    """The database or Temporal is not there, or not as this version needs it."""


@dataclass(frozen=True, slots=True)
class Inventory:
    """The ledger for commands and checks, and the connections it works on."""

    engine: Engine
    ledger: Ledger

    def close(self) -> None:
        self.engine.dispose()


def open_inventory(settings: Settings, *, for_long_work: bool = False) -> Inventory:
    """Open the ledger for a command or a check. Connects when first used.

    Args:
        settings: the limits on statements among them.
        for_long_work: have these limits in force behind a pooler too, in each transaction.
    """
    engine = open_engine(
        settings.database,
        connections_max=settings.connections_max,
        statement_timeout_ms=settings.statement_timeout_ms,
        lock_timeout_ms=settings.lock_timeout_ms,
        application_name=_APPLICATION_NAME,
        for_long_work=for_long_work,
    )
    ledger = Ledger(
        engine,
        hold_seconds_cap=settings.hold_seconds_cap,
        payment_grace_cap=settings.payment_grace_cap,
    )
    return Inventory(engine, ledger)


@asynccontextmanager
async def working_ledger(
    settings: Settings, metrics: LedgerMetrics | None = None, tracing: Tracing | None = None
) -> AsyncIterator[GroupedLedger]:
    """Open the ledger that a worker works on, perhaps measured. Connects when first used.

    Leaving waits for the calls that are under way; each is bounded.
    """
    pool = LedgerPool(
        settings.database,
        connections_max=settings.connections_max,
        statement_timeout_ms=settings.statement_timeout_ms,
        lock_timeout_ms=settings.lock_timeout_ms,
        application_name=_APPLICATION_NAME,
    )
    if tracing:
        tracing.follow(pool)
    ledger = AsyncLedger(
        pool,
        hold_seconds_cap=settings.hold_seconds_cap,
        payment_grace_cap=settings.payment_grace_cap,
    )
    observe = (metrics or LedgerMetrics()).observe_batch
    try:
        yield GroupedLedger(ledger, observe=observe)
    finally:
        await pool.close()


def build_worker(
    client: Client,
    ledger: GroupedLedger,
    settings: Settings,
    *,
    task_queue: str = TASK_QUEUE,
    workflow_runner: WorkflowRunner | None = None,
    workflows: Sequence[type] | None = None,
    metrics: LedgerMetrics | None = None,
    makes_change: Callable[[PatchActivationInput], bool] = makes_change,
) -> Worker:
    """Return a worker for all workflows and activities.

    Args:
        client: with the data converter of `workflows.payloads`.
        ledger: over as many connections as the settings name.
        settings: slots and grace.
        task_queue: where it takes its work from.
        workflow_runner: none for production, where the code is known to be deterministic (tests
            run it in the sandbox) and the sandbox would double the cost of a checkout.
        workflows: none for production; tests run those of an earlier or a later release.
        metrics: what counts its calls of the ledger; nothing does without.
        makes_change: whether a run that begins takes a changed way; see docs/versioning.md.
    """
    metrics = metrics or LedgerMetrics()
    return Worker(
        client,
        task_queue=task_queue,
        workflows=workflows or _workflows(settings),
        patch_activation_callback=makes_change,
        activities=_activities(ledger, metrics, WakeUpPlan(settings.expiries_per_second)),
        max_concurrent_activities=settings.activity_slots,
        max_concurrent_local_activities=settings.activity_slots,
        max_concurrent_workflow_tasks=settings.workflow_slots,
        max_cached_workflows=settings.cached_workflows,
        workflow_task_poller_behavior=_WORKFLOW_POLLERS,
        activity_task_poller_behavior=_ACTIVITY_POLLERS,
        nonsticky_to_sticky_poll_ratio=_NEW_WORK_POLL_SHARE,
        graceful_shutdown_timeout=timedelta(seconds=settings.shutdown_grace_seconds),
        workflow_runner=workflow_runner or UnsandboxedWorkflowRunner(),
        # Workflows' tasks run in the event loop itself: a thread for each would cost a tenth of the
        # worker's time. And none is taken for one that stands still after 2 s: one that has
        # thousands of messages to take needs so long on a busy machine, and would each time again.
        # What really stands still is the watchdog's business.
        debug_mode=True,
        # No payload is kept elsewhere: one after the other, else the SDK makes a task for each, and
        # of a flood of signals thousands.
        max_workflow_task_external_storage_concurrency=1,
        interceptors=[DetailsWhenAsked()],
    )


def _activities(
    ledger: GroupedLedger, metrics: LedgerMetrics, plan: WakeUpPlan
) -> list[Callable[..., Any]]:
    checkout = CheckoutActivities(ledger, metrics, plan)
    stock = StockActivities(ledger.ungrouped, metrics)
    reconcile = ReconcileActivities(ledger.ungrouped, metrics)
    refunds = RefundActivities(ledger.ungrouped)
    settlement = SettlementActivities(ledger.ungrouped)
    return [
        checkout.reserve,
        checkout.fulfil,
        checkout.release,
        checkout.extend,
        checkout.commit,
        checkout.ship,
        checkout.give_back,
        checkout.amend,
        checkout.abandon,
        checkout.pause,
        stock.adjust_stock,
        reconcile.expire_overdue,
        reconcile.find_drift,
        TimelineActivities(ledger.ungrouped).read_timeline,
        HoldsActivities(ledger.ungrouped).read_holds,
        refunds.read_refunds,
        refunds.refund_done,
        settlement.read_resumable,
        settlement.forward,
    ]


@asynccontextmanager
async def running_worker(
    settings: Settings,
    temporal_address: str | None = None,
    workflow_runner: WorkflowRunner | None = None,
) -> AsyncIterator[Worker]:
    """Run a worker while the block runs; leaving it finishes the calls that have begun.

    Args:
        settings: of the worker.
        temporal_address: where Temporal is; its own standard settings say so if it is None.
        workflow_runner: as of :func:`build_worker`.

    Raises:
        NotReady: the database or Temporal did not answer in time, or the schema is old.
        DatabaseUnfit: the server is too old, the encoding is not UTF-8, or the sessions lack
            settings that the ledger relies on.
        LedgerEmptied: it has no reservation, while checkouts hold stock in Temporal.
        MetricsUnavailable: nobody can listen where the metrics are to be read.
        TracingUnavailable: tracing is on, and what it needs is not installed.
    """
    runtime = temporal_runtime(settings.metrics_address)
    tracing = open_tracing() if settings.tracing == "on" else None
    metrics = LedgerMetrics(runtime.metric_meter)
    plugins = [tracing.plugin] if tracing else []
    try:
        client = await _ready(
            settings, lambda: connect_temporal(temporal_address, settings.keys, runtime, plugins)
        )
        start_at_zero(runtime.metric_meter, client.namespace, TASK_QUEUE)
        async with (
            working_ledger(settings, metrics, tracing) as ledger,
            build_worker(
                client, ledger, settings, metrics=metrics, workflow_runner=workflow_runner
            ) as worker,
        ):
            yield worker
    finally:
        if tracing:
            await asyncio.to_thread(tracing.flush)


async def _ready(settings: Settings, connect: Callable[[], Awaitable[Client]]) -> Client:
    """Return a client once the database and Temporal are there, and as a worker needs them."""
    inventory = open_inventory(settings)
    try:
        await _patiently(settings, lambda: asyncio.to_thread(check_database, inventory))
        client = await _patiently(settings, connect)
        await _patiently(settings, lambda: ensure_search_attributes(client))
        await _patiently(settings, lambda: check_not_emptied(client, inventory.ledger, settings))
        await _patiently(settings, lambda: ensure_schedule(client, settings))
    finally:
        inventory.close()
    return client


def check_database(inventory: Inventory) -> None:
    """Find out whether a worker of this version can work on the database.

    Raises:
        DatabaseUnfit: the server is too old, the encoding is not UTF-8, or the sessions lack
            settings that the ledger relies on.
        NotReady: its schema is older than this code needs.
        LedgerUnavailable: it does not answer, or only reads.
    """
    check_server(inventory.engine)
    check_session(inventory.engine)
    check_schema(inventory.ledger)


def check_schema(ledger: Ledger) -> str:
    """Return the database's schema version.

    A newer one than this code needs is fine: migrations expand first and contract later.

    Raises:
        NotReady: it is older than this code needs.
        LedgerUnavailable: the database does not answer.
    """
    version, needed = ledger.schema_version(), latest_version()
    if version < needed:
        raise NotReady(
            f"the database's schema is {version}, this version needs {needed}: "
            "run `python -m worker migrate`"
        )
    return version


def _workflows(settings: Settings) -> Sequence[type]:
    if not settings.private_metadata:
        return WORKFLOWS
    return [PrivateCheckoutWorkflow if each is CheckoutWorkflow else each for each in WORKFLOWS]


async def _patiently(settings: Settings, step: Callable[[], Awaitable[ResultT]]) -> ResultT:
    """Try a step of the start until it succeeds or the startup wait is over."""
    deadline = time.monotonic() + settings.startup_wait_seconds
    while True:
        try:
            return await step()
        except (LedgerUnavailable, RPCError, RuntimeError, OSError) as error:
            if time.monotonic() >= deadline:
                raise NotReady(plain_reason(str(error))) from error
            _log.warning("waiting", reason=plain_reason(str(error)))
        await asyncio.sleep(_STARTUP_RETRY_SECONDS)
