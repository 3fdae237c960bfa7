"""A worker process is killed at the worst moments of every call, and later another one starts.

One death serves all stories: nine checkouts are each brought to one moment of one call, seen to
stand there, and then the only worker is killed. What they have in common is that nobody lives who
could tell what became of the call.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from holdfast_client.client import ReservationClient
from holdfast_client.outcomes import Expired, Held, Outcome
from tests.faults.conftest import clean_environment
from tests.faults.lines import proxy_to, url_through
from tests.faults.proxy import Lost, Proxy
from tests.inventory.databases import fresh_database
from tests.workflows.blockade import blockade
from tests.workflows.histories import failed_tasks_of
from tests.workflows.stage import Stage, open_stage
from tests.workflows.waiting import until
from worker.embedded.temporal import EmbeddedTemporal

ROOT: Final = Path(__file__).parents[2]
CALLS: Final = ("reserve", "confirm", "cancel")
# Before and after are told apart at the COMMIT: whether it arrives, while nothing comes back.
MOMENTS: Final[Mapping[str, Lost | None]] = {"before": "request", "during": None, "after": "answer"}
ENDINGS: Final = {"reserve": "held", "confirm": "fulfilled", "cancel": "cancelled"}
MOVEMENTS: Final = {
    "reserve": [("reserve", 0, 1)],
    "confirm": [("reserve", 0, 1), ("fulfil", -1, -1)],
    "cancel": [("reserve", 0, 1), ("cancel", 0, -1)],
}
ABANDONED_SECONDS: Final = 2
STOCK: Final = 100


@contextmanager
def worker_process(database_url: str, temporal_address: str) -> Iterator[subprocess.Popen[str]]:
    """Run a worker as an operator starts it, patient with locks, and kill it at the end."""
    environment = clean_environment(
        TEMPORAL_ADDRESS=temporal_address,
        HOLDFAST_DATABASE_URL=database_url,
        HOLDFAST_LOCK_TIMEOUT_MS="60000",
        HOLDFAST_STATEMENT_TIMEOUT_MS="60000",
        # Room for the calls that stand still, and for the attempts that follow them.
        HOLDFAST_ACTIVITY_SLOTS="20",
    )
    command = [sys.executable, "-m", "worker"]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        try:
            assert any(line == "worker ready\n" for line in process.stderr)
            threading.Thread(target=process.stderr.read, daemon=True).start()
            yield process
        finally:
            process.kill()
            process.wait()


@dataclass(frozen=True)
class Aftermath:
    """What was answered after the death, by call and moment."""

    stage: Stage
    answers: Mapping[tuple[str, str], Outcome]
    late_payment: Outcome


@pytest.fixture(scope="module")
async def aftermath(
    postgres_url: str, template: str, own_temporal: EmbeddedTemporal
) -> AsyncIterator[Aftermath]:
    with fresh_database(postgres_url, template) as url, proxy_to(url) as proxy:
        async with open_stage(url, own_temporal.address) as stage:
            for sku in {"abandoned", *(_sku(call, moment) for call in CALLS for moment in MOMENTS)}:
                stage.stock(sku, STOCK)
            yield await _live_through(stage, proxy, own_temporal.address)


async def _live_through(stage: Stage, proxy: Proxy, address: str) -> Aftermath:
    client = ReservationClient(stage.client, answer_timeout_seconds=60)
    with worker_process(url_through(proxy, stage.settings.database), address) as first:
        for call in ("confirm", "cancel"):
            for moment in MOMENTS:
                await client.reserve(f"{call}-{moment}", [(_sku(call, moment), 1)])
        with blockade(stage.shop, "locked") as block:
            asked = {
                (call, "during"): asyncio.ensure_future(_ask(client, call, "during"))
                for call in CALLS
            }
            await block.until_waiting(len(CALLS))
            for moment in ("before", "after"):
                for call in CALLS:
                    asked[call, moment] = await _interrupted(client, proxy, call, moment)
            await client.reserve("abandoned", [("abandoned", 1)], hold_seconds=ABANDONED_SECONDS)
            first.kill()
            await asyncio.to_thread(first.wait)
    await until(lambda: stage.ledger.count_overdue() == 1)
    with worker_process(stage.settings.database, address):
        answers = await asyncio.gather(*asked.values())
        await stage.till.result("abandoned")
        late_payment = await client.confirm("abandoned", "pay_late")
        h = await stage.till.handle("confirm-before").fetch_history()
        for e in h.events:
            print(
                "T ev",
                e.event_id,
                e.event_type,
                e.event_time.ToDatetime().strftime("%S.%f"),
                str(e.marker_recorded_event_attributes.details.get("data", ""))[:250]
                if e.HasField("marker_recorded_event_attributes")
                else "",
            )
        h = await stage.till.handle("confirm-before").fetch_history()
        for e in h.events:
            print(
                "T ev",
                e.event_id,
                e.event_type,
                e.event_time.ToDatetime().strftime("%S.%f"),
                str(e.marker_recorded_event_attributes.details.get("data", ""))[:250]
                if e.HasField("marker_recorded_event_attributes")
                else "",
            )
        return Aftermath(stage, dict(zip(asked, answers, strict=True)), late_payment)


def _sku(call: str, moment: str) -> str:
    # One each, because a call that never commits keeps its stock locked.
    return "locked" if moment == "during" else f"{call}-{moment}"


async def _interrupted(
    client: ReservationClient, proxy: Proxy, call: str, moment: str
) -> asyncio.Task[Any]:
    """Ask, and return when the worker waits for the answer to its COMMIT."""
    lost = MOMENTS[moment]
    assert lost is not None
    count = proxy.lost
    proxy.lose_next_commit(lost, cut=False)
    asked = asyncio.create_task(_ask(client, call, moment))
    await until(lambda: proxy.lost == count + 1)
    return asked


async def _ask(client: ReservationClient, call: str, moment: str) -> Outcome:
    checkout_id = f"{call}-{moment}"
    match call:
        case "reserve":
            return await client.reserve(checkout_id, [(_sku(call, moment), 1)])
        case "confirm":
            return await client.confirm(checkout_id, "pay_1")
        case _:
            return await client.cancel(checkout_id, reason="no")


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("call", CALLS)
async def test_a_call_whose_worker_was_killed_is_carried_out_once(
    aftermath: Aftermath, call: str, moment: str
):
    checkout_id, answer = f"{call}-{moment}", aftermath.answers[call, moment]
    assert answer.status == ENDINGS[call] == aftermath.stage.shop.status(checkout_id)
    assert aftermath.stage.shop.movements(checkout_id) == MOVEMENTS[call]
    assert not await failed_tasks_of(aftermath.stage.till.handle(checkout_id))


async def test_a_hold_that_ended_while_no_worker_lived_is_expired_and_a_payment_is_told_so(
    aftermath: Aftermath,
):
    assert isinstance(aftermath.late_payment, Expired)
    assert aftermath.stage.shop.movements("abandoned") == [("reserve", 0, 1), ("expire", 0, -1)]


async def test_the_books_are_right_after_the_death(aftermath: Aftermath):
    held = [outcome for outcome in aftermath.answers.values() if isinstance(outcome, Held)]
    assert len(held) == len(MOMENTS)
    assert aftermath.stage.shop.figures("locked") == (STOCK - 1, 1, STOCK - 2)
    assert aftermath.stage.shop.figures("abandoned") == (STOCK, 0, STOCK)
    assert aftermath.stage.ledger.audit() == ()
