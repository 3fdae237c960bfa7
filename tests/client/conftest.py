"""The shops that the conformance stories run against, and the server of the real client's own."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator

import pytest
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from holdfast_client import ReservationClient
from tests.client.shops import FakeShop, Shop
from tests.client.stub_workflows import StubAdjustStock, StubCheckout
from worker.embedded import EmbeddedTemporal

ANSWER_TIMEOUT_SECONDS = 8.0


@pytest.fixture(params=["fake", "real"])
def shop(request: pytest.FixtureRequest) -> Shop:
    """The fake, and then the real client with worker and ledger: the fixture ``real_shop``."""
    if request.param == "fake":
        return FakeShop()
    real: Shop = request.getfixturevalue("real_shop")
    return real


@pytest.fixture(scope="package")
def stub_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Temporal server without any of Holdfast's workers."""
    with EmbeddedTemporal(tmp_path_factory.mktemp("temporal")) as server:
        yield server.address


@pytest.fixture
async def temporal(stub_address: str) -> Client:
    return await Client.connect(stub_address)


@pytest.fixture
async def task_queue(temporal: Client) -> AsyncIterator[str]:
    """A task queue whose worker plays the scripts of ``stub_workflows``."""
    name = f"stub-{uuid.uuid4()}"
    async with Worker(
        temporal,
        task_queue=name,
        workflows=[StubCheckout, StubAdjustStock],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        yield name


@pytest.fixture
def client(temporal: Client, task_queue: str) -> ReservationClient:
    return ReservationClient(
        temporal, task_queue=task_queue, answer_timeout_seconds=ANSWER_TIMEOUT_SECONDS
    )


@pytest.fixture
def hasty_client(temporal: Client, task_queue: str) -> ReservationClient:
    """A client that soon gives up, for answers that never come."""
    return ReservationClient(temporal, task_queue=task_queue, answer_timeout_seconds=0.7)


@pytest.fixture
def checkout_id() -> str:
    return f"cart-{uuid.uuid4()}"
