"""The queue in front of the ledger: who runs whose requests, and what becomes of failures."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Final

import pytest

from activities.inventory.database.errors import LedgerUnreachable
from activities.inventory.grouping.group_commit import GroupCommit, TurnDidNotCome
from tests.inventory.crowd import until

WAIT_SECONDS: Final = 20.0
# No second transaction begins beside the first, however long that takes.
ENDLESS_PATIENCE: Final = 60.0


def test_a_group_is_no_larger_than_a_batch_may_be() -> None:
    gate, sizes = Event(), list[int]()

    def run(batch: Sequence[int]) -> Sequence[int]:
        gate.wait(WAIT_SECONDS)
        sizes.append(len(batch))
        return batch

    group: GroupCommit[int, int] = GroupCommit(
        run, batch_size_max=4, patience_seconds=ENDLESS_PATIENCE
    )
    with ThreadPoolExecutor(11) as threads:
        answers = [threads.submit(group.submit, n) for n in range(11)]
        until(lambda: group.waiting == 10)
        gate.set()
        assert [answer.result(WAIT_SECONDS) for answer in answers] == list(range(11))
    assert sizes == [1, 4, 4, 2]


def test_a_database_out_of_reach_is_asked_once_for_the_whole_group() -> None:
    gate, sizes = Event(), list[int]()

    def unreachable(batch: Sequence[int]) -> Sequence[int]:
        gate.wait(WAIT_SECONDS)
        sizes.append(len(batch))
        raise LedgerUnreachable("the database cannot be reached: connection refused")

    group: GroupCommit[int, int] = GroupCommit(
        unreachable,
        batch_size_max=100,
        shared_failures=(LedgerUnreachable,),
        patience_seconds=ENDLESS_PATIENCE,
    )
    with ThreadPoolExecutor(9) as threads:
        answers = [threads.submit(group.submit, n) for n in range(9)]
        until(lambda: group.waiting == 8)
        gate.set()
        failures = [answer.exception(WAIT_SECONDS) for answer in answers]
    assert sizes == [1, 8]
    assert {type(failure) for failure in failures} == {LedgerUnreachable}
    assert len(set(map(id, failures))) == 9


def test_a_leader_that_is_told_to_stop_leaves_nobody_behind() -> None:
    gate = Event()

    def run(batch: Sequence[int]) -> Sequence[int]:
        gate.wait(WAIT_SECONDS)
        if len(batch) > 1:
            raise KeyboardInterrupt
        return batch

    group: GroupCommit[int, int] = GroupCommit(
        run, batch_size_max=100, patience_seconds=ENDLESS_PATIENCE
    )
    with ThreadPoolExecutor(6) as threads:
        answers = [threads.submit(group.submit, n) for n in range(6)]
        until(lambda: group.waiting == 5)
        gate.set()
        failures = [answer.exception(WAIT_SECONDS) for answer in answers]
        assert [type(each) for each in failures if each] == [KeyboardInterrupt]
        assert threads.submit(group.submit, 7).result(WAIT_SECONDS) == 7


def test_a_turn_that_never_comes_has_a_name() -> None:
    begun, gate = Event(), Event()

    def run(batch: Sequence[int]) -> Sequence[int]:
        begun.set()
        gate.wait(WAIT_SECONDS)
        return batch

    group: GroupCommit[int, int] = GroupCommit(
        run,
        batch_size_max=1,
        groups_max=1,
        patience_seconds=0.005,
        turn_seconds_max=0.02,
    )
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(group.submit, 1)
        begun.wait(WAIT_SECONDS)
        with pytest.raises(TurnDidNotCome):
            group.submit(2)
        gate.set()
        assert first.result(WAIT_SECONDS) == 1


def test_a_crowd_that_was_served_together_is_served_together_again() -> None:
    gate, sizes = Event(), list[int]()

    def run(batch: Sequence[int]) -> Sequence[int]:
        gate.wait(WAIT_SECONDS)
        sizes.append(len(batch))
        return batch

    group: GroupCommit[int, int] = GroupCommit(
        run, batch_size_max=100, patience_seconds=ENDLESS_PATIENCE, gather_seconds=WAIT_SECONDS
    )

    def twice(number: int) -> int:
        return group.submit(group.submit(number))

    with ThreadPoolExecutor(8) as threads:
        first = threads.submit(group.submit, 0)
        begun = [threads.submit(twice, number) for number in range(1, 8)]
        until(lambda: group.waiting == 7)
        gate.set()
        assert [answer.result(WAIT_SECONDS) for answer in (first, *begun)] == list(range(8))
    assert sizes == [1, 7, 7]


def test_one_who_asks_after_one_waits_for_nobody() -> None:
    group: GroupCommit[int, int] = GroupCommit(
        lambda batch: batch, batch_size_max=100, gather_seconds=ENDLESS_PATIENCE
    )
    assert [group.submit(number) for number in range(3)] == [0, 1, 2]


def test_one_who_comes_long_after_a_crowd_waits_for_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gate = Event()

    def run(batch: Sequence[int]) -> Sequence[int]:
        gate.wait(WAIT_SECONDS)
        return batch

    group: GroupCommit[int, int] = GroupCommit(
        run, batch_size_max=100, patience_seconds=ENDLESS_PATIENCE, gather_seconds=0.01
    )
    with ThreadPoolExecutor(5) as threads:
        crowd = [threads.submit(group.submit, number) for number in range(5)]
        until(lambda: group.waiting == 4)
        gate.set()
        assert [answer.result(WAIT_SECONDS) for answer in crowd] == list(range(5))
    time.sleep(0.02)
    waits = list[float]()
    monkeypatch.setattr("activities.inventory.grouping.group_commit.time.sleep", waits.append)
    assert group.submit(6) == 6
    assert waits == []
