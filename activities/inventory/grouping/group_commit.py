"""One transaction for all that is asked at the same moment.

A request that meets no other is run at once, by its own thread. One that comes while a transaction
is under way waits for it, together with all who come meanwhile; then the first of them runs all
their requests in one transaction and hands out the answers. So a lone request never waits for
company, and the busier it gets, the more share a transaction.

A crowd that was served together comes back together, but not in the same instant: whoever is first
would run alone, and the others wait for that. So who comes within ``gather_seconds`` of the end of
a group waits, until then at most, for as many as that group had.

What becomes of a request, in order of precedence:

1. Its group succeeded: its own answer.
2. Its group failed for a reason that concerns everybody (``shared_failures``, such as a database
   that cannot be reached): that failure. Asking once more, one by one, would only take longer.
3. Its group failed for another reason, which may be the fault of one: it is run again alone, in
   its own thread, and has the answer or the failure to itself.
4. Its turn did not come within ``turn_seconds_max``: TurnDidNotCome, and it will never be run.

A transaction that takes long, because it waits for somebody's lock perhaps, holds up only who came
during its first ``patience_seconds``: after these the next begins beside it, up to ``groups_max``.
"""

from __future__ import annotations

import copy
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from threading import Lock
from typing import Final, Generic, TypeVar

GROUPS_MAX: Final = 4
GATHER_SECONDS: Final = 0.001
_GATHER_STEP_SECONDS: Final = 0.0001
PATIENCE_SECONDS: Final = 0.02
TURN_SECONDS_MAX: Final = 5.0

RequestT = TypeVar("RequestT")
AnswerT = TypeVar("AnswerT")


class TurnDidNotCome(Exception):
    """Those before took too long; the request was not run and will not be."""


class _Stage(Enum):
    WAITING = auto()
    LEADING = auto()
    TAKEN = auto()
    ANSWERED = auto()
    FAILED = auto()
    ALONE = auto()


@dataclass(slots=True, eq=False)
class _Entry(Generic[RequestT, AnswerT]):
    """A request and what became of it. Its thread sleeps on ``bell`` until there is news."""

    request: RequestT
    stage: _Stage = _Stage.WAITING
    answer: AnswerT | None = None
    failure: Exception | None = None
    bell: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self.bell.acquire()

    def tell(self, stage: _Stage) -> None:
        self.stage = stage
        self.bell.release()


_Group = list[_Entry[RequestT, AnswerT]]


