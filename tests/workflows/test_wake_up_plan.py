"""Holds that end in the same moment wake their workflows one after the other, at a bounded rate."""

from __future__ import annotations

import itertools
import math
from collections import Counter, deque
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities import wake_up_plan
from activities.inventory.records import ReservationState
from activities.wake_up_plan import LATE_SECONDS_MAX, WakeUpPlan
from holdfast_client.contract.outcomes import Denied, Held
from tests.inventory.crowd import all_at_once
from tests.workflows.histories import events_of, kind
from tests.workflows.stage import Stage, at_work, open_stage
from tests.workflows.till import moment

BEGAN = 1_000.0


class Clock:
    """Stands still until it is told otherwise."""

    now = BEGAN

    def __call__(self) -> float:
        return self.now


def _held(remaining_seconds: float) -> ReservationState:
    held = Held(lines=(), expires_at=datetime(2026, 11, 20, tzinfo=UTC))
    return ReservationState(held, remaining_seconds)


NONE_HELD = ReservationState(Denied(shortages=()), None)
_number = itertools.count()


def _lateness(plan: WakeUpPlan, remaining_seconds: float, count: int) -> list[float]:
    state = _held(remaining_seconds)
    return [plan.late_seconds(f"c{next(_number)}", state) for _ in range(count)]


def test_whoever_has_room_in_the_second_of_their_deadline_is_not_late():
    plan = WakeUpPlan(5, Clock())
    assert _lateness(plan, 60.0, 5) == [0.0] * 5
    assert _lateness(plan, 61.0, 5) == [0.0] * 5


def test_the_rest_of_a_crowd_follow_evenly_at_the_rate_that_was_asked_for():
    plan = WakeUpPlan(2, Clock())
    assert _lateness(plan, 60.0, 7) == [0.0, 0.0, 1.0, 1.5, 2.0, 2.5, 3.0]
    # The seconds after are taken, so who belongs there is late too.
    assert _lateness(plan, 61.25, 2) == [2.25, 2.75]


def test_what_is_over_or_not_held_has_no_place():
    plan = WakeUpPlan(10, Clock())
    assert [plan.late_seconds(f"c{n}", NONE_HELD) for n in range(3)] == [0.0] * 3
    assert _lateness(plan, 0.0, 3) + _lateness(plan, -5.0, 3) == [0.0] * 6


def test_who_is_paid_gives_their_place_back():
    plan = WakeUpPlan(1, Clock())
    assert [plan.late_seconds(id, _held(60.0)) for id in "ab"] == [0.0, 1.0]
    assert plan.late_seconds("a", NONE_HELD) == 0.0
    assert [plan.late_seconds(id, _held(60.0)) for id in "cd"] == [0.0, 2.0]


def test_who_is_asked_for_again_or_extended_has_one_place():
    plan = WakeUpPlan(1, Clock())
    assert [plan.late_seconds("a", _held(60.0)) for _ in range(3)] == [0.0] * 3
    assert plan.late_seconds("a", _held(90.0)) == 0.0
    assert plan.late_seconds("b", _held(60.0)) == 0.0


def _latest_in_a_steady_flow(plan: WakeUpPlan, clock: Clock, seconds: int) -> float:
    """Hold 10 a second, of which half are paid, and return how late the last minute's are."""
    latest = 0.0
    unpaid: deque[str] = deque()
    for number in range(10 * seconds):
        clock.now += 1 / 10
        id = f"s{next(_number)}"
        late = plan.late_seconds(id, _held(900.0))
        if number >= 10 * (seconds - 60):
            latest = max(latest, late)
        if number % 2:
            unpaid.append(id)
        if len(unpaid) > 10 * 30:
            plan.late_seconds(unpaid.popleft(), NONE_HELD)
    return latest


def test_in_a_steady_flow_above_the_rate_nobody_is_late_once_it_is_usual():
    clock = Clock()
    plan = WakeUpPlan(5, clock)
    assert _latest_in_a_steady_flow(plan, clock, 61) > 50.0
    assert _latest_in_a_steady_flow(plan, clock, 5_400) <= 1.0


def test_a_flow_that_is_long_over_lets_no_crowd_through():
    clock = Clock()
    plan = WakeUpPlan(5, clock)
    _latest_in_a_steady_flow(plan, clock, 900)
    clock.now += 14_400
    clock.now = math.ceil(clock.now)
    assert max(_lateness(plan, 60.0, 200)) == pytest.approx(39.8)


def test_who_comes_again_is_no_more_flow():
    clock = Clock()
    plan = WakeUpPlan(1, clock)
    for _ in range(40 * 900):
        plan.late_seconds("again", _held(60.0))
    assert _lateness(plan, 60.0, 2) == [1.0, 2.0]


