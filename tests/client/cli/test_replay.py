"""The replay engine on a shop in memory, whose clock stands in for the real one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from holdfast_client.cli.orders.reading import Order
from holdfast_client.cli.replay.engine import ASK_AGAIN_MAX, UNKNOWN_IN_A_ROW_MAX, Replay
from holdfast_client.cli.replay.plan import Intent, ReplayOptions
from holdfast_client.cli.replay.report import (
    CheckoutStep,
    ExpiryWait,
    ReplayEvent,
    ReplayReport,
    Step,
    percentile_ms,
)
from holdfast_client.contract.arguments import LineLike
from holdfast_client.contract.errors import OutcomeUnknown
from holdfast_client.contract.outcomes import Outcome
from holdfast_client.fake.client import FakeReservationClient

ORDERS = [Order(str(n), (("MUG-01", 2), ("CUP-09", 1)), f"u-{n}") for n in range(100)]


def full_shop() -> FakeReservationClient:
    return FakeReservationClient({"MUG-01": 1_000, "CUP-09": 1_000})


def replaying(
    shop: FakeReservationClient,
    orders: Sequence[Order] = ORDERS,
    *,
    events: list[ReplayEvent] | None = None,
    **options: Any,
) -> Replay:
    """A replay whose waiting moves the shop's clock instead of taking time."""

    async def sleep(seconds: float) -> None:
        shop.advance(seconds)
        await asyncio.sleep(0)

    def clock() -> float:
        return shop.now.timestamp()

    heard: list[ReplayEvent] = [] if events is None else events
    return Replay(
        shop,
        orders,
        ReplayOptions(prefix="run", **options),
        on_event=heard.append,
        sleep=sleep,
        clock=clock,
    )


def ends_of(report: ReplayReport) -> int:
    return sum(
        (
            report.denied,
            report.fulfilled,
            report.cancelled,
            report.expired,
            report.unavailable,
            report.open,
            report.unknown,
            report.failed,
            report.not_asked,
        )
    )


async def test_every_order_is_paid_when_nobody_abandons_or_cancels() -> None:
    shop = full_shop()
    report = await replaying(shop, abandon_share=0.0, cancel_share=0.0).run()
    assert (report.orders, report.held, report.fulfilled) == (100, 100, 100)
    assert (report.units_reserved, report.units_fulfilled) == (300, 300)
    assert shop.stock("MUG-01").total == 800


async def test_abandoned_holds_are_awaited_until_they_expire_and_their_stock_is_free() -> None:
    shop = full_shop()
    events: list[ReplayEvent] = []
    report = await replaying(shop, events=events, abandon_share=1.0, cancel_share=0.0).run()
    assert (report.expired, report.open) == (100, 0)
    assert shop.stock("MUG-01").available == 1_000
    waits = [event for event in events if isinstance(event, ExpiryWait)]
    assert waits == [ExpiryWait(100, 30.0)]


async def test_abandoned_holds_stay_open_in_the_report_when_they_are_not_awaited() -> None:
    shop = full_shop()
    report = await replaying(shop, abandon_share=1.0, cancel_share=0.0, wait_for_expiry=False).run()
    assert (report.expired, report.open) == (0, 100)
    assert shop.stock("MUG-01").reserved == 200


async def test_cancelled_checkouts_give_their_stock_back() -> None:
    shop = full_shop()
    report = await replaying(shop, abandon_share=0.0, cancel_share=1.0).run()
    assert (report.held, report.cancelled, report.units_fulfilled) == (100, 100, 0)
    assert shop.stock("MUG-01").available == 1_000


async def test_extended_checkouts_are_paid_after_their_first_deadline() -> None:
    events: list[ReplayEvent] = []
    report = await replaying(
        full_shop(),
        ORDERS[:1],
        events=events,
        abandon_share=0.0,
        cancel_share=0.0,
        extend_share=1.0,
        hold_seconds=10,
        think_seconds=6.0,
    ).run()
    assert (report.extended, report.fulfilled) == (1, 1)
    steps = [event.step for event in events if isinstance(event, CheckoutStep)]
    assert steps == [Step.HELD, Step.EXTENDED, Step.FULFILLED]


async def test_a_refused_extension_leaves_the_hold_and_the_order_is_paid() -> None:
    report = await replaying(
        full_shop(), abandon_share=0.0, cancel_share=0.0, extend_share=1.0, hold_seconds=14_400
    ).run()
    assert (report.extended, report.failed, report.fulfilled) == (0, 0, 100)


async def test_a_shopper_who_thinks_too_long_finds_the_hold_expired() -> None:
    report = await replaying(
        full_shop(), abandon_share=0.0, cancel_share=0.0, hold_seconds=5, think_seconds=5.0
    ).run()
    assert (report.held, report.expired, report.fulfilled) == (100, 100, 0)


async def test_orders_beyond_the_stock_are_denied_and_nothing_is_oversold() -> None:
    shop = FakeReservationClient({"MUG-01": 50, "CUP-09": 1_000})
    report = await replaying(shop, abandon_share=0.0, cancel_share=0.0).run()
    assert (report.fulfilled, report.denied) == (25, 75)
    assert shop.stock("MUG-01").total == 0


@pytest.mark.parametrize("concurrency", [1, 20, 500])
async def test_every_order_ends_in_exactly_one_place_of_the_report(concurrency: int) -> None:
    shop = FakeReservationClient({"MUG-01": 120, "CUP-09": 1_000})
    report = await replaying(
        shop, concurrency=concurrency, abandon_share=0.3, cancel_share=0.2
    ).run()
    assert ends_of(report) == report.orders == 100
    assert min(report.denied, report.fulfilled, report.cancelled, report.expired) > 0


