"""The queue in front of the ledger: who shares a transaction, and what becomes of failures."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from typing import Any, Final

import pytest

from activities.inventory.database.errors import LedgerUnavailable, LedgerUnreachable
from activities.inventory.grouping.group_commit import SHARE_MIN, GroupCommit, TurnDidNotCome
from tests.workflows.waiting import until

# No second transaction begins beside the first, however long that takes.
ENDLESS_PATIENCE: Final = 60.0


Answer = Callable[[Sequence[int]], Awaitable[Sequence[int]]]


async def _echo(batch: Sequence[int]) -> Sequence[int]:
    return batch


class Counter:
    """What is asked, batch by batch, at a gate that a test opens."""

    def __init__(self, **limits: Any) -> None:
        self.gate = asyncio.Event()
        self.sizes: list[int] = []
        self.at_once = 0
        self._under_way = 0
        self.answer: Answer = _echo
        self.group: GroupCommit[int, int] = GroupCommit(
            self._run, **{"batch_size_max": 100, "patience_seconds": ENDLESS_PATIENCE, **limits}
        )

    async def _run(self, batch: Sequence[int]) -> Sequence[int]:
        self._under_way += 1
        self.at_once = max(self.at_once, self._under_way)
        self.sizes.append(len(batch))
        try:
            await self.gate.wait()
            return await self.answer(batch)
        finally:
            self._under_way -= 1

    async def ask(self, *numbers: int) -> list[asyncio.Task[int]]:
        """Let each be asked, one after the other, and return once all are under way or wait."""
        asked = []
        for number in numbers:
            asked.append(asyncio.create_task(self.group.submit(number)))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        return asked


async def test_a_group_is_no_larger_than_a_batch_may_be() -> None:
    counter = Counter(batch_size_max=4, in_turn=1)
    asked = await counter.ask(*range(11))
    assert counter.group.waiting == 10
    counter.gate.set()
    assert await asyncio.gather(*asked) == list(range(11))
    assert counter.sizes == [1, 4, 4, 2]


async def test_those_who_ask_in_one_turn_of_the_loop_share_a_transaction() -> None:
    counter = Counter()
    counter.gate.set()
    assert await asyncio.gather(*map(counter.group.submit, range(8))) == list(range(8))
    assert counter.sizes == [8]


async def test_a_crowd_is_shared_by_those_in_turn() -> None:
    counter = Counter(in_turn=2)
    crowd = range(4 * SHARE_MIN)
    asked = [asyncio.create_task(counter.group.submit(number)) for number in crowd]
    await until(lambda: counter.sizes == [2 * SHARE_MIN, 2 * SHARE_MIN])
    counter.gate.set()
    assert await asyncio.gather(*asked) == list(crowd)


async def test_no_more_are_under_way_than_are_in_turn() -> None:
    counter = Counter(in_turn=2)
    asked = await counter.ask(*range(5))
    assert counter.sizes == [1, 1]
    assert counter.group.waiting == 3
    counter.gate.set()
    await asyncio.gather(*asked)
    assert counter.at_once == 2


async def test_one_that_takes_long_lets_others_begin_beside_it_up_to_a_bound() -> None:
    counter = Counter(in_turn=1, groups_max=3, patience_seconds=0.001)
    asked = await counter.ask(0)
    for number in range(1, 5):
        asked += await counter.ask(number)
        await asyncio.sleep(0.02)
    assert counter.sizes == [1, 1, 1]
    counter.gate.set()
    assert await asyncio.gather(*asked) == list(range(5))
    assert counter.at_once == 3


async def test_a_database_out_of_reach_is_asked_once_for_the_whole_group() -> None:
    counter = Counter(in_turn=1, shared_failures=(LedgerUnreachable,))

    async def unreachable(_: Sequence[int]) -> Sequence[int]:
        raise LedgerUnreachable("the database cannot be reached: connection refused")

    counter.answer = unreachable
    asked = await counter.ask(*range(9))
    counter.gate.set()
    failures = await asyncio.gather(*asked, return_exceptions=True)
    assert counter.sizes == [1, 8]
    assert {type(failure) for failure in failures} == {LedgerUnreachable}
    assert len(set(map(id, failures))) == 9


async def test_of_a_group_that_fails_for_another_reason_each_has_its_own_answer() -> None:
    counter = Counter()

    async def refuse_three(batch: Sequence[int]) -> Sequence[int]:
        if 3 in batch:
            raise LedgerUnavailable("the database gave up")
        return batch

    counter.answer = refuse_three
    counter.gate.set()
    answers = await asyncio.gather(*map(counter.group.submit, range(5)), return_exceptions=True)
    assert [answer for answer in answers if isinstance(answer, int)] == [0, 1, 2, 4]
    assert isinstance(answers[3], LedgerUnavailable)
    assert counter.sizes == [5, 1, 1, 1, 1, 1]


async def test_one_who_stops_waiting_is_not_run_and_takes_nobody_along() -> None:
    counter = Counter(in_turn=1)
    first, gone, stays = await counter.ask(1, 2, 3)
    gone.cancel()
    await asyncio.wait([gone])
    assert counter.group.waiting == 1
    counter.gate.set()
    assert [await first, await stays] == [1, 3]
    assert counter.sizes == [1, 1]


async def test_what_is_under_way_runs_to_its_end_when_its_asker_goes() -> None:
    counter, done = Counter(in_turn=1), list[int]()

    async def note(batch: Sequence[int]) -> Sequence[int]:
        done.extend(batch)
        return batch

    counter.answer = note
    (first,) = await counter.ask(1)
    (second,) = await counter.ask(2)
    first.cancel()
    await asyncio.wait([first])
    assert done == []
    counter.gate.set()
    assert await second == 2
    assert done == [1, 2]


async def test_a_turn_that_never_comes_has_a_name() -> None:
    counter = Counter(
        batch_size_max=1, in_turn=1, groups_max=1, patience_seconds=0.005, turn_seconds_max=0.02
    )
    (first,) = await counter.ask(1)
    with pytest.raises(TurnDidNotCome):
        await counter.group.submit(2)
    counter.gate.set()
    assert await first == 1
    assert counter.sizes == [1]


async def test_a_group_is_run_in_the_context_of_who_leads_it() -> None:
    asker: ContextVar[str] = ContextVar("asker")
    counter, seen = Counter(in_turn=1), list[str]()

    async def look(batch: Sequence[int]) -> Sequence[int]:
        seen.append(asker.get())
        return batch

    async def ask(name: str) -> int:
        asker.set(name)
        return await counter.group.submit(0)

    counter.answer = look
    asked = [asyncio.create_task(ask(name)) for name in ("first", "second")]
    await until(lambda: counter.sizes == [2])
    third = asyncio.create_task(ask("third"))
    await until(lambda: counter.group.waiting == 1)
    counter.gate.set()
    await asyncio.gather(*asked, third)
    assert seen == ["first", "third"]
