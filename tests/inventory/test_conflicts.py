"""An id that is asked for with another request: the ledger names what differs, whatever became."""

from __future__ import annotations

from typing import Any

import pytest

from activities.inventory.database.errors import AdjustmentConflict, ReservationConflict
from activities.inventory.operations.digests import ADJUSTMENT_KEYS
from holdfast_client.contract.digests import REQUEST_KEYS, keys_that_differ, request_digest
from holdfast_client.contract.messages import CheckoutRequest, Line, StockAdjustment
from tests.inventory.shop import Shop

FIRST: dict[str, Any] = {
    "checkout_id": "c1",
    "lines": (Line(sku="MUG", quantity=2),),
    "hold_seconds": 900,
    "customer_id": "u-1",
    "cart_id": None,
}
CHANGES: list[dict[str, Any]] = [
    {"lines": (Line(sku="MUG", quantity=1),)},
    {"lines": (Line(sku="MUG", quantity=2, location="attic"),)},
    {"hold_seconds": 901},
    {"customer_id": "u-2"},
    {"customer_id": None},
    {"cart_id": "42"},
    {"lines": (Line(sku="CUP", quantity=2),), "customer_id": "u-2"},
]


def _request(**change: Any) -> CheckoutRequest:
    return CheckoutRequest(**{**FIRST, **change})


def _conflict(shop: Shop, **change: Any) -> ReservationConflict:
    (answer,) = shop.ledger.reserve([_request(**change)])
    assert isinstance(answer, ReservationConflict)
    return answer


def test_the_keys_of_the_digests_are_those_of_the_messages() -> None:
    # `from_cart` is told by the lines: there are none.
    told = set(CheckoutRequest.model_fields) - {"from_cart"}
    assert {*REQUEST_KEYS, "checkout_id"} == told
    assert {*ADJUSTMENT_KEYS, "adjustment_id"} == set(StockAdjustment.model_fields)


@pytest.mark.parametrize("change", CHANGES, ids=str)
@pytest.mark.parametrize("became", ["held", "extended", "fulfilled", "cancelled", "denied"])
def test_a_conflict_names_what_differs_whatever_became_of_the_first_request(
    shop: Shop, change: dict[str, Any], became: str
) -> None:
    shop.stock(MUG=1 if became == "denied" else 5, CUP=5)
    shop.ledger.reserve([_request()])
    if became == "extended":
        shop.extend("c1", shop.after(1_200), "e1")
    if became == "fulfilled":
        shop.fulfil("c1")
    if became == "cancelled":
        shop.cancel("c1")
    conflict = _conflict(shop, **change)
    assert set(conflict.differs) == set(change)
    assert str(conflict).endswith(f"it differs in {' and '.join(conflict.differs)}")


def test_of_two_requests_for_one_id_in_a_batch_the_second_learns_what_differs(shop: Shop) -> None:
    shop.stock(MUG=5)
    _, second = shop.ledger.reserve([_request(), _request(hold_seconds=60)])
    assert isinstance(second, ReservationConflict)
    assert second.differs == ("hold_seconds",)


def test_requests_that_mean_the_same_have_one_digest() -> None:
    split = _request(lines=(Line(sku="MUG", quantity=1), Line(sku="MUG", quantity=1)))
    assert request_digest(split.normalized()) == request_digest(_request().normalized())


def test_what_a_digest_does_not_tell_is_not_made_up() -> None:
    digest = request_digest(_request().normalized())
    assert keys_that_differ(REQUEST_KEYS, digest[:32], digest) == ()


@pytest.mark.parametrize(
    "change",
    [
        {"sku": "CUP"},
        {"location": "attic"},
        {"kind": "count"},
        {"quantity": 6},
        {"reason": "another"},
        {"actor": "another"},
        {"new": False},
        {"quantity": 6, "sku": "CUP"},
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", ["receive", "adjust"])
def test_a_conflict_of_adjustments_names_what_differs_also_after_a_refusal(
    shop: Shop, kind: str, change: dict[str, Any]
) -> None:
    first = {"adjustment_id": "a1", "sku": "MUG", "kind": kind, "quantity": 5}
    # There is no stock item yet, so an adjust is refused.
    shop.ledger.adjust(StockAdjustment.model_validate(first))
    with pytest.raises(AdjustmentConflict) as raised:
        shop.ledger.adjust(StockAdjustment.model_validate(first | change))
    assert set(raised.value.differs) == set(change)
