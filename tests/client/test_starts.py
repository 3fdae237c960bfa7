"""How a checkout is announced to Temporal: its summary, its details, what it is found by."""

from __future__ import annotations

import json
from typing import Any

import pytest
from temporalio.common import TypedSearchAttributes

from holdfast_client.contract.indexing import INDEXED_BYTES_MAX, INDEXED_SKUS_MAX
from holdfast_client.contract.messages import CheckoutRequest, StockAdjustment
from holdfast_client.transport.starts import (
    DETAIL_LINES_MAX,
    adjustment_summary,
    checkout_attributes,
    checkout_details,
    checkout_summary,
)


def asked(*lines: tuple[str, int], **fields: Any) -> CheckoutRequest:
    return CheckoutRequest(
        checkout_id="cart-42",
        lines=[{"sku": sku, "quantity": quantity} for sku, quantity in lines],  # type: ignore[arg-type]
        **fields,
    )


def indexed(attributes: TypedSearchAttributes) -> dict[str, Any]:
    return {pair.key.name: pair.value for pair in attributes}


@pytest.mark.parametrize(
    ("request_", "summary"),
    [
        (asked(("MUG", 1)), "1 MUG, hold of 15m"),
        (asked(("MUG", 2), ("MUG", 1), ("CUP", 1)), "1 CUP, 3 MUG, hold of 15m"),
        (asked(("MUG", 1_000)), "1,000 MUG, hold of 15m"),
        (asked(("MUG", 1), hold_seconds=90), "1 MUG, hold of 1m30s"),
        (asked(("MUG", 1), hold_seconds=5_400), "1 MUG, hold of 1h30m"),
        (asked(("MUG", 1), hold_seconds=7_200), "1 MUG, hold of 2h"),
        (asked(("MUG", 1), customer_id="u-17"), "1 MUG for u-17, hold of 15m"),
    ],
)
def test_the_summary_is_one_line_for_people(request_: CheckoutRequest, summary: str) -> None:
    assert checkout_summary(request_) == summary


def test_a_private_summary_names_neither_goods_nor_customer() -> None:
    request = asked(("MUG", 1), ("CUP", 2), customer_id="u-17")
    assert checkout_summary(request, private_metadata=True) == "3 units of 2 SKUs, hold of 15m"


def test_the_longest_customer_does_not_outgrow_the_room_for_a_summary() -> None:
    summary = checkout_summary(asked(("😀" * 100, 1), customer_id="😀" * 200))
    assert len(json.dumps(summary)) <= 400


def test_the_details_list_the_lines_and_count_those_left_out() -> None:
    lines = [(f"SKU-{n:03}", n + 1) for n in range(DETAIL_LINES_MAX + 7)]
    shown = checkout_details(asked(*lines)).splitlines()
    assert shown[0] == "- 1 of `SKU-000` at main"
    assert shown[DETAIL_LINES_MAX:] == ["- and 7 more lines"]


def test_the_longest_lines_do_not_outgrow_the_room_for_details() -> None:
    lines = [(f"{n:03}{'😀' * 97}", 1) for n in range(DETAIL_LINES_MAX)]
    assert len(json.dumps(checkout_details(asked(*lines)))) <= 20_000


def test_a_checkout_is_indexed_by_its_skus_each_once() -> None:
    found = indexed(checkout_attributes(asked(("MUG", 1), ("CUP", 1), ("MUG", 1), cart_id="7")))
    assert found == {"CartId": "7", "Skus": ["CUP", "MUG"]}


@pytest.mark.parametrize("sku_length", [4, 20, 100])
def test_very_many_skus_are_indexed_as_far_as_there_is_room(sku_length: int) -> None:
    skus = [f"{n:0{sku_length}}" for n in range(1_000)]
    found = indexed(checkout_attributes(asked(*((sku, 1) for sku in skus))))["Skus"]
    assert found == skus[: len(found)]
    assert 1 <= len(found) <= INDEXED_SKUS_MAX
    assert len(json.dumps(found, separators=(",", ":"))) <= INDEXED_BYTES_MAX + 2


def test_an_id_too_large_for_the_index_is_left_out_of_it() -> None:
    assert "CustomerId" in indexed(checkout_attributes(asked(("MUG", 1), customer_id="é" * 200)))
    assert "CustomerId" not in indexed(
        checkout_attributes(asked(("MUG", 1), customer_id="😀" * 200))
    )


def test_an_adjustment_is_announced_in_one_line() -> None:
    change = StockAdjustment(adjustment_id="a-1", sku="MUG", kind="adjust", quantity=-1_200)
    assert adjustment_summary(change) == "adjust -1,200 of MUG"
    long = f"ENAMEL-MUG-{'X' * 60}-BLUE"
    assert adjustment_summary(change.model_copy(update={"sku": long})).endswith(f" of {long}")
