"""Thousands of holds that end in the same moment need not wake their workflows in that moment.

A worker serves some dozens of endings a second. When more ask at once they queue, and everybody who
comes to buy queues behind them: with 5,000 a fresh reserve waited for more than a minute. So a
worker plans the wake-ups of what it has held: the first of a second are woken at their deadline,
each of the rest as soon after it as there is room.

There is room for as many a second as the worker has lately held a second, so that in a steady flow
nobody is late, and beside them for as many of a crowd as a slow machine bears beside its shoppers.

Nobody's stock waits for that. The first who end sweep up what is over (`overdue_sweep`), and what
a hold is worth after its deadline the ledger decides, whoever asks first.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable
from typing import Final

from activities.inventory.records import ReservationState

EXPIRIES_PER_SECOND_DEFAULT: Final = 10
LATE_SECONDS_MAX: Final = 600
# How far back "lately" reaches: further than a crowd takes to gather.
FLOW_SECONDS: Final = 1_800.0
# At some 200 bytes each. Full, the plan forgets what is past, and if that is too little, all of it.
PLACES_MAX: Final = 100_000


class WakeUpPlan:
    """When the holds that this process has made are to be ended by their workflows.

    A hold has a place until this process learns of its end. Where another learns of it, the place
    stays taken until its time has passed, and may make somebody late for nothing.

    For the coroutines of one event loop.

    Args:
        per_second: how many may be woken in a second beside as many as are usual, 1 or more.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        per_second: int = EXPIRIES_PER_SECOND_DEFAULT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._per_second = per_second
        self._clock = clock
        self._flow = _Flow(clock())
        self._taken: Counter[int] = Counter()
        self._places: dict[str, int] = {}

    def late_seconds(self, checkout_id: str, state: ReservationState) -> float:
        """Note where a checkout stands: a hold takes a place, anything else gives its place back.

        Returns:
            How much later than its deadline a hold is to be ended, 0 to ``LATE_SECONDS_MAX``.
        """
        had_place = self._give_back(checkout_id)
        if state.remaining_seconds is None or state.remaining_seconds <= 0:
            return 0.0
        now = self._clock()
        if not had_place:
            self._flow.count(now)
        if len(self._places) >= PLACES_MAX:
            self._forget(now)
        room = int(self._per_second + self._flow.per_second)
        return self._take(checkout_id, now + state.remaining_seconds, room)

    def _take(self, checkout_id: str, deadline: float, room: int) -> float:
        """Take the first place from a deadline on, and return how much later it is.

        Where nobody has room until the bound, each second has twice as much: a crowd that is too
        large comes faster, and not in the last of these seconds.
        """
        second = self._first_with_room(int(deadline), room)
        while second is None:
            room *= 2
            second = self._first_with_room(int(deadline), room)
        # Who comes from an earlier second does so evenly spread over this one.
        moment = second + self._taken[second] / room
        self._taken[second] += 1
        self._places[checkout_id] = second
        return moment - deadline if second > deadline else 0.0

    def _first_with_room(self, first: int, room: int) -> int | None:
        seconds = range(first, first + LATE_SECONDS_MAX)
        return next((second for second in seconds if self._taken[second] < room), None)

    def _give_back(self, checkout_id: str) -> bool:
        """Return whether there was a place to give back."""
        second = self._places.pop(checkout_id, None)
        if second is None:
            return False
        self._taken[second] -= 1
        if not self._taken[second]:
            del self._taken[second]
        return True

    def _forget(self, now: float) -> None:
        past = [id for id, second in self._places.items() if second < int(now)]
        for checkout_id in past or list(self._places):
            self._give_back(checkout_id)


class _Flow:
    """How many are held a second: a mean in which what is long ago counts ever less."""

    def __init__(self, now: float) -> None:
        self.per_second = 0.0
        self._at = now

    def count(self, now: float) -> None:
        """Note that one more is held."""
        self.per_second *= math.exp((self._at - now) / FLOW_SECONDS)
        self.per_second += 1 / FLOW_SECONDS
        self._at = now
