"""Which shopper does what, and under which id, is decided by seed and order alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from holdfast_client.cli.replay.plan import (
    Intent,
    ReplayOptions,
    checkout_id_of_order,
    intent_of,
)
from holdfast_client.contract.fields import CheckoutId

ORDERS = [str(number) for number in range(2_000)]
CHECKOUT_ID: TypeAdapter[str] = TypeAdapter(CheckoutId)


def plan(**options: float) -> dict[str, Intent]:
    chosen = ReplayOptions.model_validate({"prefix": "p", **options})
    return {order: intent_of(order, chosen) for order in ORDERS}


def test_the_same_seed_gives_the_same_plan_and_another_seed_another() -> None:
    assert plan(seed=7) == plan(seed=7)
    assert plan(seed=7) != plan(seed=8)


@pytest.mark.parametrize(
    ("abandon", "cancel", "extend"),
    [(0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.2, 0.3, 0.5), (0.10, 0.05, 0.0)],
)
def test_the_shares_are_met_within_a_few_orders(
    abandon: float, cancel: float, extend: float
) -> None:
    intents = list(plan(abandon_share=abandon, cancel_share=cancel, extend_share=extend).values())
    for intent, share in (
        (Intent.ABANDON, abandon),
        (Intent.CANCEL, cancel),
        (Intent.EXTEND, extend),
        (Intent.PAY, 1 - abandon - cancel - extend),
    ):
        tolerance = 0 if share in (0, 1) else 0.04
        assert intents.count(intent) / len(intents) == pytest.approx(share, abs=tolerance + 1e-9)


@pytest.mark.parametrize("share", ["abandon_share", "cancel_share"])
def test_a_larger_share_adds_orders_and_exchanges_none(share: str) -> None:
    intent = Intent.ABANDON if share == "abandon_share" else Intent.CANCEL
    few = {order for order, what in plan(**{share: 0.1}).items() if what is intent}
    many = {order for order, what in plan(**{share: 0.3}).items() if what is intent}
    assert few < many


def test_shares_that_make_one_together_are_taken_in_spite_of_rounding() -> None:
    assert ReplayOptions(prefix="p", abandon_share=0.7, cancel_share=0.1, extend_share=0.2)


@pytest.mark.parametrize(
    "wrong",
    [
        {"prefix": ""},
        {"prefix": "two words"},
        {"prefix": "p" * 61},
        {"concurrency": 0},
        {"concurrency": 501},
        {"abandon_share": -0.1},
        {"abandon_share": 1.1},
        {"abandon_share": float("nan")},
        {"abandon_share": 0.6, "cancel_share": 0.5},
        {"hold_seconds": 0},
        {"hold_seconds": 86_401},
        {"think_seconds": -1.0},
    ],
)
def test_options_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ReplayOptions.model_validate({"prefix": "p"} | wrong)


@pytest.mark.parametrize(
    ("order_id", "checkout_id"),
    [
        ("536365", "p/536365"),
        ("A_1-b.c/d", "p/A_1-b.c/d"),
        ("#1001", "p/:231001"),
        ("a b", "p/a:20b"),
        ("a:20b", "p/a:3a20b"),
        ("é", "p/:c3:a9"),
    ],
)
def test_an_order_number_is_kept_where_a_checkout_id_may_hold_it(
    order_id: str, checkout_id: str
) -> None:
    assert checkout_id_of_order("p", order_id) == checkout_id


@given(first=st.text(min_size=1, max_size=100), second=st.text(min_size=1, max_size=100))
def test_every_order_has_a_legal_checkout_id_of_its_own(first: str, second: str) -> None:
    prefix = "p" * 60
    ids = {checkout_id_of_order(prefix, order_id) for order_id in (first, second)}
    assert all(CHECKOUT_ID.validate_python(checkout_id) for checkout_id in ids)
    assert len(ids) == len({first, second})
