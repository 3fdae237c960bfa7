"""A shop gives two products each other's SKU while the ledger is about to lock one of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import psycopg
import pytest

from activities.inventory.adoption import steps
from activities.inventory.adoption.plan import Plan
from activities.inventory.amendment_records import HoldAmendment
from activities.inventory.database.calls import Steps
from activities.inventory.database.errors import LedgerUnavailable
from activities.inventory.operations import amend, reinstate, supersede
from activities.inventory.operations.shortages import LockedStock, lock_levels
from activities.inventory.records import Closing
from holdfast_client.contract.messages import CheckoutRequest, Line
from holdfast_client.contract.outcomes import Denied, Held, Outcome
from tests.adoption.adopted import Adopted, without_budget
from tests.adoption.conftest import OpenAdopted
from tests.inventory.functions import rewrite_function

CLOSING = Closing("c1", "fulfilled", payment_reference="late", reinstating=True)


@pytest.fixture
def shop(open_adopted: OpenAdopted) -> Adopted:
    """Shop A with a mug and a cup, of which checkouts hold some."""
    shop = open_adopted("a")
    shop.code('%w[MUG CUP].each { |sku| Product.create!(sku: sku, name: "P", stock_quantity: 10) }')
    shop.adopt()
    shop.reserve("c1", None, "u-1", MUG=2)
    shop.reserve("c2", None, "u-2", CUP=3)
    return shop


def swap(shop: Adopted) -> None:
    with shop.sql.transaction():
        for sku, other in (("MUG", "-"), ("CUP", "MUG"), ("-", "CUP")):
            shop.sql.execute("UPDATE products SET sku = %s WHERE sku = %s", [other, sku])


def change_lines(shop: Adopted) -> object:
    line = (Line(sku="MUG", quantity=1),)
    return shop.ledger.amend(HoldAmendment("c1", "a-1", line))


def take_over(shop: Adopted) -> object:
    request = CheckoutRequest(
        checkout_id="c3",
        lines=(Line(sku="CUP", quantity=1),),
        hold_seconds=900,
        customer_id="u-1",
        supersedes="c1",
    )
    return shop.ledger.reserve_alone(request)


def pay_late(shop: Adopted) -> object:
    return shop.ledger.reinstate(CLOSING)


@pytest.mark.parametrize(
    ("module", "ask"),
    [(amend, change_lines), (supersede, take_over), (reinstate, pay_late)],
    ids=["amend", "supersede", "reinstate"],
)
def test_what_is_moved_are_the_items_that_the_checkout_has(
    shop: Adopted,
    module: Any,
    ask: Callable[[Adopted], object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The swap comes once, so who ran out of time under it could not be asked again.
    without_budget(shop)
    swaps = iter([swap])

    def late(keys: Iterable[Any], own: Mapping[Any, int]) -> Steps[LockedStock]:
        for one in swaps:
            one(shop)
        return (yield from lock_levels(keys, own))

    if module is reinstate:
        shop.expire_now("c1")
    monkeypatch.setattr(module, "lock_levels", late)
    with pytest.raises(LedgerUnavailable, match="renamed"):
        ask(shop)
    assert shop.breaches() == []
    ask(shop)
    assert shop.breaches() == []
    assert shop.code("Product.order(:id).pluck(:sku)") == ["CUP", "MUG"]


def quick_reserve_beside(shop: Adopted, change: Callable[[], object]) -> Outcome:
    """Reserve a mug, and let the shop do something between the first look and the locks."""
    looked = "begins := holdfast.clock();"
    rewrite_function(
        shop.engine, "reserve_what_fits", looked, f"PERFORM pg_advisory_xact_lock(1); {looked}"
    )
    with psycopg.connect(shop.superuser_url) as gate, ThreadPoolExecutor() as threads:
        gate.execute("SELECT pg_advisory_xact_lock(1)")
        reserve = threads.submit(partial(shop.reserve, "c3", MUG=1))
        while not shop.owner("SELECT FROM pg_stat_activity WHERE wait_event = 'advisory'"):
            time.sleep(0.01)
        change()
        gate.rollback()
        return reserve.result()


def test_a_quick_reserve_holds_nothing_that_is_out_of_sale_by_now(
    open_adopted: OpenAdopted,
) -> None:
    """In shop C that is said in another table than the stock's, whose row somebody has."""
    shop = open_adopted("c")
    shop.code("mug = Product.objects.create(sku='MUG', name='Mug', price=1)")
    shop.code("Stock.objects.create(product=mug, quantity=10)")
    shop.sql.execute("ALTER TABLE inventory_product ADD is_active boolean NOT NULL DEFAULT true")
    document = shop.plan.model_dump()
    document["stock"]["active"] = {**document["stock"]["sku"], "column": "is_active"}
    steps.apply(shop.engine, Plan.model_validate(document))
    with psycopg.connect(shop.shop_url) as other:

        def take_out_of_sale() -> None:
            other.execute("SELECT FROM inventory_stock FOR UPDATE")
            shop.sql.execute("UPDATE inventory_product SET is_active = false")
            other.rollback()

        assert isinstance(quick_reserve_beside(shop, take_out_of_sale), Denied)
    assert shop.breaches() == []


def test_a_quick_reserve_holds_no_item_that_has_another_sku_by_now(shop: Adopted) -> None:
    assert isinstance(quick_reserve_beside(shop, partial(swap, shop)), Held)
    ((sku,),) = shop.owner(
        "SELECT s.sku FROM holdfast.reservations AS r "
        "JOIN holdfast.reservation_lines AS l ON l.reservation_id = r.id "
        "JOIN holdfast.stock_items AS s ON s.id = l.stock_item_id WHERE r.checkout_id = 'c3'"
    )
    assert sku == "MUG"
    assert shop.breaches() == []
