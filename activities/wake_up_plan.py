"""Thousands of holds that end in the same moment need not wake their workflows in that moment.

A worker serves some dozens of endings a second. When more ask at once they queue, and everybody who
comes to buy queues behind them: with 5,000 a fresh reserve waited for more than a minute. So a
worker plans the wake-ups of what it has held: the first of a moment are woken at their deadline,
each of the rest as soon after it as there is room.

Nobody's stock waits for that. The first who end sweep up what is over (`overdue_sweep`), and what
a hold is worth after its deadline the ledger decides, whoever asks first.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Final

from activities.inventory.records import ReservationState

EXPIRIES_PER_SECOND_DEFAULT: Final = 30
LATE_SECONDS_MAX: Final = 300
# Room is counted by the tenth of a second.
MOMENTS_PER_SECOND: Final = 10
# At some 200 bytes each. Full, the plan forgets what is past, and if that is too little, all of it.
PLACES_MAX: Final = 100_000


class WakeUpPlan:
    """When the holds that this process has made are to be ended by their workflows.

    A hold has a place until this process learns of its end. Where another learns of it, the place
    stays taken until its time has passed, and may make somebody late for nothing.

    Safe for use by several threads.

    Args:
        per_second: how many to wake in a second, ``MOMENTS_PER_SECOND`` or more.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        per_second: int = EXPIRIES_PER_SECOND_DEFAULT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._room = per_second // MOMENTS_PER_SECOND
        self._clock = clock
        self._turn = threading.Lock()
        self._taken: Counter[int] = Counter()
        self._places: dict[str, int] = {}

    def late_seconds(self, checkout_id: str, state: ReservationState) -> float:
        """Note where a checkout stands: a hold takes a place, anything else gives its place back.

        Returns:
            How much later than its deadline a hold is to be ended, 0 to ``LATE_SECONDS_MAX``.
        """
        with self._turn:
            self._give_back(checkout_id)
            if state.remaining_seconds is None or state.remaining_seconds <= 0:
                return 0.0
            now = self._clock()
            if len(self._places) >= PLACES_MAX:
                self._forget(now)
            wanted = int((now + state.remaining_seconds) * MOMENTS_PER_SECOND)
            late = self._moments_without_room(wanted)
            if late <= LATE_SECONDS_MAX * MOMENTS_PER_SECOND:
                self._places[checkout_id] = wanted + late
                self._taken[wanted + late] += 1
        return min(late / MOMENTS_PER_SECOND, float(LATE_SECONDS_MAX))

    def _moments_without_room(self, wanted: int) -> int:
        """Return how many moments there are before the next with room, as far as it matters."""
        late = 0
        while (
            self._taken[wanted + late] >= self._room
            and late <= LATE_SECONDS_MAX * MOMENTS_PER_SECOND
        ):
            late += 1
        return late

    def _give_back(self, checkout_id: str) -> None:
        moment = self._places.pop(checkout_id, None)
        if moment is None:
            return
        self._taken[moment] -= 1
        if not self._taken[moment]:
            del self._taken[moment]

    def _forget(self, now: float) -> None:
        present = int(now * MOMENTS_PER_SECOND)
        past = [id for id, moment in self._places.items() if moment < present]
        for checkout_id in past or list(self._places):
            self._give_back(checkout_id)
