"""A small run of one's own making, judged by the very code that judges a chaos run."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Final

from temporalio.worker import UnsandboxedWorkflowRunner

from activities.inventory.async_ledger import AsyncLedger
from activities.inventory.grouping.grouped_ledger import GroupedLedger
from holdfast_client.client import ReservationClient
from holdfast_client.contract.messages import CheckoutRequest, Line
from soak.asker import Asker
from soak.evidence import read_evidence
from soak.shop import Shop
from soak.testimony import Testimony
from soak.verdict import find_violations
from soak.violations import Violation
from tests.workflows.stage import Stage
from worker.composition import build_worker
from worker.temporal import connect_temporal

LATE_SECONDS_MAX: Final = 10.0


@dataclass
class Trial:
    """Shoppers on one stage, what they were told, and the verdict."""

    stage: Stage
    client: ReservationClient
    testimony: Testimony = field(default_factory=Testimony)

    @property
    def ask(self) -> Asker:
        shop = Shop(self.client, self.testimony, "trial")
        return Asker(shop, random.Random(1))

    def verdict(self) -> list[Violation]:
        """Judge as a chaos run does, once all is quiet."""
        breaches = tuple(map(str, self.stage.ledger.audit()))
        evidence = replace(read_evidence(self.stage.shop.engine), breaches=breaches)
        return find_violations(self.testimony, evidence, late_seconds_max=LATE_SECONDS_MAX)

    def kinds(self) -> set[str]:
        """Return the kinds of violations found."""
        return {violation.kind for violation in self.verdict()}


def cart(checkout_id: str, sku: str, quantity: int = 1, hold_seconds: int = 900) -> CheckoutRequest:
    """Return a request for one SKU."""
    lines = (Line(sku=sku, quantity=quantity),)
    return CheckoutRequest(checkout_id=checkout_id, lines=lines, hold_seconds=hold_seconds)


@asynccontextmanager
async def open_trial(stage: Stage, ledger: AsyncLedger) -> AsyncIterator[Trial]:
    """Run a worker with this ledger while the block runs."""
    address = stage.client.service_client.config.target_host
    worker = build_worker(
        await connect_temporal(address),
        GroupedLedger(ledger),
        stage.settings,
        task_queue=stage.till.task_queue,
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    client = ReservationClient(stage.client, task_queue=stage.till.task_queue)
    async with worker:
        yield Trial(stage, client)