async def test_the_same_prefix_asks_for_the_same_checkouts_and_sells_nothing_twice() -> None:
    shop = full_shop()
    first = await replaying(shop).run()
    sold = shop.stock("MUG-01").total
    second = await replaying(shop).run()
    assert shop.stock("MUG-01").total == sold
    assert (second.fulfilled, second.cancelled, second.expired) == (
        first.fulfilled,
        first.cancelled,
        first.expired,
    )


async def test_orders_that_differ_under_a_used_prefix_are_counted_as_conflicts() -> None:
    shop = full_shop()
    await replaying(shop, abandon_share=0.0).run()
    others = [replace(order, lines=(("MUG-01", 9),)) for order in ORDERS]
    report = await replaying(shop, others, abandon_share=0.0).run()
    assert report.failed == 100
    assert [(error.type, error.count) for error in report.errors] == [("CheckoutConflict", 100)]
    assert report.errors[0].example


async def test_a_lost_answer_is_asked_for_again_and_sells_once() -> None:
    shop = full_shop()
    shop.lose_answers(ASK_AGAIN_MAX)
    report = await replaying(shop, ORDERS[:1], abandon_share=0.0, cancel_share=0.0).run()
    assert (report.fulfilled, report.asked_again, report.unknown) == (1, ASK_AGAIN_MAX, 0)
    assert shop.stock("MUG-01").total == 998


async def test_an_order_is_unknown_when_asking_again_has_reached_its_bound() -> None:
    shop = full_shop()
    shop.lose_answers(ASK_AGAIN_MAX + 1)
    report = await replaying(
        shop, ORDERS[:2], concurrency=1, abandon_share=0.0, cancel_share=0.0
    ).run()
    assert (report.unknown, report.fulfilled) == (1, 1)
    assert report.errors[0].type == "OutcomeUnknown"


async def test_a_server_that_is_gone_is_given_up_after_so_many_orders_in_a_row() -> None:
    shop = full_shop()
    shop.make_unreachable()
    report = await replaying(shop, concurrency=1).run()
    assert report.unknown == UNKNOWN_IN_A_ROW_MAX
    assert report.not_asked == 100 - UNKNOWN_IN_A_ROW_MAX


async def test_an_unavailable_inventory_is_an_answer() -> None:
    shop = full_shop()
    shop.make_unavailable()
    report = await replaying(shop).run()
    assert (report.unavailable, report.unknown, report.held) == (100, 0, 0)


async def test_holds_whose_end_is_never_seen_are_given_up_and_stay_open() -> None:
    class Deaf(FakeReservationClient):
        async def status(self, checkout_id: str) -> Any:
            raise OutcomeUnknown(f"{checkout_id}: no answer")

    shop = Deaf({"MUG-01": 1_000, "CUP-09": 1_000})
    report = await replaying(shop, abandon_share=1.0, cancel_share=0.0).run()
    assert (report.open, report.unknown) == (100, 0)


async def test_no_more_checkouts_run_at_once_than_was_asked_for() -> None:
    class Counting(FakeReservationClient):
        running = most = 0

        async def reserve(
            self, checkout_id: str, lines: Sequence[LineLike], **options: Any
        ) -> Outcome:
            self.running += 1
            self.most = max(self.most, self.running)
            await asyncio.sleep(0)
            self.running -= 1
            return await super().reserve(checkout_id, lines, **options)

    shop = Counting({"MUG-01": 1_000, "CUP-09": 1_000})
    await replaying(shop, concurrency=7).run()
    assert shop.most == 7


async def test_an_interrupted_replay_still_tells_what_it_saw() -> None:
    def interrupt(event: ReplayEvent) -> None:
        if isinstance(event, CheckoutStep) and event.order.order_id == "50":
            running.cancel()

    options = ReplayOptions(prefix="run", concurrency=1, abandon_share=0.0)
    replay = Replay(full_shop(), ORDERS, options, on_event=interrupt)
    running = asyncio.ensure_future(replay.run())
    await asyncio.wait([running])
    assert running.cancelled()
    assert 0 < replay.report().fulfilled < 100


async def test_each_step_is_told_with_its_order_intent_and_answer() -> None:
    events: list[ReplayEvent] = []
    await replaying(
        full_shop(), ORDERS[:1], events=events, abandon_share=0.0, cancel_share=0.0
    ).run()
    held, fulfilled = events
    assert isinstance(held, CheckoutStep)
    assert isinstance(fulfilled, CheckoutStep)
    assert (held.checkout_id, held.order, held.intent) == ("run/0", ORDERS[0], Intent.PAY)
    assert (held.asked, fulfilled.asked) == ("reserve", "confirm")
    assert fulfilled.outcome is not None
    assert fulfilled.outcome.status == "fulfilled"


async def test_a_replay_of_no_orders_reports_zeros() -> None:
    report = await replaying(full_shop(), []).run()
    assert (report.orders, report.checkouts_per_second, report.reserve_p50_ms) == (0, 0.0, None)


@pytest.mark.parametrize(
    ("seconds", "percent", "expected_ms"),
    [
        ([], 50, None),
        ([0.001], 50, 1.0),
        ([0.001], 99, 1.0),
        ([0.002, 0.001], 50, 1.0),
        ([0.003, 0.001, 0.002], 50, 2.0),
        ([n / 1000 for n in range(1, 101)], 50, 50.0),
        ([n / 1000 for n in range(1, 101)], 99, 99.0),
        ([n / 1000 for n in range(1, 102)], 99, 100.0),
        ([0.00126], 99, 1.3),
    ],
)
def test_percentiles_are_by_nearest_rank(
    seconds: list[float], percent: int, expected_ms: float | None
) -> None:
    assert percentile_ms(seconds, percent) == expected_ms
