"""How far a replay has come, on stderr: a bar in a terminal, a line at every tenth elsewhere."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from holdfast_client.cli.replay.report import (
    CLOSING_STEPS,
    ExpiryWait,
    ReplayEvent,
    Step,
)
from holdfast_client.terminal.screen import say

_LINES_MAX: Final = 10
_SHOWN: Final = (Step.HELD, Step.DENIED, Step.FULFILLED)

Listener = Callable[[ReplayEvent], None]


@contextmanager
def shown_progress(orders: int, *, wanted: bool) -> Iterator[Listener]:
    """Yield a listener that shows the progress of a replay of so many orders."""
    if not wanted or sys.stderr is None:
        yield lambda _: None
    elif sys.stderr.isatty():
        with _bar(orders) as listener:
            yield listener
    else:
        yield _Lines(orders).hear


class _Count:
    """How many orders are asked for, and what became of them."""

    def __init__(self) -> None:
        self.steps: Counter[Step] = Counter()
        self._closed: set[str] = set()

    @property
    def closed(self) -> int:
        return len(self._closed)

    def hear(self, event: ReplayEvent) -> bool:
        """Count an event; tell whether it closed an order."""
        if isinstance(event, ExpiryWait):
            return False
        self.steps[event.step] += 1
        before = self.closed
        if event.step in CLOSING_STEPS:
            self._closed.add(event.checkout_id)
        return self.closed > before

    def text(self) -> str:
        return ", ".join(f"{self.steps[step]} {step}" for step in _SHOWN)


class _Lines:
    def __init__(self, orders: int) -> None:
        self._orders = orders
        self._every = max(1, -(-orders // _LINES_MAX))
        self._count = _Count()

    def hear(self, event: ReplayEvent) -> None:
        if isinstance(event, ExpiryWait):
            say(_waiting_text(event))
        elif self._count.hear(event) and self._is_due():
            say(f"{self._count.closed} of {self._orders} orders: {self._count.text()}")

    def _is_due(self) -> bool:
        closed = self._count.closed
        return closed % self._every == 0 or closed == self._orders


@contextmanager
def _bar(orders: int) -> Iterator[Listener]:
    count = _Count()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[counts]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("replay", total=orders, counts="")

        def hear(event: ReplayEvent) -> None:
            if isinstance(event, ExpiryWait):
                progress.update(task, description=_waiting_text(event))
                return
            count.hear(event)
            progress.update(task, completed=count.closed, counts=count.text())

        yield hear


def _waiting_text(event: ExpiryWait) -> str:
    return f"waiting up to {event.seconds:.0f} s for {event.holds} abandoned holds to end"
