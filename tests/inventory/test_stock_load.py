"""Loading rows of a stock file: totals are set, all or none, and a second run changes nothing."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from activities.inventory.database.errors import StockLoadRefused
from activities.inventory.ledger import LOAD_ROWS_MAX
from activities.inventory.records import StockLoad, StockRow, StockStanding
from tests.inventory.shop import Figures, Shop


def test_a_load_creates_what_is_new_and_sets_what_is_there(shop: Shop) -> None:
    shop.stock(MUG=10, CUP=3)
    assert shop.stock(MUG=8, CUP=3, PEN=7, HAT=0) == StockLoad(created=2, changed=1, unchanged=1)
    totals = [shop.figures(sku).total for sku in ("MUG", "CUP", "PEN", "HAT")]
    assert totals == [8, 3, 7, 0]
    assert shop.ledger.audit() == ()


def test_a_second_run_of_the_same_load_changes_nothing(shop: Shop) -> None:
    shop.stock(MUG=10, CUP=3)
    movements = shop.count("stock_movements")
    assert shop.stock(MUG=10, CUP=3) == StockLoad(created=0, changed=0, unchanged=2)
    assert shop.count("stock_movements") == movements


def test_a_load_leaves_what_is_reserved(shop: Shop) -> None:
    shop.stock(MUG=10)
    shop.hold("c1", MUG=4)
    shop.stock(MUG=4)
    assert shop.figures("MUG") == Figures(total=4, reserved=4, available=0)


def test_a_load_below_what_is_reserved_names_the_rows_and_loads_none(shop: Shop) -> None:
    shop.stock(MUG=10, CUP=10, PEN=10)
    shop.hold("c1", MUG=4, PEN=2)
    with pytest.raises(StockLoadRefused) as refused:
        shop.stock(HAT=5, MUG=3, CUP=1, PEN=1)
    assert refused.value.rows == ((1, 3, 4), (3, 1, 2))
    assert [shop.figures(sku).total for sku in ("MUG", "CUP", "PEN")] == [10, 10, 10]
    assert shop.ledger.availability(["HAT"]) == ()


def test_the_same_sku_at_two_locations_is_two_rows(shop: Shop) -> None:
    rows = [StockRow("MUG", "main", 1), StockRow("MUG", "attic", 2)]
    assert shop.ledger.load_stock(rows) == StockLoad(created=2, changed=0, unchanged=0)
    assert (shop.figures("MUG").total, shop.figures("MUG", "attic").total) == (1, 2)


def test_a_stock_item_given_twice_is_refused_and_nothing_is_loaded(shop: Shop) -> None:
    rows = [StockRow("MUG", "main", 1), StockRow("CUP", "main", 1), StockRow("MUG", "main", 2)]
    with pytest.raises(ValueError, match="MUG at main is given twice"):
        shop.ledger.load_stock(rows)
    assert shop.count("stock_items") == 0


def test_a_load_names_stock_items_and_an_empty_name_leaves_the_one_they_have(shop: Shop) -> None:
    shop.ledger.load_stock([StockRow("MUG", "main", 1, "A mug"), StockRow("CUP", "main", 1)])
    shop.ledger.load_stock([StockRow("MUG", "main", 2), StockRow("CUP", "main", 1, "A cup")])
    found = shop.ledger.availability(["MUG", "CUP"])
    assert {item.sku: item.name for item in found} == {"MUG": "A mug", "CUP": "A cup"}


def test_a_negative_quantity_is_refused(shop: Shop) -> None:
    with pytest.raises(StockLoadRefused):
        shop.stock(MUG=-1)
    assert shop.count("stock_items") == 0


def test_a_load_of_nothing_changes_nothing(shop: Shop) -> None:
    assert shop.ledger.load_stock([]) == StockLoad(created=0, changed=0, unchanged=0)


def test_a_load_has_a_largest_size(shop: Shop) -> None:
    rows = [StockRow(f"SKU-{number}", "main", number) for number in range(LOAD_ROWS_MAX)]
    one_more = [*rows, StockRow("ONE-MORE", "main", 1)]
    loaded = StockLoad(created=LOAD_ROWS_MAX, changed=0, unchanged=0)
    assert shop.ledger.load_stock(rows) == loaded
    assert shop.ledger.audit() == ()
    for operation in (shop.ledger.load_stock, shop.ledger.preview_load):
        with pytest.raises(ValueError, match="at most 10,000 rows, not 10,001"):
            operation(one_more)


# --- totals that were counted before now ----------------------------------------------------------


def _load(shop: Shop, as_of: datetime | None, **totals: int) -> StockLoad:
    return shop.ledger.load_stock([StockRow(sku, "main", n) for sku, n in totals.items()], as_of)


def _total(shop: Shop, sku: str = "MUG") -> int:
    return shop.figures(sku).total


def _sell(shop: Shop, checkout_id: str, **quantities: int) -> None:
    shop.hold(checkout_id, **quantities)
    shop.fulfil(checkout_id)


def test_what_was_sold_since_the_count_is_taken_off(shop: Shop) -> None:
    shop.stock(MUG=30, CUP=5)
    _sell(shop, "before", MUG=1)
    counted_at = shop.now
    shop.pass_seconds(60)
    _sell(shop, "since", MUG=3)
    shop.hold("open", MUG=4)
    assert _load(shop, counted_at, MUG=20, CUP=6) == StockLoad(created=0, changed=2, unchanged=0)
    assert shop.figures("MUG") == Figures(total=17, reserved=4, available=13)
    assert _total(shop, "CUP") == 6
    assert shop.ledger.audit() == ()


def test_without_a_moment_the_totals_are_those_of_now(shop: Shop) -> None:
    shop.stock(MUG=30)
    shop.pass_seconds(60)
    _sell(shop, "sold", MUG=3)
    _load(shop, None, MUG=20)
    assert _total(shop) == 20


def test_what_was_sold_at_the_very_moment_of_the_count_was_sold_before_it(shop: Shop) -> None:
    shop.stock(MUG=30)
    _sell(shop, "sold", MUG=3)
    _load(shop, shop.now, MUG=20)
    assert _total(shop) == 20


def test_deliveries_and_corrections_since_the_count_are_made_up_for_as_well(shop: Shop) -> None:
    shop.stock(MUG=30)
    counted_at = shop.now
    shop.pass_seconds(60)
    shop.adjust("delivery", "receive", "MUG", 12)
    shop.adjust("broken", "adjust", "MUG", -2)
    _sell(shop, "sold", MUG=1)
    shop.hold("held", MUG=1)
    shop.cancel("held")
    _load(shop, counted_at, MUG=20)
    assert _total(shop) == 20 + 12 - 2 - 1


def test_a_later_count_stays(shop: Shop) -> None:
    shop.stock(MUG=30)
    counted_at = shop.now
    shop.pass_seconds(60)
    shop.adjust("recount", "count", "MUG", 30)
    assert _load(shop, counted_at, MUG=20) == StockLoad(created=0, changed=0, unchanged=1)
    _sell(shop, "sold", MUG=1)
    _load(shop, counted_at, MUG=20)
    assert _total(shop) == 29


def test_the_same_load_again_is_the_same_whatever_was_sold_in_between(shop: Shop) -> None:
    counted_at = shop.now
    shop.pass_seconds(60)
    _load(shop, counted_at, MUG=20, NEW=5)
    shop.pass_seconds(60)
    _sell(shop, "sold", MUG=3, NEW=1)
    for _ in range(2):
        again = _load(shop, counted_at, MUG=20, NEW=5)
        assert again == StockLoad(created=0, changed=0, unchanged=2)
        assert (_total(shop), _total(shop, "NEW")) == (17, 4)


def test_more_sold_since_than_was_counted_is_refused_with_the_total_it_leads_to(
    shop: Shop,
) -> None:
    shop.stock(MUG=30)
    counted_at = shop.now
    shop.pass_seconds(60)
    _sell(shop, "sold", MUG=8)
    with pytest.raises(StockLoadRefused) as refused:
        _load(shop, counted_at, MUG=5)
    assert refused.value.rows == ((0, -3, 0),)
    assert _total(shop) == 22


@pytest.mark.parametrize("minutes", range(0, 200, 9))
def test_the_movements_since_a_moment_are_found_wherever_it_lies(shop: Shop, minutes: int) -> None:
    """Movements are found by halving their ids; each minute has one, and some ids are missing."""
    shop.stock(MUG=1_000)
    begin = shop.now
    for number in range(100):
        shop.pass_seconds(120)
        shop.adjust(f"a{number}", "adjust", "MUG", -1)
        shop.sql("SELECT nextval('holdfast.stock_movements_id_seq') FROM generate_series(1, 3)")
    (standing,) = shop.ledger.preview_load(
        [StockRow("MUG", "main", 1_000)], begin + timedelta(minutes=minutes)
    )
    assert standing.moved == -(100 - minutes // 2)


def test_a_sale_is_found_though_others_wrote_earlier_times_after_it(shop: Shop) -> None:
    """As after a failover to a server whose clock is behind: ids and times do not agree."""
    shop.stock(MUG=30)
    shop.pass_seconds(1_500)
    counted_at = shop.after(-10)
    _sell(shop, "sold", MUG=2)
    shop.pass_seconds(-1_000)
    for number in range(20):
        shop.adjust(f"a{number}", "receive", "CUP", 1)
    shop.pass_seconds(1_000)
    _load(shop, counted_at, MUG=20)
    assert _total(shop) == 18


def test_a_preview_tells_where_each_row_stands_and_changes_nothing(shop: Shop) -> None:
    shop.ledger.load_stock([StockRow("MUG", "main", 30, "A mug"), StockRow("CUP", "main", 5)])
    counted_at = shop.now
    shop.pass_seconds(60)
    moved_at = shop.now
    _sell(shop, "sold", MUG=3)
    shop.hold("held", MUG=2)
    shop.adjust("recount", "count", "CUP", 7)
    movements = shop.count("stock_movements")
    rows = [StockRow("NEW", "main", 1), StockRow("CUP", "main", 5), StockRow("MUG", "main", 20)]
    standings = shop.ledger.preview_load(rows, counted_at)
    assert standings == (
        StockStanding(),
        StockStanding(total=7, recounted=True, moved_at=moved_at),
        StockStanding(total=27, reserved=2, name="A mug", sold=3, moved=-3, moved_at=moved_at),
    )
    totals = [one.total_of(row) for one, row in zip(standings, rows, strict=True)]
    assert totals == [1, 7, 17]
    assert shop.count("stock_movements") == movements
