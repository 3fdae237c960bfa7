"""The ten requirements and five constraints, each by its number, at its plainest."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import exc

from holdfast_client.contract.outcomes import (
    AdjustmentRefused,
    Cancelled,
    Denied,
    Expired,
    Fulfilled,
    Held,
)
from tests.inventory.shop import Figures, Shop, checkout


def test_requirement_01_total_stock_is_tracked_for_each_stock_item(shop: Shop) -> None:
    shop.stock(MUG=10, CUP=3)
    shop.adjust("delivery", "receive", "MUG", 5)
    assert (shop.figures("MUG").total, shop.figures("CUP").total) == (15, 3)


def test_requirement_02_reserved_stock_is_tracked_apart_from_total(shop: Shop) -> None:
    shop.stock(MUG=10)
    shop.hold("c1", MUG=4)
    assert shop.figures("MUG")[:2] == (10, 4)


def test_requirement_03_available_is_total_less_reserved(shop: Shop) -> None:
    shop.stock(MUG=10)
    shop.hold("c1", MUG=4)
    (mug,) = shop.ledger.availability(["MUG"])
    assert mug.available == mug.total - mug.reserved == 6


def test_requirement_04_reserving_raises_reserved_and_leaves_total(shop: Shop) -> None:
    shop.stock(MUG=10)
    shop.hold("c1", MUG=4)
    shop.hold("c2", MUG=1)
    assert shop.figures("MUG") == Figures(total=10, reserved=5, available=5)


def test_requirement_05_cancelling_lowers_reserved_and_leaves_total(shop: Shop) -> None:
    shop.stock(MUG=10)
    shop.hold("c1", MUG=4)
    assert isinstance(shop.cancel("c1"), Cancelled)
    assert shop.figures("MUG") == Figures(total=10, reserved=0, available=10)


def test_requirement_05_abandoning_lowers_reserved_and_leaves_total(shop: Shop) -> None:
    shop.stock(MUG=10)
    shop.hold("c1", hold_seconds=60, MUG=4)
    shop.pass_seconds(60)
    assert isinstance(shop.expire("c1"), Expired)
    assert shop.figures("MUG") == Figures(total=10, reserved=0, available=10)


def test_requirement_06_fulfilling_lowers_total_and_reserved_by_the_same(shop: Shop) -> None:
    shop.stock(MUG=10)
    shop.hold("c1", MUG=4)
    shop.hold("c2", MUG=1)
    assert isinstance(shop.fulfil("c1"), Fulfilled)
    assert shop.figures("MUG") == Figures(total=6, reserved=1, available=5)


def test_requirement_07_available_is_always_what_can_be_reserved_now(shop: Shop) -> None:
    shop.stock(MUG=10)
    shop.hold("c1", MUG=4)
    shop.fulfil("c1")
    shop.hold("c2", MUG=2)
    shop.adjust("breakage", "adjust", "MUG", -1)
    available = shop.figures("MUG").available
    assert isinstance(shop.reserve(checkout("one-too-many", MUG=available + 1)), Denied)
    assert isinstance(shop.reserve(checkout("all-there-is", MUG=available)), Held)
    assert shop.figures("MUG").available == 0


def test_requirement_08_a_reservation_is_all_of_its_lines_or_none(shop: Shop) -> None:
    shop.stock(MUG=10, CUP=1)
    shop.denial("c1", MUG=2, CUP=2)
    assert shop.figures("MUG") == Figures(total=10, reserved=0, available=10)
    assert shop.figures("CUP") == Figures(total=1, reserved=0, available=1)


def test_requirement_09_more_than_is_available_is_never_reserved(shop: Shop) -> None:
    shop.stock(MUG=10)
    shop.hold("c1", MUG=8)
    (shortage,) = shop.denial("c2", MUG=3).shortages
    assert (shortage.requested, shortage.available, shortage.reason) == (3, 2, "insufficient")


@pytest.mark.parametrize("column", ["total_quantity", "reserved_quantity"])
def test_requirement_10_no_quantity_can_be_negative(shop: Shop, column: str) -> None:
    shop.stock(MUG=10)
    with pytest.raises(exc.IntegrityError, match=r"not_negative|within_total"):
        shop.sql(f"UPDATE holdfast.stock_items SET {column} = -1")


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("stock_items", "total_quantity"),
        ("stock_items", "reserved_quantity"),
        ("stock_items", "available_quantity"),
        ("reservation_lines", "quantity"),
        ("stock_movements", "total_delta"),
        ("stock_movements", "reserved_delta"),
    ],
)
def test_requirement_10_every_quantity_is_an_integer(shop: Shop, table: str, column: str) -> None:
    (row,) = shop.sql(
        "SELECT data_type, is_nullable FROM information_schema.columns "
        "WHERE table_schema = 'holdfast' AND table_name = :table AND column_name = :column",
        table=table,
        column=column,
    )
    assert tuple(row) == ("bigint", "NO")


def test_constraint_01_reserved_never_exceeds_total(shop: Shop) -> None:
    shop.stock(MUG=10)
    shop.hold("c1", MUG=10)
    with pytest.raises(exc.IntegrityError, match="stock_items_reserved_within_total"):
        shop.sql("UPDATE holdfast.stock_items SET reserved_quantity = 11")
    with pytest.raises(exc.IntegrityError, match="stock_items_reserved_within_total"):
        shop.sql("UPDATE holdfast.stock_items SET total_quantity = 9")


def test_constraint_02_a_request_beyond_what_is_available_is_rejected(shop: Shop) -> None:
    shop.stock(MUG=1)
    shop.denial("c1", MUG=2)
    assert shop.figures("MUG") == Figures(total=1, reserved=0, available=1)


def test_constraint_03_an_adjustment_leaves_all_quantities_consistent(shop: Shop) -> None:
    shop.stock(MUG=10)
    shop.hold("c1", MUG=4)
    refused = shop.adjust("a1", "count", "MUG", 3)
    assert isinstance(refused, AdjustmentRefused)
    assert refused.reason == "below_reserved"
    shop.adjust("a2", "count", "MUG", 4)
    shop.adjust("a3", "receive", "MUG", 7)
    shop.adjust("a4", "adjust", "MUG", -2)
    assert shop.figures("MUG") == Figures(total=9, reserved=4, available=5)
    assert shop.ledger.audit() == ()


def test_constraint_04_buyers_of_the_same_item_at_once_share_what_is_there(shop: Shop) -> None:
    shop.stock(MUG=5)
    requests = [checkout(f"c{i}", MUG=1) for i in range(16)]
    with ThreadPoolExecutor(16) as buyers:
        outcomes = list(buyers.map(shop.reserve, requests))
    assert sum(isinstance(outcome, Held) for outcome in outcomes) == 5
    assert shop.figures("MUG") == Figures(total=5, reserved=5, available=0)


def test_constraint_05_stock_reserved_for_too_long_can_be_found(shop: Shop) -> None:
    shop.stock(MUG=10)
    shop.hold("forgotten", hold_seconds=60, MUG=4)
    shop.hold("recent", hold_seconds=3_600, MUG=1)
    shop.pass_seconds(660)
    (found,) = shop.ledger.overdue(older_than_seconds=599)
    assert (found.checkout_id, found.units, found.overdue_seconds) == ("forgotten", 4, 600.0)
