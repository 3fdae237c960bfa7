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

T = TypeVar("T")

_WAIT_SECONDS_MAX: Final = 15.0
_POLL_SECONDS: Final = 0.002
_WAITING: Final = text("""
SELECT query
  FROM pg_stat_activity
 WHERE datname = current_database() AND wait_event_type = 'Lock'
 ORDER BY query_start
""")


def all_at_once(tasks: Sequence[Callable[[], T]]) -> list[T]:
    """Run each task in a thread of its own, none before all are ready, and return their results.

    The first error of any of them is raised: nobody in a crowd is allowed to fail.
    """
    gate = threading.Barrier(len(tasks))

    def through_the_gate(task: Callable[[], T]) -> T:
        gate.wait(_WAIT_SECONDS_MAX)
        return task()

    with ThreadPoolExecutor(len(tasks)) as threads:
        return list(threads.map(through_the_gate, tasks))


def blocked(engine: Engine, count: int = 1) -> list[str]:
    """Wait until so many sessions wait for a lock, and return the statements that they wait in."""
    give_up = time.monotonic() + _WAIT_SECONDS_MAX
    while time.monotonic() < give_up:
        with engine.connect() as connection:
            statements = [str(row.query) for row in connection.execute(_WAITING)]
        if len(statements) >= count:
            return statements
        time.sleep(_POLL_SECONDS)
    raise AssertionError(f"fewer than {count} sessions came to wait for a lock")


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
