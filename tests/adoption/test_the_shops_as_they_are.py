"""Each shop with the tables of its own database: looked at, adopted, sold from, and left."""

from __future__ import annotations

from typing import Final

import pytest

from activities.inventory.adoption import steps
from activities.inventory.records import StockRow
from holdfast_client.contract.outcomes import Held
from tests.adoption.adopted import Adopted
from tests.adoption.conftest import OpenAdopted
from tests.adoption.shops import Refusal
from tests.adoption.test_leaving import dumped

# Ten mugs and a cart with three, that is held as "1" (of B by its session, "s-1").
BEGIN: Final = {
    "a": (
        'mug = Product.create!(name: "M", sku: "MUG", stock_quantity: 10)',
        "CartItem.create!(cart: Cart.create!, product: mug, quantity: 3)",
    ),
    "b": (
        "mug = Product.objects.create(sku='MUG', name='M', total_stock=10)",
        "cart = Cart.objects.create(session_key='s-1')",
        "CartItem.objects.create(cart=cart, product=mug, quantity=3)",
    ),
    "c": (
        "mug = Product.objects.create(sku='MUG', name='M', price=5)",
        "Stock.objects.create(product=mug, quantity=10)",
        "CartItem.objects.create(cart_id='1', product=mug, quantity=3)",
    ),
    "d": (
        "mug = Product.objects.create(name='M', price=5)",
        "ann = User.objects.create(username='ann')",
        "cart = Cart.objects.get_or_create_for_user(ann)[0]",
        "CartItem.objects.create(cart=cart, product=mug, quantity=3)",
    ),
}
# Two by the shop's own code, which knows nothing of the sale of three.
BUY: Final = {
    "a": "Product.first.reserve_stock!(2)",
    "b": "bool(Product.objects.in_stock().filter(available_stock__gte=2)"
    ".update(reserved_stock=F('reserved_stock') + 2))",
    "c": "Stock.objects.bulk_reserve({mug.pk: 2})",
    "d": "CartItem.objects.create(cart=cart, product=mug, quantity=2) and cart.total_items == 2",
}
LEFT: Final = {
    "a": "Product.pluck(:stock_quantity, :reserved_quantity)",
    "b": "[list(each) for each in Product.objects.values_list('total_stock', 'reserved_stock')]",
    "c": "[list(each) for each in Stock.objects.values_list('quantity', 'reserved_quantity')]",
    "d": "[[cart.total_items, cart.items.count()]]",
}
TOUCHED: Final = {
    "a": "Product.first.updated_at > Product.first.created_at",
    "b": "Product.objects.filter(updated_at__gt=F('created_at')).exists()",
    # Its column has no zone, and Django writes UTC.
    "c": "(datetime.now(UTC).replace(tzinfo=None) - Stock.objects.get().updated_at)"
    ".total_seconds() < 600",
    "d": "True",
}


@pytest.mark.parametrize("letter", BEGIN)
def test_a_shop_as_it_is_is_looked_at_adopted_sold_from_by_both_and_left(
    open_adopted: OpenAdopted, letter: str
):
    shop = open_adopted(letter, as_it_is=True)
    begin(shop)
    assert steps.check(shop.engine, shop.plan) == []
    before = dumped(shop, "public", "--schema-only")
    shop.adopt()
    sku = "product-1" if letter == "d" else "MUG"
    if letter == "d":
        shop.ledger.load_stock([StockRow(sku, "main", 10)])
    held = shop.reserve("c1", "s-1" if letter == "b" else "1", None, **{sku.replace("-", "_"): 3})
    assert isinstance(held, Held)
    shop.close("c1")
    assert shop.code(TOUCHED[letter]) is True
    assert shop.code(BUY[letter]) is True
    assert shop.item(sku) == ((7, 0, 0) if letter == "d" else (7, 2, 2))
    assert shop.put_back() == []
    assert shop.breaches() == []
    assert steps.leave(shop.engine, shop.plan) == 0
    assert dumped(shop, "public", "--schema-only") == before
    assert shop.code(LEFT[letter]) == ([[2, 1]] if letter == "d" else [[7, 2]])


def begin(shop: Adopted) -> None:
    if shop.letter == "c":
        shop.code("from datetime import UTC, datetime")
    for statement in BEGIN[shop.letter]:
        shop.code(statement)


def test_the_models_of_shop_a_load_and_answer_as_theirs_do(open_adopted: OpenAdopted):
    shop = open_adopted("a")
    begin(shop)
    shop.code('Cart.create!(status: "abandoned")')
    assert shop.code("Cart.active.pluck(:id)") == [1]
    assert shop.code("Cart.first.active?") is True
    assert shop.code("Cart.reflect_on_association(:user).options[:optional]") is True


def test_the_models_of_shop_b_ask_by_their_manager_and_are_indexed(open_adopted: OpenAdopted):
    shop = open_adopted("b")
    begin(shop)
    assert shop.code("type(Product.objects).__name__") == "ProductManager"
    assert shop.code("[each.available_stock for each in Product.objects.all()]") == [10]
    assert shop.code("[list(each.fields) for each in StockReservation._meta.indexes]") == [
        ["expires_at"], ["session_key"], ["user"],
    ]  # fmt: skip


def test_the_models_of_shop_d_say_what_they_are_and_refuse_a_line_of_nothing(
    open_adopted: OpenAdopted,
):
    shop = open_adopted("d")
    begin(shop)
    assert shop.code("str(CartItem.objects.get())") == "3x M in Cart for ann"
    with pytest.raises(Refusal, match="Quantity must be positive"):
        shop.code("CartItem(cart=cart, product=mug, quantity=0).clean()")
