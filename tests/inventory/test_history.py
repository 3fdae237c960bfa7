"""What the tables tell afterwards: of a checkout, of a stock item, of what was not to be had."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from activities.inventory.history_records import (
    DeniedDemand,
    DeniedPeriod,
    HistoryPeriod,
    ItemFigures,
    ItemHistory,
)
from activities.inventory.ledger_readings import DENIED_ROWS_MAX, PAGE_SIZE_MAX
from activities.inventory.records import HoldExtension
from holdfast_client.contract.messages import CheckoutRequest, Line
from holdfast_client.contract.timeline import TIMELINE_ROWS_MAX, Timeline
from tests.inventory.shop import OPENING, Shop, checkout

# What Temporal refuses to carry in one payload.
PAYLOAD_BYTES_MAX = 2_000_000
WIDE = "\N{GRINNING FACE}"


def _timeline(shop: Shop, checkout_id: str) -> Timeline:
    told = shop.ledger.timeline(checkout_id)
    assert told is not None
    return told


def _events(timeline: Timeline) -> list[tuple[str, Any, Any]]:
    return [(event.event, event.at, event.expires_at) for event in timeline.events]


# --- a checkout ----------------------------------------------------------------------------------


def test_a_paid_checkout_is_told_from_its_hold_to_its_payment(shop: Shop) -> None:
    shop.stock(MUG=5, CUP=5)
    request = checkout("c1", 60, MUG=2, CUP=1)
    shop.reserve(request.model_copy(update={"customer_id": "u-17", "cart_id": "42"}))
    shop.pass_seconds(10)
    shop.ledger.extend([HoldExtension("c1", shop.after(110), "e1", 60, "card check", "psp")])
    shop.pass_seconds(10)
    shop.fulfil("c1", "pay_7")
    told = _timeline(shop, "c1")
    opened, extended, paid = OPENING, OPENING + timedelta(seconds=10), shop.now
    end = OPENING + timedelta(seconds=120)
    assert (told.status, told.customer_id, told.cart_id) == ("fulfilled", "u-17", "42")
    assert (told.created_at, told.expires_at, told.closed_at) == (opened, end, paid)
    assert told.payment_reference == "pay_7"
    assert [(line.sku, line.quantity) for line in told.lines] == [("CUP", 1), ("MUG", 2)]
    assert _events(told) == [
        ("held", opened, OPENING + timedelta(seconds=60)),
        ("extended", extended, end),
        ("fulfilled", paid, None),
    ]
    assert (told.events[1].seconds, told.events[1].reason) == (60, "card check")
    assert told.events[1].actor == "psp"
    assert [(m.at, m.kind, m.total_delta, m.reserved_delta) for m in told.movements] == [
        (opened, "reserve", 0, 1),
        (opened, "reserve", 0, 2),
        (paid, "fulfil", -1, -1),
        (paid, "fulfil", -2, -2),
    ]


def test_an_open_hold_has_no_ending_yet(shop: Shop) -> None:
    shop.stock(MUG=5)
    shop.hold("c1", MUG=2)
    told = _timeline(shop, "c1")
    assert (told.status, told.closed_at, told.payment_reference) == ("held", None, None)
    assert _events(told) == [("held", shop.now, shop.after(900))]


def test_a_cancelled_hold_says_by_whom_and_why(shop: Shop) -> None:
    shop.stock(MUG=5)
    shop.hold("c1", MUG=2)
    shop.cancel("c1", "changed my mind")
    ending = _timeline(shop, "c1").events[-1]
    assert (ending.event, ending.actor, ending.reason) == (
        "cancelled",
        "shopper",
        "changed my mind",
    )


def test_a_denied_checkout_says_what_it_lacked_and_held_nothing(shop: Shop) -> None:
    shop.stock(MUG=1)
    denial = shop.denial("c1", MUG=2, HAT=1)
    told = _timeline(shop, "c1")
    assert told.shortages == denial.shortages
    assert _events(told) == [("denied", shop.now, None)]
    assert (told.lines, told.movements, told.expires_at) == ((), (), None)


def test_a_tombstone_is_told_as_an_ending_of_what_was_never_held(shop: Shop) -> None:
    shop.cancel("c1", "the inventory did not answer in time")
    told = _timeline(shop, "c1")
    assert _events(told) == [("cancelled", shop.now, None)]
    assert told.events[0].reason == "the inventory did not answer in time"


def test_of_what_is_not_known_there_is_no_timeline(shop: Shop) -> None:
    assert shop.ledger.timeline("nobody") is None


def test_of_many_extensions_the_last_are_told_and_the_rest_counted(shop: Shop) -> None:
    shop.stock(MUG=1)
    first = shop.hold("c1", MUG=1).expires_at
    count = TIMELINE_ROWS_MAX + 30
    wishes = [HoldExtension("c1", first + timedelta(seconds=n + 1), f"e{n}") for n in range(count)]
    shop.ledger.extend(wishes)
    told = _timeline(shop, "c1")
    assert len(told.events) == TIMELINE_ROWS_MAX + 1
    assert told.events_left_out == 30
    assert told.events[0].expires_at == first
    assert told.events[1].expires_at == first + timedelta(seconds=31)
    assert told.events[-1].expires_at == told.expires_at == first + timedelta(seconds=count)


def test_of_many_lines_the_rest_is_counted(shop: Shop) -> None:
    skus = [f"SKU{n:03}" for n in range(TIMELINE_ROWS_MAX + 5)]
    shop.stock(**dict.fromkeys(skus, 1))
    shop.hold("c1", **dict.fromkeys(skus, 1))
    shop.cancel("c1")
    shop.denial("c2", **dict.fromkeys(skus, 2))
    held, denied = _timeline(shop, "c1"), _timeline(shop, "c2")
    assert [line.sku for line in held.lines] == skus[:TIMELINE_ROWS_MAX]
    assert (held.lines_left_out, held.movements_left_out) == (5, TIMELINE_ROWS_MAX + 10)
    assert len(held.movements) == len(denied.shortages) == TIMELINE_ROWS_MAX
    assert denied.shortages_left_out == 5


def test_the_longest_timeline_fits_into_what_temporal_carries(shop: Shop) -> None:
    names = [f"{n:03}{WIDE * 97}" for n in range(TIMELINE_ROWS_MAX)]
    shop.stock(**dict.fromkeys(names, 1))
    lines = tuple(Line(sku=name, quantity=1) for name in names)
    shop.reserve(CheckoutRequest(checkout_id="c1", lines=lines))
    wide = WIDE * 500
    wishes = [
        HoldExtension("c1", shop.after(901 + n), f"e{n}", 1, wide, wide)
        for n in range(TIMELINE_ROWS_MAX)
    ]
    shop.ledger.extend(wishes)
    told = _timeline(shop, "c1")
    assert len(told.model_dump_json().encode()) < PAYLOAD_BYTES_MAX


# --- a stock item --------------------------------------------------------------------------------


def _history(shop: Shop, limit: int = 100, **period: Any) -> ItemHistory:
    told = shop.ledger.item_history("MUG", "main", HistoryPeriod(limit, **period))
    assert told is not None
    return told


@pytest.fixture
def busy(shop: Shop) -> Shop:
    """Ten mugs; two sold, one held and given back, five more received; a minute between each."""
    shop.stock(MUG=10, CUP=3)
    for step in (
        lambda: shop.hold("c1", MUG=2),
        lambda: shop.hold("c2", MUG=1, CUP=1),
        lambda: shop.fulfil("c1"),
        lambda: shop.cancel("c2"),
        lambda: shop.adjust("delivery", "receive", "MUG", 5),
    ):
        shop.pass_seconds(60)
        step()
    return shop


FIGURES = [(10, 0), (10, 2), (10, 3), (8, 1), (8, 0), (13, 0)]


def test_each_movement_is_told_with_the_figures_after_it(busy: Shop) -> None:
    told = _history(busy)
    assert [(m.figures.total, m.figures.reserved) for m in told.movements] == FIGURES
    assert [m.kind for m in told.movements] == [
        "receive",
        "reserve",
        "reserve",
        "fulfil",
        "cancel",
        "receive",
    ]
    assert [m.source_id for m in told.movements] == [
        "",
        "checkout/c1",
        "checkout/c2",
        "checkout/c1",
        "checkout/c2",
        "stock/delivery",
    ]
    assert told.now == told.movements[-1].figures
    assert not told.has_earlier


@pytest.mark.parametrize(
    ("seconds", "figures"),
    [
        pytest.param(-1, (0, 0), id="before there was any"),
        pytest.param(0, (10, 0), id="at the first movement"),
        pytest.param(59.999999, (10, 0), id="just before the second"),
        pytest.param(120, (10, 3), id="at the third"),
        pytest.param(10_000, (13, 0), id="ahead"),
    ],
)
def test_what_was_available_at_a_moment_is_what_its_movements_say(
    busy: Shop, seconds: float, figures: tuple[int, int]
) -> None:
    told = _history(busy, at=OPENING + timedelta(seconds=seconds))
    assert told.at == ItemFigures(*figures)


def test_a_history_is_told_page_by_page_and_the_figures_go_on(busy: Shop) -> None:
    last = _history(busy, 2)
    middle = _history(busy, 2, before_id=last.movements[0].id)
    first = _history(busy, 2, before_id=middle.movements[0].id)
    pages = [*first.movements, *middle.movements, *last.movements]
    assert [(m.figures.total, m.figures.reserved) for m in pages] == FIGURES
    assert [page.has_earlier for page in (last, middle, first)] == [True, True, False]


def test_a_period_has_its_first_moment_and_not_its_last(busy: Shop) -> None:
    told = _history(
        busy, since=OPENING + timedelta(seconds=60), until=OPENING + timedelta(seconds=180)
    )
    assert [m.figures for m in told.movements] == [ItemFigures(10, 2), ItemFigures(10, 3)]
    assert _history(busy, since=busy.after(1)).movements == ()


def test_a_history_stays_with_its_stock_item(busy: Shop) -> None:
    cups = busy.ledger.item_history("CUP", "main", HistoryPeriod(100))
    assert cups is not None
    assert [m.kind for m in cups.movements] == ["receive", "reserve", "cancel"]
    assert busy.ledger.item_history("CUP", "elsewhere", HistoryPeriod(100)) is None
    assert busy.ledger.locations("CUP") == ("main",)
    assert busy.ledger.locations("HAT") == ()


@pytest.mark.parametrize("limit", [0, PAGE_SIZE_MAX + 1])
def test_a_page_of_a_history_has_a_bound(shop: Shop, limit: int) -> None:
    with pytest.raises(ValueError, match="a page has"):
        shop.ledger.item_history("MUG", "main", HistoryPeriod(limit))


# --- lost demand ---------------------------------------------------------------------------------


def _denied(shop: Shop, days: int = 10, limit: int = 100, **more: Any) -> tuple[DeniedDemand, ...]:
    period = DeniedPeriod(OPENING, OPENING + timedelta(days=days), limit, **more)
    return shop.ledger.denied_demand(period)


def _deny(shop: Shop, id: str, customer: str | None, **cart: int) -> None:
    request = checkout(id, **cart).model_copy(update={"customer_id": customer})
    assert shop.reserve(request).status == "denied"


def test_denied_demand_is_added_up_by_day_stock_item_and_reason(shop: Shop) -> None:
    shop.stock(MUG=3)
    _deny(shop, "c1", "u-1", MUG=5)
    _deny(shop, "c2", "u-1", MUG=4, HAT=1)
    _deny(shop, "c3", None, MUG=4)
    shop.hold("c4", MUG=3)
    shop.pass_seconds(86_400)
    shop.expire("c4")
    _deny(shop, "c5", "u-2", MUG=4)
    first, second = date(2031, 3, 14), date(2031, 3, 15)
    assert _denied(shop) == (
        DeniedDemand(first, "MUG", "main", "insufficient", 3, 1, 13, 5, 3),
        DeniedDemand(first, "HAT", "main", "unknown_sku", 1, 1, 1, 1, 0),
        DeniedDemand(second, "MUG", "main", "insufficient", 1, 1, 4, 4, 3),
    )
    assert _denied(shop, days=1, sku="HAT") == _denied(shop)[1:2]
    assert _denied(shop, limit=1) == _denied(shop)[:1]


def test_a_day_ends_at_midnight_in_utc(shop: Shop) -> None:
    shop.pass_seconds(15 * 3_600 - 1)
    _deny(shop, "c1", None, MUG=1)
    shop.pass_seconds(1)
    _deny(shop, "c2", None, MUG=1)
    assert [row.day for row in _denied(shop)] == [date(2031, 3, 14), date(2031, 3, 15)]


def test_what_is_claimed_given_up_or_held_is_no_lost_demand(shop: Shop) -> None:
    shop.stock(MUG=3)
    shop.hold("c1", MUG=1)
    shop.cancel("c2")
    shop.extend("c3", shop.after(60))
    assert _denied(shop) == ()


def test_a_claim_does_not_go_through_the_index_of_denials(shop: Shop) -> None:
    """Every checkout is a claim at first, and most are never denied."""
    (row,) = shop.sql(
        "SELECT indexdef FROM pg_indexes WHERE indexname = 'reservations_denied_by_time'"
    )
    assert "WHERE (shortages IS NOT NULL)" in row.indexdef


@pytest.mark.parametrize("limit", [0, DENIED_ROWS_MAX + 1])
def test_a_report_of_denied_demand_has_a_bound(shop: Shop, limit: int) -> None:
    with pytest.raises(ValueError, match="rows"):
        _denied(shop, limit=limit)
