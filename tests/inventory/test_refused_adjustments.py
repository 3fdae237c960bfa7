"""What a refused adjustment says: the figures that stand, and who holds what is in its way."""

from __future__ import annotations

from datetime import timedelta

import pytest

from holdfast_client.contract.messages import AdjustmentKind
from holdfast_client.contract.outcomes import HOLDERS_MAX, AdjustmentRefused, Holder
from tests.inventory.shop import OPENING, Shop


def _refusal(shop: Shop, kind: AdjustmentKind, quantity: int) -> AdjustmentRefused:
    outcome = shop.adjust("a1", kind, "MUG", quantity)
    assert isinstance(outcome, AdjustmentRefused)
    return outcome


def test_less_than_is_reserved_names_figures_and_holders_by_deadline(shop: Shop) -> None:
    shop.stock(MUG=10, CUP=10)
    shop.hold("later", hold_seconds=900, MUG=3, CUP=4)
    shop.hold("sooner", hold_seconds=60, MUG=1)
    shop.hold("other", CUP=1)
    shop.hold("gone", MUG=1)
    shop.cancel("gone")
    assert _refusal(shop, "count", 2) == AdjustmentRefused(
        reason="below_reserved",
        sku="MUG",
        location="main",
        total=10,
        reserved=4,
        available=6,
        holders=(
            Holder(checkout_id="sooner", quantity=1, expires_at=OPENING + timedelta(seconds=60)),
            Holder(checkout_id="later", quantity=3, expires_at=OPENING + timedelta(seconds=900)),
        ),
    )


def test_of_many_holders_the_next_to_end_are_named_and_the_units_of_the_rest_are_counted(
    shop: Shop,
) -> None:
    shop.stock(MUG=100)
    for number in range(HOLDERS_MAX + 3):
        shop.hold(f"c{number:02}", hold_seconds=100 + number, MUG=number + 1)
    refused = _refusal(shop, "count", 0)
    assert [holder.checkout_id for holder in refused.holders] == [
        f"c{number:02}" for number in range(HOLDERS_MAX)
    ]
    assert refused.units_left_out == 11 + 12 + 13


def test_an_extended_hold_is_named_with_the_deadline_that_it_has_now(shop: Shop) -> None:
    shop.stock(MUG=5)
    shop.hold("c1", hold_seconds=60, MUG=5)
    shop.extend("c1", shop.after(600))
    (holder,) = _refusal(shop, "adjust", -1).holders
    assert holder.expires_at == shop.after(600)


@pytest.mark.parametrize("held", [0, 4])
def test_a_total_below_zero_names_the_figures_and_no_holders(shop: Shop, held: int) -> None:
    shop.stock(MUG=10)
    if held:
        shop.hold("c1", MUG=held)
    assert _refusal(shop, "adjust", -11) == AdjustmentRefused(
        reason="negative_total",
        sku="MUG",
        location="main",
        total=10,
        reserved=held,
        available=10 - held,
    )
