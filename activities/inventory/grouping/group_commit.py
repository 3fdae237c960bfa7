"""One transaction for all that is asked at the same moment.

All of it happens in one event loop, so nothing has to be locked. A request begins a transaction by
itself where fewer than ``in_turn`` are under way, and takes along whoever asks in the same turn of
the loop. Who comes while they are under way waits, and has the next one together with all who come
meanwhile. So a lone request never waits for company, and the busier it gets, the more share a
transaction. With two in turn Python prepares the next while Postgres writes the first.

What becomes of a request, in order of precedence:

1. Its group succeeded: its own answer.
2. Its group failed for a reason that concerns everybody (``shared_failures``, such as a database
   that cannot be reached): that failure. Asking once more, one by one, would only take longer.
3. Its group failed for another reason, which may be the fault of one: it is run again alone, and
   has the answer or the failure to itself.
4. Its turn did not come within ``turn_seconds_max``: TurnDidNotCome, and it will never be run.

Whoever stops waiting is not run either, if the turn has not come. What is under way belongs to
nobody who could be told to stop: it runs to its end.

A transaction that takes long, because it waits for somebody's lock perhaps, holds up only who came
during its first ``patience_seconds``: after these the next begins beside it, up to ``groups_max``.
"""

from __future__ import annotations

import asyncio
import copy
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextvars import Context, copy_context
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

GROUPS_MAX: Final = 4
IN_TURN: Final = 2
PATIENCE_SECONDS: Final = 0.02
TURN_SECONDS_MAX: Final = 5.0
# A crowd of so many is not worth two transactions.
SHARE_MIN: Final = 16
# Of a group that fell apart so many are run at once.
ALONE_MAX: Final = 10

RequestT = TypeVar("RequestT")
AnswerT = TypeVar("AnswerT")


class TurnDidNotCome(Exception):
    """Those before took too long; the request was not run and will not be."""


@dataclass(slots=True, eq=False)
class _Entry(Generic[RequestT, AnswerT]):
    """A request, since when it waits, and what its asker waits for.

    ``context`` is the asker's own, in which the group that it leads is run: so a trace leads on.
    """

    request: RequestT
    answer: asyncio.Future[AnswerT]
    since: float
    context: Context


_Group = list[_Entry[RequestT, AnswerT]]


