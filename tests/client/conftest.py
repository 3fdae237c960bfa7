"""The shops that the conformance tests run against, and the server of the real client's own."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from holdfast_client import ReservationClient
from tests.client.real_shop import RealShop
from tests.client.shops import FakeShop, Shop
from tests.client.stub_workflows import (
    StubAdjustStock,
    StubCheckout,
    StubSettlement,
    StubTimeline,
)
from tests.inventory.databases import fresh_database
from tests.workflows.stage import at_work, open_stage

ANSWER_TIMEOUT_SECONDS = 60.0


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.servers)])
def shop(request: pytest.FixtureRequest) -> Shop:
    """The fake, and then the real client with worker and ledger: the fixture ``real_shop``."""
    if request.param == "fake":
        return FakeShop()
    real: Shop = request.getfixturevalue("real_shop")
    return real


@pytest.fixture
async def real_shop(
    postgres_url: str, template: str, temporal_address: str, unique: str
) -> AsyncIterator[RealShop]:
    """A shop with a database and a worker that nobody else uses: its clock may be turned."""
    with fresh_database(postgres_url, template) as url:
        async with (
            open_stage(url, temporal_address, unique, activity_slots=4) as stage,
            at_work(stage, sandboxed=False),
        ):
            yield RealShop(stage, ANSWER_TIMEOUT_SECONDS)


@pytest.fixture
async def temporal_client(temporal_address: str) -> Client:
    return await Client.connect(temporal_address)


@pytest.fixture
async def task_queue(temporal_client: Client) -> AsyncIterator[str]:
    """A task queue whose worker plays the scripts of ``stub_workflows``."""
    name = f"stub-{uuid.uuid4()}"
    async with Worker(
        temporal_client,
        task_queue=name,
        workflows=[StubCheckout, StubAdjustStock, StubSettlement, StubTimeline],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        yield name


@pytest.fixture
def client(temporal_client: Client, task_queue: str) -> ReservationClient:
    return ReservationClient(
        temporal_client, task_queue=task_queue, answer_timeout_seconds=ANSWER_TIMEOUT_SECONDS
    )


@pytest.fixture
def hasty_client(temporal_client: Client, task_queue: str) -> ReservationClient:
    """A client that soon gives up, for answers that never come."""
    return ReservationClient(temporal_client, task_queue=task_queue, answer_timeout_seconds=0.7)


@pytest.fixture
def checkout_id() -> str:
    return f"cart-{uuid.uuid4()}"
