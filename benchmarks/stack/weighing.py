"""What processes cost: the processor time and memory of a tree of processes."""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final, Self

import psutil

# Seldom enough to cost the weighed nothing that shows.
LOOK_SECONDS: Final = 1.0
_BYTES_PER_MEGABYTE = 1_000_000


def cpu_seconds(pids: Sequence[int]) -> float:
    """Return the processor time, user and system, that these trees have used so far.

    What a child has used that has ended and was waited for, such as a backend of Postgres, is
    counted with its parent.
    """
    seconds = 0.0
    for process in _tree(pids):
        with suppress(psutil.Error):
            times = process.cpu_times()
            seconds += times.user + times.system
            # Not on every system.
            seconds += getattr(times, "children_user", 0.0)
            seconds += getattr(times, "children_system", 0.0)
    return seconds


def memory_megabytes(pids: Sequence[int]) -> float:
    """Return the memory of these trees, in millions of bytes; shared pages are counted once.

    Where the system does not tell how pages are shared (not Linux), each process counts in full.
    """
    total = 0
    for process in _tree(pids):
        with suppress(psutil.Error):
            if sys.platform == "linux":
                total += process.memory_full_info().pss
            else:
                total += process.memory_info().rss
    return total / _BYTES_PER_MEGABYTE


class MemoryWatch:
    """Looks at the memory of parties once a second while a block runs, and once at its end.

    Args:
        parties: process ids by name.
    """

    def __init__(self, parties: Mapping[str, Sequence[int]]) -> None:
        self._parties = parties
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.peak_megabytes: dict[str, float] = dict.fromkeys(parties, 0.0)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._look()

    def _watch(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            self._look()

    def _look(self) -> None:
        for party, pids in self._parties.items():
            seen = memory_megabytes(pids)
            self.peak_megabytes[party] = max(self.peak_megabytes[party], seen)


def _tree(pids: Sequence[int]) -> list[psutil.Process]:
    processes: list[psutil.Process] = []
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            root = psutil.Process(pid)
            processes += [root, *root.children(recursive=True)]
    return processes
