"""Who holds what, and until when: by deadline, bounded, and cheap beside many other holds."""

from __future__ import annotations

import re
from typing import Any, Final

import pytest
from sqlalchemy import Engine

from activities.inventory.records import StockRow
from activities.inventory.sql.statements import open_holds as statements
from holdfast_client.contract.holds import HOLD_LINES_MAX, Holds, HoldsRequest
from holdfast_client.contract.messages import CheckoutRequest, Line
from holdfast_client.contract.outcomes import HeldLine
from tests.inventory.shop import OPENING, Shop

INDEXES: Final = {
    "READ_HOLDS": "reservations_open_by_deadline",
    "COUNT_HOLDS": "reservations_open_by_deadline",
    "READ_HOLDS_OF_SKU": "reservation_lines_open",
    "COUNT_HOLDS_OF_SKU": "reservation_lines_open",
    "READ_COMMITTED": "reservations_committed",
    "COUNT_COMMITTED": "reservations_committed",
    "READ_HELD_LINES": "reservation_lines_pkey",
    "READ_COMING_FREE": "reservation_lines_pkey",
}


def _holds(shop: Shop, **wanted: Any) -> Holds:
    return shop.ledger.holds(HoldsRequest(**wanted))


def _ids(found: Holds) -> list[str]:
    return [hold.checkout_id for hold in found.holds]


@pytest.fixture
def busy(shop: Shop) -> Shop:
    """Three holds, and one that is over."""
    shop.stock(MUG=10, CUP=10)
    shop.hold("later", hold_seconds=900, MUG=2, CUP=3)
    shop.reserve(
        CheckoutRequest(
            checkout_id="sooner",
            lines=(Line(sku="MUG", quantity=1),),
            hold_seconds=60,
            customer_id="u-1",
            cart_id="c-1",
        )
    )
    shop.hold("cups", hold_seconds=300, CUP=1)
    shop.hold("gone", MUG=1)
    shop.cancel("gone")
    return shop


def test_open_holds_are_listed_by_deadline_with_who_and_what(busy: Shop) -> None:
    found = _holds(busy)
    assert found.as_of == OPENING
    assert _ids(found) == ["sooner", "cups", "later"]
    assert [hold.units for hold in found.holds] == [1, 1, 5]
    first = found.holds[0]
    assert (first.customer_id, first.cart_id) == ("u-1", "c-1")
    assert (first.held_at, first.expires_at) == (OPENING, busy.after(60))
    assert first.lines == (HeldLine(sku="MUG", location="main", quantity=1),)
    assert (found.holds_left_out, found.comes_free_left_out) == (0, 0)


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        ({"sku": "MUG"}, ["sooner", "later"]),
        ({"sku": "HAT"}, []),
        ({"customer_id": "u-1"}, ["sooner"]),
        ({"customer_id": "u-1", "sku": "CUP"}, []),
        ({"ends_within_seconds": 60}, ["sooner"]),
        ({"ends_within_seconds": 59}, []),
        ({"ends_within_seconds": 899, "sku": "CUP"}, ["cups"]),
        ({"limit": 2}, ["sooner", "cups"]),
    ],
    ids=str,
)
def test_every_condition_that_is_given_is_met(
    busy: Shop, wanted: dict[str, Any], ids: list[str]
) -> None:
    assert _ids(_holds(busy, **wanted)) == ids


def test_of_one_sku_the_units_and_what_comes_free_are_its_own(busy: Shop) -> None:
    found = _holds(busy, sku="MUG")
    assert [hold.units for hold in found.holds] == [1, 2]
    assert all(line.sku == "MUG" for hold in found.holds for line in hold.lines)
    assert [(step.at, step.units, step.units_by_then) for step in found.comes_free] == [
        (busy.after(60), 1, 1),
        (busy.after(900), 2, 3),
    ]


def test_what_comes_free_is_added_up_for_each_stock_item_by_deadline(shop: Shop) -> None:
    shop.ledger.load_stock([StockRow("MUG", place, 9) for place in ("main", "attic")])
    lines = (Line(sku="MUG", quantity=1), Line(sku="MUG", quantity=2, location="attic"))
    for id, seconds in (("c1", 60), ("c2", 60), ("c3", 90)):
        shop.reserve(CheckoutRequest(checkout_id=id, lines=lines, hold_seconds=seconds))
    steps = [
        (step.location, step.at, step.units, step.units_by_then)
        for step in _holds(shop, sku="MUG").comes_free
    ]
    assert steps == [
        ("attic", shop.after(60), 4, 4),
        ("main", shop.after(60), 2, 2),
        ("attic", shop.after(90), 2, 6),
        ("main", shop.after(90), 1, 3),
    ]
    assert [hold.units for hold in _holds(shop, sku="MUG").holds] == [3, 3, 3]


