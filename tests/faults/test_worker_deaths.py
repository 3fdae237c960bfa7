"""A worker process is killed at the worst moments of every call, and later another one starts.

Two deaths serve all tests: twelve checkouts are each brought to one moment of one call, seen to
stand there, and then the only worker is killed. What they have in common is that nobody lives who
could tell what became of the call.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import psycopg
import pytest

from holdfast_client.client import ReservationClient
from holdfast_client.contract.outcomes import Expired, Held, Outcome
from tests.faults.lines import proxy_to, url_through
from tests.faults.proxy import Lost, Proxy
from tests.faults.workers import worker_process
from tests.inventory.databases import fresh_database
from tests.workflows.blockade import blockade
from tests.workflows.histories import failed_tasks_of
from tests.workflows.stage import Stage, open_stage
from tests.workflows.waiting import until
from worker.embedded.temporal import EmbeddedTemporal

# The extension is an activity of its own, the others run inside the workflow's task: Temporal
# notices by two different timeouts that nobody works on them any more.
CALLS: Final = ("reserve", "confirm", "cancel", "extend")
# Before and after are told apart at the commit: whether it arrives, while nothing comes back.
MOMENTS: Final[Mapping[str, Lost | None]] = {"before": "request", "during": None, "after": "answer"}
ENDINGS: Final = {
    "reserve": "held",
    "confirm": "fulfilled",
    "cancel": "cancelled",
    "extend": "held",
}
MOVEMENTS: Final = {
    "reserve": [("reserve", 0, 1)],
    "confirm": [("reserve", 0, 1), ("fulfil", -1, -1)],
    "cancel": [("reserve", 0, 1), ("cancel", 0, -1)],
    "extend": [("reserve", 0, 1)],
}
# Temporal gives a lost task to another worker after eight seconds. If none is there within two
# more, nobody waits for the reserve: what was not committed holds nothing. (With a worker there it
# is held: test_lost_tasks.)
MAY_BE_ABANDONED: Final = {("reserve", "before"), ("reserve", "during")}
EXTENSION_SECONDS: Final = 60
# Long enough for a busy machine to kill the worker before that.
ABANDONED_SECONDS: Final = 10
STOCK: Final = 100
# Who dies together. The calls of one kind share few transactions, and those that stand still here
# must not use them up.
VICTIMS: Final = (("extend", "confirm", "reserve"), ("cancel",))
# Room for the calls that stand still, and for the attempts that follow them.
ROOMY: Final = {"HOLDFAST_ACTIVITY_SLOTS": "20"}


@dataclass(frozen=True)
class Aftermath:
    """What was answered before the death, by checkout, and after it, by call and moment."""

    stage: Stage
    before: Mapping[str, Outcome]
    answers: Mapping[tuple[str, str], Outcome]
    late_payment: Outcome

    @property
    def abandoned(self) -> set[tuple[str, str]]:
        """Return the calls of which nothing may be left, as their shoppers were told."""
        return {asked for asked in MAY_BE_ABANDONED if self.answers[asked].status == "unavailable"}


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
    far_url = url_through(proxy, stage.settings.database)
    asked: dict[tuple[str, str], asyncio.Task[Outcome]] = {}
    with worker_process(far_url, address, **ROOMY):
        before = {
            f"{call}-{moment}": await client.reserve(f"{call}-{moment}", [(_sku(call, moment), 1)])
            for call in ("confirm", "cancel", "extend")
            for moment in MOMENTS
        }
    with blockade(stage.shop, "locked") as block, _reservation_locked(stage, "extend-during"):
        for calls in VICTIMS:
            with worker_process(far_url, address, **ROOMY):
                for call in calls:
                    for moment in ("before", "after"):
                        asked[call, moment] = await _interrupted(client, proxy, call, moment)
                waiting = block.waiting()
                for call in calls:
                    asked[call, "during"] = asyncio.create_task(_ask(client, call, "during"))
                await block.until_waiting(waiting + len(calls))
                if "cancel" in calls:
                    await client.reserve(
                        "abandoned", [("abandoned", 1)], hold_seconds=ABANDONED_SECONDS
                    )
    await until(lambda: stage.ledger.count_overdue() == 1)
    with worker_process(stage.settings.database, address, **ROOMY):
        answers = await asyncio.gather(*asked.values())
        await stage.till.result("abandoned")
        late_payment = await client.confirm("abandoned", "pay_late")
        return Aftermath(stage, before, dict(zip(asked, answers, strict=True)), late_payment)


@contextmanager
def _reservation_locked(stage: Stage, checkout_id: str) -> Iterator[None]:
    """Keep a lock on a reservation, for a call that touches no stock."""
    url = stage.shop.engine.url.set(drivername="postgresql")
    with psycopg.connect(url.render_as_string(hide_password=False)) as stranger:
        stranger.execute(
            "SELECT 1 FROM holdfast.reservations WHERE checkout_id = %s FOR UPDATE", [checkout_id]
        )
        yield
        stranger.rollback()


def _sku(call: str, moment: str) -> str:
    # One each, because a call that never commits keeps its stock locked.
    return "locked" if moment == "during" else f"{call}-{moment}"


async def _interrupted(
    client: ReservationClient, proxy: Proxy, call: str, moment: str
) -> asyncio.Task[Any]:
    """Ask, and return when the worker waits for the answer to its commit."""
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
            return await client.confirm(checkout_id, f"pay-{checkout_id}")
        case "extend":
            return await client.extend(checkout_id, EXTENSION_SECONDS)
        case _:
            return await client.cancel(checkout_id, reason="no")


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("call", CALLS)
async def test_a_call_whose_worker_was_killed_is_carried_out_once(
    aftermath: Aftermath, call: str, moment: str
):
    checkout_id, answer = f"{call}-{moment}", aftermath.answers[call, moment]
    if (call, moment) in aftermath.abandoned:
        assert aftermath.stage.shop.movements(checkout_id) == []
    else:
        assert answer.status == ENDINGS[call] == aftermath.stage.shop.status(checkout_id)
        assert aftermath.stage.shop.movements(checkout_id) == MOVEMENTS[call]
    assert not await failed_tasks_of(aftermath.stage.till.handle(checkout_id))


@pytest.mark.parametrize("moment", MOMENTS)
async def test_an_extension_whose_worker_was_killed_moves_the_deadline_once(
    aftermath: Aftermath, moment: str
):
    before, after = aftermath.before[f"extend-{moment}"], aftermath.answers["extend", moment]
    assert isinstance(before, Held)
    assert isinstance(after, Held)
    assert (after.expires_at - before.expires_at).total_seconds() == EXTENSION_SECONDS


async def test_a_hold_that_ended_while_no_worker_lived_is_expired_and_a_payment_is_told_so(
    aftermath: Aftermath,
):
    assert isinstance(aftermath.late_payment, Expired)
    assert aftermath.stage.shop.movements("abandoned") == [("reserve", 0, 1), ("expire", 0, -1)]


async def test_the_books_are_right_after_the_death(aftermath: Aftermath):
    held = [outcome for outcome in aftermath.answers.values() if isinstance(outcome, Held)]
    # Those that reserved, but for the abandoned ones, and those that extended.
    assert len(held) == 2 * len(MOMENTS) - len(aftermath.abandoned)
    reserved = 1 + (("reserve", "during") not in aftermath.abandoned)
    assert aftermath.stage.shop.figures("locked") == (STOCK - 1, reserved, STOCK - 1 - reserved)
    assert aftermath.stage.shop.figures("abandoned") == (STOCK, 0, STOCK)
    assert aftermath.stage.ledger.audit() == ()