class GroupCommit(Generic[RequestT, AnswerT]):
    """Runs single requests of many threads in groups.

    Args:
        run: one transaction for a batch; its answers stand in the order of the requests. It must
            bear being asked for the same again.
        batch_size_max: requests in one transaction, 1 or more.
        shared_failures: failures that each of a group would meet again if it were alone.
        observe: told the size and the seconds of every transaction, whether it succeeded or not.
        groups_max: transactions under way at once, 1 or more.
        gather_seconds: how long after the end of a group its crowd is waited for.
        patience_seconds: how long a transaction may take before the next begins beside it.
        turn_seconds_max: how long a request waits for its turn.
    """

    def __init__(
        self,
        run: Callable[[Sequence[RequestT]], Sequence[AnswerT]],
        *,
        batch_size_max: int,
        shared_failures: tuple[type[Exception], ...] = (),
        observe: Callable[[int, float], None] = lambda _size, _seconds: None,
        groups_max: int = GROUPS_MAX,
        gather_seconds: float = GATHER_SECONDS,
        patience_seconds: float = PATIENCE_SECONDS,
        turn_seconds_max: float = TURN_SECONDS_MAX,
    ) -> None:
        self._run = run
        self._batch_size_max = batch_size_max
        self._shared_failures = shared_failures
        self._observe = observe
        self._groups_max = groups_max
        self._gather_seconds = gather_seconds
        self._patience_seconds = patience_seconds
        self._turn_seconds_max = turn_seconds_max
        # Guards all below. Held for moments only, never while a transaction runs.
        self._desk = Lock()
        self._waiting: deque[_Entry[RequestT, AnswerT]] = deque()
        self._groups = 0
        self._last_began = 0.0
        self._last_ended = 0.0
        self._last_size = 0

    def submit(self, request: RequestT) -> AnswerT:
        """Run one request, in company if there is any, and return its answer.

        Raises:
            TurnDidNotCome: it was not run.
            Exception: what ``run`` raised for this request.
        """
        entry: _Entry[RequestT, AnswerT] = _Entry(request)
        group = self._arrive(entry) or self._await_turn(entry)
        if group:
            self._gather(group)
            self._lead(group)
        return self._result(entry)

    @property
    def waiting(self) -> int:
        """How many requests wait for their turn."""
        return len(self._waiting)

    # --- whose turn it is ------------------------------------------------------------------------

    def _arrive(self, entry: _Entry[RequestT, AnswerT]) -> _Group[RequestT, AnswerT]:
        """Return the group that this request leads at once; empty where it has to wait."""
        with self._desk:
            self._waiting.append(entry)
            return self._begin(entry) if self._may_begin() else []

    def _await_turn(self, entry: _Entry[RequestT, AnswerT]) -> _Group[RequestT, AnswerT]:
        """Wait until the request was dealt with, or leads the group that is returned."""
        give_up = time.monotonic() + self._turn_seconds_max
        while not entry.bell.acquire(timeout=self._patience_seconds):
            with self._desk:
                if entry.stage is not _Stage.WAITING:
                    continue
                if self._may_begin():
                    return self._begin(entry)
                if time.monotonic() >= give_up:
                    self._waiting.remove(entry)
                    raise TurnDidNotCome
        if entry.stage is not _Stage.LEADING:
            return []
        with self._desk:
            return self._take(entry)

    def _may_begin(self) -> bool:
        if self._groups == 0:
            return True
        is_slow = time.monotonic() - self._last_began >= self._patience_seconds
        return is_slow and self._groups < self._groups_max

    def _begin(self, leader: _Entry[RequestT, AnswerT]) -> _Group[RequestT, AnswerT]:
        self._groups += 1
        self._waiting.remove(leader)
        return self._take(leader)

    def _take(self, leader: _Entry[RequestT, AnswerT]) -> _Group[RequestT, AnswerT]:
        leader.stage = _Stage.TAKEN
        group = [leader]
        self._fill(group)
        self._last_began = time.monotonic()
        return group

    def _fill(self, group: _Group[RequestT, AnswerT]) -> None:
        while self._waiting and len(group) < self._batch_size_max:
            entry = self._waiting.popleft()
            entry.stage = _Stage.TAKEN
            group.append(entry)

    def _gather(self, group: _Group[RequestT, AnswerT]) -> None:
        """Wait a moment for the others of a crowd that was served just now, and take them along."""
        until = self._last_ended + self._gather_seconds
        missing = self._last_size - len(group)
        while len(self._waiting) < missing and time.monotonic() < until:
            # Sleeping lets them run, in an interpreter that runs one thread at a time.
            time.sleep(_GATHER_STEP_SECONDS)
        with self._desk:
            self._fill(group)

    def _end(self, size: int) -> None:
        """Pass the turn on to whoever has waited longest; without anybody the group is over."""
        with self._desk:
            self._last_ended = time.monotonic()
            self._last_size = size
            if self._waiting:
                self._waiting.popleft().tell(_Stage.LEADING)
            else:
                self._groups -= 1

    # --- running ---------------------------------------------------------------------------------

    def _lead(self, group: _Group[RequestT, AnswerT]) -> None:
        began = time.perf_counter()
        try:
            answers = self._run([entry.request for entry in group])
        except self._shared_failures as failure:
            self._fail(group, failure)
        except Exception as failure:  # noqa: BLE001  # whatever it is, it may be the fault of one
            self._part(group, failure)
        except BaseException:
            # This thread is told to stop; that concerns none of the others.
            self._send_away(group)
            raise
        else:
            for entry, answer in zip(group, answers, strict=True):
                entry.answer = answer
                entry.tell(_Stage.ANSWERED)
        finally:
            self._end(len(group))
            self._observe(len(group), time.perf_counter() - began)

    def _fail(self, group: _Group[RequestT, AnswerT], failure: Exception) -> None:
        for entry in group:
            # Each thread raises one of its own: a traceback belongs to one of them.
            entry.failure = copy.copy(failure)
            entry.tell(_Stage.FAILED)

    def _part(self, group: _Group[RequestT, AnswerT], failure: Exception) -> None:
        if len(group) == 1:
            self._fail(group, failure)
        else:
            self._send_away(group)

    def _send_away(self, group: _Group[RequestT, AnswerT]) -> None:
        for entry in group:
            entry.tell(_Stage.ALONE)

    def _result(self, entry: _Entry[RequestT, AnswerT]) -> AnswerT:
        if entry.stage is _Stage.ALONE:
            return self._run_alone(entry.request)
        if entry.failure is not None:
            raise entry.failure
        return entry.answer  # type: ignore[return-value]  # answered, be it with None

    def _run_alone(self, request: RequestT) -> AnswerT:
        began = time.perf_counter()
        try:
            (answer,) = self._run([request])
        finally:
            self._observe(1, time.perf_counter() - began)
        return answer
