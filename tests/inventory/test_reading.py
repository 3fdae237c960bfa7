"""What can be read of the ledger: figures, what runs low, what is overdue, page by page."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from activities.inventory.database.migrate import latest_version
from activities.inventory.ledger_readings import PAGE_SIZE_MAX
from activities.inventory.records import Availability, StockRow
from holdfast_client.contract.messages import CheckoutRequest, Line
from tests.inventory.shop import Shop


def test_availability_gives_every_location_of_the_skus_and_leaves_out_unknown_ones(
    shop: Shop,
) -> None:
    shop.ledger.load_stock(
        [
            StockRow("MUG", "main", 5, "A mug"),
            StockRow("MUG", "attic", 2),
            StockRow("CUP", "main", 1),
        ]
    )
    shop.hold("c1", MUG=3)
    assert shop.ledger.availability(["MUG", "HAT"]) == (
        Availability("MUG", "attic", "", True, 2, 0, 2),
        Availability("MUG", "main", "A mug", True, 5, 3, 2),
    )


def test_availability_tells_that_a_sku_is_inactive(shop: Shop) -> None:
    shop.stock(MUG=5)
    shop.sql("UPDATE holdfast.stock_items SET active = false")
    (mug,) = shop.ledger.availability(["MUG"])
    assert not mug.active


def _low(shop: Shop) -> list[str]:
    return [item.sku for item in shop.ledger.low_stock()]


def _stocked(shop: Shop) -> list[str]:
    return [item.sku for item in shop.ledger.in_stock()]


@pytest.mark.parametrize(
    ("available", "low", "stocked"),
    [(0, True, False), (1, True, True), (5, True, True), (6, False, True)],
)
def test_stock_runs_low_at_five_unless_told_otherwise(
    shop: Shop, available: int, low: bool, stocked: bool
) -> None:
    shop.stock(MUG=10)
    shop.hold("c1", MUG=10 - available) if available < 10 else None
    assert (bool(_low(shop)), bool(_stocked(shop))) == (low, stocked)


@pytest.mark.parametrize(("threshold", "skus"), [(0, ["A"]), (1, ["A", "B"]), (2, ["A", "B", "C"])])
def test_low_stock_takes_the_threshold_that_is_asked_for(
    shop: Shop, threshold: int, skus: list[str]
) -> None:
    shop.stock(C=2, B=1, A=0, D=9)
    assert [item.sku for item in shop.ledger.low_stock(threshold)] == skus


def test_inactive_stock_is_neither_low_nor_in_stock(shop: Shop) -> None:
    shop.stock(MUG=3)
    shop.sql("UPDATE holdfast.stock_items SET active = false")
    assert (_low(shop), _stocked(shop)) == ([], [])


def test_what_new_holds_may_not_take_is_not_in_stock(shop: Shop) -> None:
    shop.stock(MUG=9)
    shop.sql("UPDATE holdfast.stock_items SET safety_quantity = 9")
    assert (_low(shop), _stocked(shop)) == (["MUG"], [])


@pytest.mark.parametrize("read", ["in_stock", "low_stock"])
def test_pages_follow_each_other_and_leave_nothing_out(shop: Shop, read: str) -> None:
    keys = [(sku, place) for sku in ("A", "B", "a", "é", "Z") for place in ("attic", "main")]
    shop.ledger.load_stock([StockRow(sku, place, 3) for sku, place in keys])
    page: Callable[..., tuple[Availability, ...]] = getattr(shop.ledger, read)
    found: list[tuple[str, str]] = []
    while items := page(after=found[-1] if found else ("", ""), page_size=3):
        assert len(items) <= 3
        found += [(item.sku, item.location) for item in items]
    # By code point, whatever the database's locale says.
    assert found == sorted(keys)


@pytest.mark.parametrize("page_size", [0, -1, PAGE_SIZE_MAX + 1])
@pytest.mark.parametrize("read", ["in_stock", "low_stock", "overdue"])
def test_a_page_out_of_bounds_is_refused(shop: Shop, read: str, page_size: int) -> None:
    with pytest.raises(ValueError, match=f"1 to {PAGE_SIZE_MAX} rows, not {page_size}"):
        getattr(shop.ledger, read)(page_size=page_size)


@pytest.mark.parametrize(("older_than_seconds", "found"), [(0, True), (99.9, True), (100, False)])
def test_holds_are_overdue_when_they_are_late_by_more_than_the_age_asked_for(
    shop: Shop, older_than_seconds: float, found: bool
) -> None:
    shop.stock(MUG=1)
    shop.hold("c1", hold_seconds=60, MUG=1)
    shop.pass_seconds(160)
    assert bool(shop.ledger.overdue(older_than_seconds)) == found
    assert shop.ledger.count_overdue(older_than_seconds) == int(found)


def test_overdue_holds_come_oldest_first_with_what_they_block(shop: Shop) -> None:
    shop.stock(MUG=9, CUP=9)
    shop.hold("c2", hold_seconds=20, MUG=2)
    lines = (Line(sku="MUG", quantity=3), Line(sku="CUP", quantity=4))
    shop.reserve(
        CheckoutRequest(checkout_id="c1", lines=lines, hold_seconds=10, customer_id="u-17")
    )
    shop.hold("alive", hold_seconds=900, MUG=1)
    shop.hold("paid", hold_seconds=10, MUG=1)
    shop.fulfil("paid")
    shop.pass_seconds(100)
    found = shop.ledger.overdue()
    assert [(h.checkout_id, h.customer_id, h.units, h.overdue_seconds) for h in found] == [
        ("c1", "u-17", 7, 90.0),
        ("c2", None, 2, 80.0),
    ]
    assert shop.ledger.overdue(page_size=1) == found[:1]
    assert shop.ledger.count_overdue() == 2


def test_reservations_that_nobody_made_are_left_out(shop: Shop) -> None:
    shop.stock(MUG=9)
    held = shop.hold("c1", MUG=1)
    found = shop.ledger.reservations(["c1", "nobody"])
    assert {id: state.outcome for id, state in found.items()} == {"c1": held}


def test_only_a_hold_has_seconds_left(shop: Shop) -> None:
    shop.stock(MUG=9)
    shop.hold("c1", hold_seconds=60, MUG=1)
    shop.pass_seconds(61)
    assert shop.state("c1").remaining_seconds == -1.0
    shop.expire("c1")
    assert shop.state("c1").remaining_seconds is None


def test_the_schemas_version_can_be_read(shop: Shop) -> None:
    assert shop.ledger.schema_version() == latest_version()