def test_what_is_left_out_is_counted(shop: Shop) -> None:
    lines = tuple(Line(sku=f"S{n:02}", quantity=1) for n in range(HOLD_LINES_MAX + 2))
    shop.stock(**{line.sku: 300 for line in lines})
    for number in range(4):
        shop.reserve(CheckoutRequest(checkout_id=f"c{number}", lines=lines, hold_seconds=60))
    found = _holds(shop, limit=3)
    assert (_ids(found), found.holds_left_out) == (["c0", "c1", "c2"], 1)
    assert _holds(shop, limit=1, sku="S00").holds_left_out == 3
    (first, *_) = found.holds
    assert (len(first.lines), first.lines_left_out) == (HOLD_LINES_MAX, 2)
    assert first.units == len(lines)


def test_holds_of_one_deadline_are_on_one_page_or_the_next(shop: Shop) -> None:
    shop.stock(MUG=9)
    ids = [f"c{number}" for number in range(5)]
    for id in ids:
        shop.hold(id, hold_seconds=60, MUG=1)
    for sku in (None, "MUG"):
        first = _holds(shop, sku=sku, limit=3)
        second = _holds(shop, sku=sku, limit=3, page=first.next_page)
        assert [*_ids(first), *_ids(second)] == ids
        assert (first.holds_left_out, second.holds_left_out, second.next_page) == (2, 0, None)
        both = first.followed_by(second)
        assert both.model_copy(update={"comes_free": ()}) == _holds(shop, sku=sku).model_copy(
            update={"comes_free": ()}
        )
        assert [step.units_by_then for step in both.comes_free] == [3, 5]


def test_a_page_goes_on_after_a_hold_that_has_ended_meanwhile(shop: Shop) -> None:
    shop.stock(MUG=9)
    for number in range(3):
        shop.hold(f"c{number}", hold_seconds=60 + number, MUG=1)
    first = _holds(shop, limit=1)
    shop.cancel("c0")
    assert _ids(_holds(shop, page=first.next_page)) == ["c1", "c2"]


def test_many_deadlines_of_many_items_are_cut_and_counted(shop: Shop) -> None:
    lines = tuple(Line(sku=f"S{n:03}", quantity=1) for n in range(150))
    shop.stock(**{line.sku: 3 for line in lines})
    for number in range(2):
        shop.reserve(
            CheckoutRequest(checkout_id=f"c{number}", lines=lines, hold_seconds=number + 1)
        )
    found = _holds(shop)
    assert (len(found.comes_free), found.comes_free_left_out) == (200, 100)
    # What is cut is not gone on with: what comes before the next page would be missing.
    shop.reserve(CheckoutRequest(checkout_id="c2", lines=lines, hold_seconds=3))
    first = _holds(shop, limit=2)
    both = first.followed_by(_holds(shop, page=first.next_page))
    assert (both.comes_free, both.comes_free_left_out) == (first.comes_free, 250)


def test_a_hold_past_its_deadline_is_listed_until_something_ends_it(shop: Shop) -> None:
    shop.stock(MUG=1)
    shop.hold("c1", hold_seconds=60, MUG=1)
    shop.pass_seconds(61)
    found = _holds(shop, ends_within_seconds=1)
    deadline = found.holds[0].expires_at
    assert deadline is not None
    assert deadline < found.as_of
    shop.expire("c1")
    assert _holds(shop).holds == ()


def test_an_extended_hold_is_listed_where_it_ends_now(shop: Shop) -> None:
    shop.stock(MUG=2)
    shop.hold("c1", hold_seconds=60, MUG=1)
    shop.hold("c2", hold_seconds=90, MUG=1)
    shop.extend("c1", shop.after(600))
    assert _ids(_holds(shop, sku="MUG")) == ["c2", "c1"]


@pytest.mark.parametrize("analyzed", [False, True], ids=["at first", "with figures of before"])
@pytest.mark.parametrize(("name", "index"), INDEXES.items(), ids=INDEXES)
def test_holds_are_found_by_index_however_many_others_there_are(
    engine: Engine, name: str, index: str, analyzed: bool
) -> None:
    """The server may have gathered its figures when there was nothing yet."""
    statement = getattr(statements, name)
    names = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", statement)))
    numbered = re.sub(r"%\((\w+)\)s", lambda m: f"${names.index(m[1]) + 1}", statement)
    nulls = ", ".join(["NULL"] * len(names))
    with engine.connect() as connection:
        if analyzed:
            connection.exec_driver_sql("ANALYZE")
        connection.exec_driver_sql("SET LOCAL plan_cache_mode = force_generic_plan")
        connection.exec_driver_sql(f"PREPARE holds AS {numbered}")
        rows = connection.exec_driver_sql(f"EXPLAIN EXECUTE holds({nulls})").scalars()
        plan = "\n".join(rows)
        connection.exec_driver_sql("DEALLOCATE holds")
    assert index in plan
    assert "Seq Scan" not in plan
