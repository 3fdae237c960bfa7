"""Changes of a total by hand: what each kind does, when it is refused, and once per id."""

from __future__ import annotations

import pytest

from activities.inventory.database.errors import AdjustmentConflict
from activities.inventory.operations.adjust import adjusted_total
from holdfast_client.contract.messages import AdjustmentKind, StockAdjustment
from holdfast_client.contract.outcomes import AdjustmentApplied, AdjustmentRefused
from tests.inventory.shop import Figures, Shop


@pytest.mark.parametrize(
    ("kind", "quantity", "total", "reserved", "expected"),
    [
        ("receive", 5, 0, 0, 5),
        ("receive", 5, 10, 10, 15),
        ("adjust", 5, 10, 4, 15),
        ("adjust", -6, 10, 4, 4),
        ("adjust", -7, 10, 4, "below_reserved"),
        ("adjust", -10, 10, 0, 0),
        ("adjust", -11, 10, 0, "negative_total"),
        ("adjust", -11, 10, 4, "negative_total"),
        ("count", 4, 10, 4, 4),
        ("count", 3, 10, 4, "below_reserved"),
        ("count", 0, 10, 0, 0),
        ("count", 10, 10, 10, 10),
    ],
)
def test_a_total_may_fall_to_what_is_reserved_and_no_further(
    kind: AdjustmentKind, quantity: int, total: int, reserved: int, expected: int | str
) -> None:
    assert adjusted_total(kind, quantity, total, reserved) == expected


def test_receiving_an_unknown_sku_creates_it(shop: Shop) -> None:
    assert shop.adjust("a1", "receive", "MUG", 5) == AdjustmentApplied(
        sku="MUG", location="main", total=5, reserved=0, available=5, created=True
    )
    assert shop.figures("MUG") == Figures(total=5, reserved=0, available=5)


@pytest.mark.parametrize("kind", ["adjust", "count"])
def test_only_receiving_creates_a_sku(shop: Shop, kind: AdjustmentKind) -> None:
    assert shop.adjust("a1", kind, "MUG", 5) == AdjustmentRefused(
        reason="unknown_sku", sku="MUG", location="main"
    )
    assert shop.count("stock_items") == 0


@pytest.mark.parametrize(
    ("kind", "quantity", "total"), [("receive", 5, 15), ("adjust", -6, 4), ("count", 7, 7)]
)
def test_an_adjustment_answers_the_figures_right_after_it(
    shop: Shop, kind: AdjustmentKind, quantity: int, total: int
) -> None:
    shop.stock(MUG=10)
    shop.hold("c1", MUG=4)
    assert shop.adjust("a1", kind, "MUG", quantity) == AdjustmentApplied(
        sku="MUG", location="main", total=total, reserved=4, available=total - 4
    )
    assert shop.figures("MUG") == Figures(total=total, reserved=4, available=total - 4)


@pytest.mark.parametrize(
    ("kind", "quantity", "reason"),
    [
        ("adjust", -7, "below_reserved"),
        ("adjust", -11, "negative_total"),
        ("count", 3, "below_reserved"),
    ],
)
def test_a_refused_adjustment_changes_nothing_and_is_refused_again(
    shop: Shop, kind: AdjustmentKind, quantity: int, reason: str
) -> None:
    shop.stock(MUG=10)
    shop.hold("c1", MUG=4)
    refused = shop.adjust("a1", kind, "MUG", quantity)
    assert isinstance(refused, AdjustmentRefused)
    assert refused.reason == reason
    shop.cancel("c1")
    assert shop.adjust("a1", kind, "MUG", quantity) == refused
    assert shop.figures("MUG") == Figures(total=10, reserved=0, available=10)


def test_an_adjustment_asked_twice_is_applied_once_and_gets_the_first_answer(shop: Shop) -> None:
    first = shop.adjust("a1", "receive", "MUG", 5)
    shop.hold("c1", MUG=1)
    assert shop.adjust("a1", "receive", "MUG", 5) == first
    assert shop.figures("MUG").total == 5


@pytest.mark.parametrize(
    "other",
    [
        {"quantity": 6},
        {"kind": "adjust"},
        {"sku": "CUP"},
        {"location": "attic"},
        {"reason": "another"},
        {"actor": "another"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_change_under_the_same_id_is_a_conflict(
    shop: Shop, other: dict[str, object]
) -> None:
    change: dict[str, object] = {
        "adjustment_id": "a1",
        "kind": "receive",
        "sku": "MUG",
        "quantity": 5,
    }
    shop.ledger.adjust(StockAdjustment.model_validate(change))
    with pytest.raises(AdjustmentConflict, match="a1"):
        shop.ledger.adjust(StockAdjustment.model_validate(change | other))
    assert shop.figures("MUG").total == 5
    assert shop.count("stock_movements") == 1


def test_an_adjustment_is_recorded_with_its_id_its_reason_and_who_made_it(shop: Shop) -> None:
    shop.stock(MUG=10)
    shop.ledger.adjust(
        StockAdjustment(
            adjustment_id="a1",
            kind="adjust",
            sku="MUG",
            quantity=-2,
            reason="broken",
            actor="warehouse",
        )
    )
    (row,) = shop.sql(
        "SELECT kind, total_delta, reserved_delta, reason, actor, reservation_id "
        "FROM holdfast.stock_movements WHERE operation = "
        "(SELECT sequence FROM holdfast.operations WHERE operation_id = 'a1')"
    )
    assert tuple(row) == ("adjust", -2, 0, "broken", "warehouse", None)


def test_a_count_that_finds_what_is_there_is_recorded_too(shop: Shop) -> None:
    shop.stock(MUG=10)
    assert isinstance(shop.adjust("a1", "count", "MUG", 10), AdjustmentApplied)
    (row,) = shop.sql("SELECT kind, total_delta FROM holdfast.stock_movements WHERE kind = 'count'")
    assert tuple(row) == ("count", 0)


def test_an_adjustment_touches_one_location_only(shop: Shop) -> None:
    shop.stock(MUG=10)
    shop.ledger.adjust(
        StockAdjustment(adjustment_id="a1", kind="receive", sku="MUG", location="attic", quantity=3)
    )
    assert (shop.figures("MUG").total, shop.figures("MUG", "attic").total) == (10, 3)
