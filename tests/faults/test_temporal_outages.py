"""Temporal dies, goes silent, or answers too late, while people go on shopping."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, Final

import pytest

from holdfast_client.client import ReservationClient
from holdfast_client.contract.errors import OutcomeUnknown
from holdfast_client.contract.outcomes import Fulfilled, Held
from tests.faults.conftest import clean_environment
from tests.faults.lines import address_through, proxy_to
from tests.faults.proxy import SILENCE_SECONDS
from tests.faults.shoppers import Shoppers
from tests.limits import HANG_SECONDS
from tests.worker.conftest import Operator
from tests.worker.test_processes import running
from tests.workflows.stage import Stage, at_work, open_stage
from tests.workflows.waiting import until
from worker.embedded.temporal import EmbeddedTemporal
from workflows import policies

STOCK: Final = 100_000
# Shorter than the silence, so that whoever asks during it is told that nobody knows.
ANSWER_SECONDS: Final = 1.5


@pytest.fixture
async def own_stage(
    database_url: str, own_temporal: EmbeddedTemporal, unique: str
) -> AsyncIterator[Stage]:
    """A stage on a Temporal that may be killed, without a worker yet."""
    async with open_stage(database_url, own_temporal.address, unique) as stage:
        yield stage


def client_of(stage: Stage, answer_seconds: float = ANSWER_SECONDS) -> ReservationClient:
    return ReservationClient(
        stage.client, task_queue=stage.till.task_queue, answer_timeout_seconds=answer_seconds
    )


def patient_of(stage: Stage) -> ReservationClient:
    """Return a client for what must be answered, however busy the machine is."""
    return client_of(stage, HANG_SECONDS)


async def _answered(question: Any) -> Any:
    """Ask until there is an answer."""
    answers: list[Any] = []

    async def ask() -> bool:
        try:
            answers.append(await question())
        except OutcomeUnknown:
            return False
        return True

    await until(ask)
    return answers[0]


async def test_a_temporal_that_is_killed_under_load_loses_no_checkout(
    own_stage: Stage, own_temporal: EmbeddedTemporal, unique: str
):
    client = client_of(own_stage)
    shoppers = Shoppers(client, own_stage.stock(unique, STOCK), unique)
    own_stage.stock(f"{unique}-other", STOCK)
    async with at_work(own_stage, sandboxed=False):
        left = [(f"{unique}-other", 1)]
        await patient_of(own_stage).reserve(f"{unique}-left", left, hold_seconds=2)
        async with shoppers.shopping(6):
            for _ in range(2):
                await shoppers.until_served(30)
                await asyncio.to_thread(own_temporal.kill)
                await asyncio.to_thread(own_temporal.start)
            await shoppers.until_served(30)
        assert (await own_stage.till.result(f"{unique}-left"))["status"] == "expired"
    print(f"longest stall {shoppers.longest_stall_seconds:.1f} s")
    shoppers.check(own_stage.shop, STOCK)


@pytest.mark.parametrize("cut", [False, True], ids=["resumed", "cut"])
async def test_a_silent_temporal_leaves_outcomes_unknown_until_it_speaks_again(
    own_stage: Stage,
    own_temporal: EmbeddedTemporal,
    unique: str,
    cut: bool,
):
    sku = own_stage.stock(unique, STOCK)
    with proxy_to(own_temporal.address) as proxy:
        async with open_stage(
            own_stage.settings.database, address_through(proxy), unique
        ) as far_stage:
            client, patient = client_of(far_stage), patient_of(far_stage)
            shoppers = Shoppers(client, sku, unique)
            async with at_work(far_stage, sandboxed=False):
                await patient.reserve(f"{unique}-paid", [(sku, 1)])
                async with shoppers.shopping(4):
                    await shoppers.until_served(20)
                    # Its timer must not be first: it is to ring into the silence.
                    await patient.reserve(f"{unique}-left", [(sku, 1)], hold_seconds=10)
                    proxy.blackhole()
                    silence = asyncio.ensure_future(asyncio.sleep(SILENCE_SECONDS))
                    with pytest.raises(OutcomeUnknown):
                        await client.confirm(f"{unique}-paid", f"pay-{unique}-paid")
                    with pytest.raises(OutcomeUnknown):
                        await client.reserve(f"{unique}-dark", [(sku, 1)])
                    await until(lambda: own_stage.ledger.count_overdue() == 1)
                    await silence
                    proxy.mend(cut=cut)
                    await shoppers.until_served(20)
                paid = await _answered(
                    lambda: client.confirm(f"{unique}-paid", f"pay-{unique}-paid")
                )
                dark = await _answered(lambda: client.reserve(f"{unique}-dark", [(sku, 1)]))
                left = await own_stage.till.result(f"{unique}-left")
            assert (type(paid), type(dark), left["status"]) == (Fulfilled, Held, "expired")
    print(f"longest stall {shoppers.longest_stall_seconds:.1f} s")
    assert own_stage.shop.movements(f"{unique}-paid") == [("reserve", 0, 1), ("fulfil", -1, -1)]
    assert own_stage.shop.movements(f"{unique}-dark") == [("reserve", 0, 1)]
    shoppers.check(own_stage.shop, STOCK - 1)


# --- what a worker says of it --------------------------------------------------------------------


async def test_a_worker_that_loses_temporal_says_so_in_its_log_and_nothing_on_stdout(
    database_url: str, own_temporal: EmbeddedTemporal
):
    environment = clean_environment(
        TEMPORAL_ADDRESS=own_temporal.address, HOLDFAST_DATABASE_URL=database_url
    )
    with running(Operator(environment)) as worker:
        assert worker.stdout is not None
        assert worker.stderr is not None
        assert "worker ready\n" in iter(worker.stderr.readline, "")
        await asyncio.to_thread(own_temporal.kill)
        try:
            pipes = (worker.stdout, worker.stderr)
            said = [asyncio.create_task(asyncio.to_thread(pipe.readline)) for pipe in pipes]
            await asyncio.wait(said, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await asyncio.to_thread(own_temporal.start)
        worker.kill()
        on_stdout, on_stderr = await asyncio.gather(*said)
        assert on_stdout == ""
        assert json.loads(on_stderr)["logger"].startswith("temporalio.core")


# --- a client that asks again --------------------------------------------------------------------


async def test_a_reserve_that_timed_out_is_answered_when_asked_again_and_made_once(
    own_stage: Stage, unique: str, monkeypatch: pytest.MonkeyPatch
):
    # The decision is waited for until a busy machine has begun a worker.
    monkeypatch.setattr(policies, "RESERVE_BUDGET", timedelta(seconds=HANG_SECONDS))
    sku, client = own_stage.stock(unique, 5), client_of(own_stage)
    for _ in range(2):
        with pytest.raises(OutcomeUnknown):
            await client.reserve(unique, [(sku, 2)])
    async with at_work(own_stage, sandboxed=False):
        held = await _answered(lambda: client.reserve(unique, [(sku, 2)]))
        assert await patient_of(own_stage).reserve(unique, [(sku, 2)]) == held
    assert own_stage.shop.movements(unique) == [("reserve", 0, 2)]


async def test_an_extension_and_a_payment_that_timed_out_are_made_once_when_asked_again(
    own_stage: Stage, unique: str
):
    sku, client, patient = own_stage.stock(unique, 5), client_of(own_stage), patient_of(own_stage)
    async with at_work(own_stage):
        held = await patient.reserve(unique, [(sku, 2)])
        assert isinstance(held, Held)
    for _ in range(2):
        with pytest.raises(OutcomeUnknown):
            await client.extend(unique, 600, extension_id="once")
    # Before the payment is made: of two that wait the payment would go first.
    async with at_work(own_stage):
        await _answered(lambda: client.extend(unique, 600, extension_id="once"))
    with pytest.raises(OutcomeUnknown):
        await client.confirm(unique, f"pay-{unique}")
    async with at_work(own_stage):
        paid = await _answered(lambda: client.confirm(unique, f"pay-{unique}"))
        assert isinstance(paid, Fulfilled)
        assert await patient.confirm(unique, f"pay-{unique}") == paid
    (row,) = own_stage.shop.sql("SELECT expires_at FROM holdfast.reservations")
    assert (row.expires_at - held.expires_at).total_seconds() == 600
    assert own_stage.shop.movements(unique) == [("reserve", 0, 2), ("fulfil", -2, -2)]