class GroupCommit(Generic[RequestT, AnswerT]):
    """Runs single requests of many coroutines in groups.

    Args:
        run: one transaction for a batch; its answers stand in the order of the requests. It must
            bear being asked for the same again.
        batch_size_max: requests in one transaction, 1 or more.
        shared_failures: failures that each of a group would meet again if it were alone.
        observe: told the size and the seconds of every transaction, whether it succeeded or not.
        in_turn: transactions under way as a rule, 1 or more.
        groups_max: transactions under way at once, ``in_turn`` or more.
        patience_seconds: how long a transaction may take before the next begins beside it.
        turn_seconds_max: how long a request waits for its turn.
    """

    def __init__(
        self,
        run: Callable[[Sequence[RequestT]], Awaitable[Sequence[AnswerT]]],
        *,
        batch_size_max: int,
        shared_failures: tuple[type[Exception], ...] = (),
        observe: Callable[[int, float], None] = lambda _size, _seconds: None,
        in_turn: int = IN_TURN,
        groups_max: int = GROUPS_MAX,
        patience_seconds: float = PATIENCE_SECONDS,
        turn_seconds_max: float = TURN_SECONDS_MAX,
    ) -> None:
        self._run = run
        self._batch_size_max = batch_size_max
        self._shared_failures = shared_failures
        self._observe = observe
        self._in_turn = in_turn
        self._groups_max = groups_max
        self._patience_seconds = patience_seconds
        self._turn_seconds_max = turn_seconds_max
        self._waiting: deque[_Entry[RequestT, AnswerT]] = deque()
        self._groups = 0
        self._under_way = 0
        self._is_beginning = False
        self._last_began = 0.0
        self._look: asyncio.TimerHandle | None = None
        # The loop itself holds tasks by a weak reference only.
        self._tasks: set[asyncio.Task[None]] = set()

    async def submit(self, request: RequestT) -> AnswerT:
        """Run one request, in company if there is any, and return its answer.

        Raises:
            TurnDidNotCome: it was not run.
            Exception: what ``run`` raised for this request.
        """
        answer: asyncio.Future[AnswerT] = asyncio.get_running_loop().create_future()
        entry = _Entry(request, answer, time.monotonic(), copy_context())
        self._waiting.append(entry)
        self._see_to_turns()
        return await answer

    @property
    def waiting(self) -> int:
        """How many requests wait for their turn."""
        return sum(not entry.answer.done() for entry in self._waiting)

    # --- whose turn it is ------------------------------------------------------------------------

    def _see_to_turns(self) -> None:
        """Begin what may begin, and look again while somebody waits."""
        if self._waiting and self._may_begin():
            self._begin()
        elif self._waiting and self._look is None:
            loop = asyncio.get_running_loop()
            self._look = loop.call_later(self._patience_seconds, self._look_again)

    def _look_again(self) -> None:
        self._look = None
        since = time.monotonic() - self._turn_seconds_max
        while self._waiting and (self._waiting[0].answer.done() or self._waiting[0].since <= since):
            answer = self._waiting.popleft().answer
            if not answer.done():
                answer.set_exception(TurnDidNotCome())
        self._see_to_turns()

    def _may_begin(self) -> bool:
        if self._groups < self._in_turn:
            return True
        is_slow = time.monotonic() - self._last_began >= self._patience_seconds
        return is_slow and self._groups < self._groups_max

    def _begin(self) -> None:
        """Let the one who has waited longest begin a group, in the loop's next turn."""
        if self._is_beginning:
            return
        self._is_beginning = True
        self._groups += 1
        self._start(self._lead(), self._waiting[0].context)

    def _take(self) -> _Group[RequestT, AnswerT]:
        """Return who shares the next transaction; without anybody who still waits it is empty.

        Of a crowd each of those in turn takes its share: all in one would leave nobody to prepare.
        """
        self._is_beginning = False
        crowd = len(self._waiting) + self._under_way
        share = min(max(-(-crowd // self._in_turn), SHARE_MIN), self._batch_size_max)
        group: _Group[RequestT, AnswerT] = []
        while self._waiting and len(group) < share:
            entry = self._waiting.popleft()
            if not entry.answer.done():
                group.append(entry)
        self._last_began = time.monotonic()
        return group

    def _start(self, work: Coroutine[Any, Any, None], context: Context) -> None:
        task = asyncio.get_running_loop().create_task(work, context=context)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- running ---------------------------------------------------------------------------------

    async def _lead(self) -> None:
        group = self._take()
        self._see_to_turns()
        try:
            if group:
                await self._run_together(group)
        finally:
            self._groups -= 1
            self._see_to_turns()

    async def _run_together(self, group: _Group[RequestT, AnswerT]) -> None:
        began = time.perf_counter()
        self._under_way += len(group)
        try:
            answers = await self._run([entry.request for entry in group])
        except self._shared_failures as failure:
            _fail(group, failure)
        except Exception as failure:  # noqa: BLE001  # whatever it is, it may be the fault of one
            if len(group) == 1:
                _fail(group, failure)
            else:
                self._part(group)
        except BaseException:
            # The loop ends, and with it everybody's wait.
            for entry in group:
                entry.answer.cancel()
            raise
        else:
            for entry, answer in zip(group, answers, strict=True):
                if not entry.answer.done():
                    entry.answer.set_result(answer)
        finally:
            self._under_way -= len(group)
            self._observe(len(group), time.perf_counter() - began)

    def _part(self, group: _Group[RequestT, AnswerT]) -> None:
        """Run each of a group by itself, some at once."""
        turns = asyncio.Semaphore(ALONE_MAX)
        for entry in group:
            self._start(self._run_alone(entry, turns), entry.context)

    async def _run_alone(self, entry: _Entry[RequestT, AnswerT], turns: asyncio.Semaphore) -> None:
        async with turns:
            if not entry.answer.done():
                await self._run_together([entry])


def _fail(group: _Group[RequestT, AnswerT], failure: Exception) -> None:
    for entry in group:
        if not entry.answer.done():
            # Each raises one of its own: a traceback belongs to one of them.
            entry.answer.set_exception(copy.copy(failure))
