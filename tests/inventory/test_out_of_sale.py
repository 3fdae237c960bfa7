"""Taking a stock item out of sale and putting it back: new holds alone are concerned."""

from __future__ import annotations

import pytest

from holdfast_client.contract.messages import AdjustmentKind, StockAdjustment
from holdfast_client.contract.outcomes import AdjustmentApplied, AdjustmentRefused
from tests.inventory.shop import Figures, Shop


def _applied(shop: Shop, id: str, kind: AdjustmentKind, quantity: int = 0) -> AdjustmentApplied:
    outcome = shop.adjust(id, kind, "MUG", quantity)
    assert isinstance(outcome, AdjustmentApplied)
    return outcome


def test_what_is_out_of_sale_is_denied_and_what_was_held_before_can_still_be_paid(
    shop: Shop,
) -> None:
    shop.stock(MUG=10)
    shop.hold("c1", MUG=4)
    assert _applied(shop, "a1", "deactivate") == AdjustmentApplied(
        sku="MUG", location="main", total=10, reserved=4, available=6, active=False
    )
    assert [short.reason for short in shop.denial("c2", MUG=1).shortages] == ["inactive"]
    assert shop.extend("c1", shop.after(1_000)).verdict == "extended"
    assert shop.fulfil("c1").status == "fulfilled"
    assert shop.figures("MUG") == Figures(total=6, reserved=0, available=6)
    assert _applied(shop, "a2", "activate").active
    shop.hold("c3", MUG=6)
    assert shop.ledger.audit() == ()


def test_an_old_answer_does_not_switch_anything_again(shop: Shop) -> None:
    shop.stock(MUG=1)
    first = _applied(shop, "a1", "deactivate")
    _applied(shop, "a2", "activate")
    assert _applied(shop, "a1", "deactivate") == first
    shop.hold("c1", MUG=1)


def test_stock_may_be_received_and_counted_while_it_is_out_of_sale(shop: Shop) -> None:
    shop.stock(MUG=1)
    _applied(shop, "a1", "deactivate")
    received, counted = _applied(shop, "a2", "receive", 4), _applied(shop, "a3", "count", 3)
    assert (received.active, received.created, counted.total) == (False, False, 3)


@pytest.mark.parametrize("kind", ["activate", "deactivate"])
def test_it_is_on_record_with_who_and_why_also_where_nothing_was_to_be_done(
    shop: Shop, kind: AdjustmentKind
) -> None:
    shop.stock(MUG=3)
    for id in ("a1", "a2"):
        shop.ledger.adjust(
            StockAdjustment(
                adjustment_id=id, sku="MUG", kind=kind, quantity=0, reason="recall", actor="ann"
            )
        )
    rows = shop.sql(
        "SELECT m.kind, total_delta, reserved_delta, m.reason, m.actor, o.operation_id "
        "FROM holdfast.stock_movements AS m JOIN holdfast.operations AS o "
        "ON o.sequence = m.operation WHERE m.kind = :kind ORDER BY m.id",
        kind=kind,
    )
    assert [tuple(row) for row in rows] == [
        (kind, 0, 0, "recall", "ann", id) for id in ("a1", "a2")
    ]


@pytest.mark.parametrize("kind", ["activate", "deactivate"])
def test_an_unknown_sku_is_neither_taken_out_of_sale_nor_put_back(
    shop: Shop, kind: AdjustmentKind
) -> None:
    refused = AdjustmentRefused(reason="unknown_sku", sku="MUG", location="main")
    assert shop.adjust("a1", kind, "MUG", 0) == refused
    assert shop.count("stock_items") == 0


def test_one_location_goes_out_of_sale_and_the_others_stay(shop: Shop) -> None:
    shop.stock(MUG=1)
    for id, kind, quantity in (("a1", "receive", 1), ("a2", "deactivate", 0)):
        shop.ledger.adjust(
            StockAdjustment.model_validate(
                {
                    "adjustment_id": id,
                    "sku": "MUG",
                    "location": "attic",
                    "kind": kind,
                    "quantity": quantity,
                }
            )
        )
    shop.hold("c1", MUG=1)


def test_a_receipt_that_may_make_nothing_new_refuses_what_is_not_there(shop: Shop) -> None:
    def receive(id: str, sku: str) -> AdjustmentApplied | AdjustmentRefused:
        return shop.ledger.adjust(
            StockAdjustment(adjustment_id=id, sku=sku, kind="receive", quantity=2, new=False)
        )

    shop.stock(MUG=3)
    assert receive("a1", "MUGG") == AdjustmentRefused(
        reason="unknown_sku", sku="MUGG", location="main"
    )
    assert shop.count("stock_items") == 1
    received = receive("a2", "MUG")
    assert isinstance(received, AdjustmentApplied)
    assert (received.total, received.created) == (5, False)