def test_a_flow_that_is_paid_makes_nobody_later_and_later():
    clock = Clock()
    plan = WakeUpPlan(40, clock)
    latest = 0.0
    for number in range(20_000):
        # A hundred a second, each paid after five: 500 are open, which is 12.5 s of room.
        clock.now += 0.01
        latest = max(latest, plan.late_seconds(f"c{number}", _held(900.0)))
        plan.late_seconds(f"c{number - 500}", NONE_HELD)
    assert latest <= 12.5


def test_nobody_is_later_than_the_bound_and_a_larger_crowd_comes_faster(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(wake_up_plan, "LATE_SECONDS_MAX", 2)
    plan = WakeUpPlan(1, Clock())
    assert _lateness(plan, 60.0, 4) == [0.0, 1.0, 0.0, 1.5]
    assert _lateness(plan, 60.0, 4) == [0.0, 0.0, 1.5, 1.75]
    assert max(_lateness(plan, 60.75, 50)) < 2.0


@given(st.lists(st.floats(0.01, 30.0), min_size=1, max_size=400), st.sampled_from([1, 5, 200]))
def test_no_second_has_more_than_its_room_and_nobody_is_early(
    remaining: list[float], per_second: int
):
    plan = WakeUpPlan(per_second, Clock())
    woken: Counter[int] = Counter()
    for number, seconds in enumerate(remaining):
        late = plan.late_seconds(f"c{number}", _held(seconds))
        assert 0.0 <= late < LATE_SECONDS_MAX
        # What floats lose must not move one from the beginning of a second into the one before.
        woken[int(BEGAN + seconds + late + 1e-6)] += 1
    assert max(woken.values()) <= per_second


def test_threads_get_a_place_each():
    plan = WakeUpPlan(10, Clock())
    places = all_at_once([lambda: _lateness(plan, 60.0, 50)] * 8)
    assert sorted(late for several in places for late in several) == [
        *[0.0] * 10,
        *[pytest.approx(number / 10) for number in range(10, 400)],
    ]


def test_a_full_plan_forgets_what_is_past_and_keeps_what_is_to_come(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(wake_up_plan, "PLACES_MAX", 3)
    clock = Clock()
    plan = WakeUpPlan(1, clock)
    _lateness(plan, 1.0, 2)
    _lateness(plan, 60.0, 1)
    clock.now += 30
    assert _lateness(plan, 30.0, 1) == [1.0]


def test_a_plan_that_is_full_of_what_is_to_come_begins_anew(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(wake_up_plan, "PLACES_MAX", 3)
    plan = WakeUpPlan(1, Clock())
    assert _lateness(plan, 60.0, 4) == [0.0, 1.0, 2.0, 0.0]


async def test_a_hold_in_a_crowd_keeps_its_deadline_and_its_workflow_wakes_later(
    own_database_url: str, temporal_address: str, unique: str, monkeypatch: pytest.MonkeyPatch
):
    told = []

    def late_seconds(_plan: WakeUpPlan, checkout_id: str, state: ReservationState) -> float:
        told.append((checkout_id, state.outcome.status))
        return 25.0

    monkeypatch.setattr(WakeUpPlan, "late_seconds", late_seconds)
    async with open_stage(own_database_url, temporal_address, unique) as stage, at_work(stage):
        sku = stage.stock(unique, 1)
        held = await stage.till.reserve(unique, {sku: 1}, hold_seconds=60)
        ((held_at,),) = stage.shop.sql("SELECT created_at FROM holdfast.reservations")
        assert moment(held["expires_at"]) - held_at == timedelta(seconds=60)
        (first,) = await _timer_seconds(stage, unique)
        assert 85.0 - _seconds_since(held_at) <= first <= 85.0
        extended = await stage.till.extend(unique, 40)
        assert moment(extended["expires_at"]) - held_at == timedelta(seconds=100)
        second = (await _timer_seconds(stage, unique))[-1]
        assert 125.0 - _seconds_since(held_at) <= second <= 125.0
        assert (await stage.till.confirm(unique))["status"] == "fulfilled"
    # Or its place would stay taken.
    assert told[-1] == (unique, "fulfilled")


async def _timer_seconds(stage: Stage, checkout_id: str) -> list[float]:
    return [
        event.timer_started_event_attributes.start_to_fire_timeout.ToTimedelta().total_seconds()
        for event in await events_of(stage.till.handle(checkout_id))
        if kind(event) == "TIMER_STARTED"
    ]


def _seconds_since(past: datetime) -> float:
    return (datetime.now(UTC) - past).total_seconds()
