"""Many at once, and two in a chosen order: threads on real connections, told apart by their locks.

Nothing here sleeps to let the other get ahead. Who waits is read from the server's own tables.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final, TypeVar

from sqlalchemy import Connection, Engine, exc, text

from tests.limits import HANG_SECONDS

T = TypeVar("T")

_POLL_SECONDS: Final = 0.002
# Who waits for a row's lock has the place in its queue, which is a lock on a tuple of the table.
# Who inserts a key that somebody else has inserted waits for that transaction and has none.
_WAITING: Final = text("""
SELECT coalesce((SELECT max(c.relname)
                   FROM pg_locks AS l
                   JOIN pg_class AS c ON c.oid = l.relation
                  WHERE l.pid = a.pid AND l.locktype = 'tuple'), 'an id') AS what
  FROM pg_stat_activity AS a
 WHERE a.datname = current_database() AND a.wait_event_type = 'Lock'
 ORDER BY a.query_start
""")


def all_at_once(tasks: Sequence[Callable[[], T]]) -> list[T]:
    """Run each task in a thread of its own, none before all are ready, and return their results.

    The first error of any of them is raised: nobody in a crowd is allowed to fail.
    """
    gate = threading.Barrier(len(tasks))

    def through_the_gate(task: Callable[[], T]) -> T:
        gate.wait(HANG_SECONDS)
        return task()

    with ThreadPoolExecutor(len(tasks)) as threads:
        return list(threads.map(through_the_gate, tasks))


def blocked(engine: Engine, count: int = 1) -> list[str]:
    """Wait until so many sessions wait for a lock, and return what for.

    Returns:
        The table in which the session waits for a row, or ``an id`` that somebody else is taking.
    """
    give_up = time.monotonic() + HANG_SECONDS
    while time.monotonic() < give_up:
        with engine.connect() as connection:
            waiting = [str(row.what) for row in connection.execute(_WAITING)]
        if len(waiting) >= count:
            return waiting
        time.sleep(_POLL_SECONDS)
    raise AssertionError(f"fewer than {count} sessions came to wait for a lock")


def until(condition: Callable[[], bool]) -> None:
    """Wait until something holds that only other threads can bring about."""
    give_up = time.monotonic() + HANG_SECONDS
    while not condition():
        assert time.monotonic() < give_up, "it did not come to hold"
        time.sleep(_POLL_SECONDS)


@contextmanager
def waiting_behind(
    engine: Engine, first: Connection, *tasks: Callable[[], T]
) -> Iterator[list[Future[T]]]:
    """Start tasks that have to wait for the transaction of ``first``; commit it at the end.

    Inside the block every task is seen to wait. After it their results can be asked for.
    """
    with ThreadPoolExecutor(len(tasks)) as threads:
        futures = []
        try:
            for number, task in enumerate(tasks, start=1):
                futures.append(threads.submit(task))
                blocked(engine, number)
            yield futures
        except BaseException:
            first.rollback()
            raise
        first.commit()


def is_free(engine: Engine, table: str, key: str, value: object) -> bool:
    """Return whether a row could be locked for a change right now."""
    with engine.connect() as connection:
        try:
            connection.execute(
                text(
                    f"SELECT 1 FROM holdfast.{table} WHERE {key} = :value FOR NO KEY UPDATE NOWAIT"
                ),
                {"value": value},
            )
        except exc.OperationalError:
            return False
        return True
