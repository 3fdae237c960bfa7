"""A payment takes out of a cart what was bought, also where one product has several lines."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from activities.inventory.adoption import steps
from activities.inventory.adoption.plan import Plan
from activities.inventory.database.errors import LedgerUnavailable
from tests.adoption.adopted import Adopted
from tests.adoption.conftest import OpenAdopted

LINES = "list(CartItem.objects.order_by('id').values_list('cart_id', 'quantity'))"


@pytest.fixture(params=["a key", "no key"])
def shop(open_adopted: OpenAdopted, request: pytest.FixtureRequest) -> Adopted:
    """Shop C as its database is: a cart may have a product twice. With twenty mugs, adopted."""
    shop = open_adopted("c", as_it_is=True)
    shop.code('mug = Product.objects.create(sku="MUG", name="Mug", price=5)')
    shop.code("Stock.objects.create(product=mug, quantity=20)")
    if request.param == "no key":
        shop.sql.execute("ALTER TABLE cart_cartitem DROP CONSTRAINT cart_cartitem_pkey")
    shop.adopt()
    return shop


def put_in(shop: Adopted, *quantities: int, cart: str = "abc") -> None:
    for quantity in quantities:
        shop.code(f"CartItem.objects.create(cart_id='{cart}', product=mug, quantity={quantity})")


def change(shop: Adopted, line: int, quantity: int) -> None:
    shop.sql.execute("UPDATE cart_cartitem SET quantity = %s WHERE id = %s", [quantity, line])


def left(shop: Adopted) -> list[int]:
    return [quantity for cart, quantity in shop.code(LINES) if cart == "abc"]


def test_a_line_that_the_buyer_adds_meanwhile_stays(shop: Adopted):
    put_in(shop, 2, 1)
    put_in(shop, 2, cart="xyz")
    shop.reserve("c1", "abc", MUG=3)
    put_in(shop, 3)
    shop.close("c1")
    assert shop.code(LINES) == [["xyz", 2], ["abc", 3]]


def test_of_a_line_that_the_buyer_raises_meanwhile_the_rest_stays(shop: Adopted):
    put_in(shop, 4, 3)
    shop.reserve("c1", "abc", MUG=7)
    change(shop, 2, 9)
    shop.close("c1")
    assert left(shop) == [6]


@pytest.mark.parametrize(
    ("bought", "rest"),
    [(1, [1, 3, 4]), (2, [3, 4]), (3, [2, 4]), (5, [4]), (6, [3]), (9, []), (12, [])],
)
def test_as_many_are_taken_out_as_were_bought(shop: Adopted, bought: int, rest: list[int]):
    put_in(shop, 2, 3, 4)
    shop.reserve("c1", "abc", MUG=bought)
    shop.close("c1")
    assert left(shop) == rest
    assert shop.standing().put_back == 0


def test_a_line_without_units_takes_none_of_what_others_give(shop: Adopted):
    put_in(shop, 2, 3)
    shop.reserve("c1", "abc", MUG=3)
    change(shop, 1, -2)
    shop.close("c1")
    assert [quantity for quantity in left(shop) if quantity > 0] == []


def test_a_line_that_is_changed_while_the_payment_comes_counts_as_it_is_then(shop: Adopted):
    put_in(shop, 2, 1)
    shop.reserve("c1", "abc", MUG=3)
    with psycopg.connect(shop.shop_url) as buyer, ThreadPoolExecutor() as threads:
        buyer.execute("UPDATE cart_cartitem SET quantity = 5 WHERE id = 1")
        payment = threads.submit(shop.close, "c1")
        while not payment.done() and not shop.owner(
            "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        ):
            time.sleep(0.01)
        buyer.commit()
        try:
            payment.result()
        except LedgerUnavailable:
            # The machine was slower than the ledger's patience: asked again, as a worker does.
            shop.close("c1")
    # Without a key the line that was changed last comes last.
    assert left(shop) in ([2, 1], [3])


def test_a_product_of_two_rows_of_stock_is_taken_out_once_for_both(open_adopted: OpenAdopted):
    """Each row has a SKU of its own, and a cart knows the product alone."""
    shop = open_adopted("c", as_it_is=True)
    shop.code('mug = Product.objects.create(sku="MUG", name="Mug", price=5)')
    for _ in range(2):
        shop.sql.execute("INSERT INTO inventory_stock (product_id, quantity) VALUES (1, 10)")
    put_in(shop, 6)
    stock = {**shop.plan.model_dump()["stock"], "sku": "stock-{id}"}
    steps.apply(shop.engine, Plan.model_validate({**shop.plan.model_dump(), "stock": stock}))
    shop.reserve("c1", "abc", stock_1=3, stock_2=2)
    shop.close("c1")
    assert left(shop) == [1]
