"""The shop's own models answer right before, while and after Holdfast's checkouts buy there too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pytest

from activities.inventory.adoption import steps
from activities.inventory.records import StockRow
from holdfast_client.contract.outcomes import Held
from tests.adoption.adopted import Adopted
from tests.adoption.conftest import OpenAdopted


@dataclass(frozen=True)
class Words:
    """How one shop's code says it: ten mugs, two of them reserved by itself, and five cups.

    Args:
        stock: makes them.
        free: what is free of cup and mug, by the shop's own method.
        in_stock: the SKUs of which something is free, by the shop's own scope.
        take: reserves so many of a product by its id, and says whether it did.
        give: gives so many back.
    """

    stock: tuple[str, ...]
    free: str
    in_stock: str
    take: str
    give: str


SHOPS: Final = {
    "a": Words(
        stock=(
            'Product.create!(sku: "MUG", name: "M", stock_quantity: 10, reserved_quantity: 2)',
            'Product.create!(sku: "CUP", name: "C", stock_quantity: 5)',
        ),
        free="Product.order(:sku).map(&:available_quantity)",
        in_stock="Product.in_stock.order(:sku).pluck(:sku)",
        take="Product.find({id}).reserve_stock!({units})",
        give="Product.find({id}).release_stock!({units}) && true",
    ),
    "b": Words(
        stock=(
            "mug = Product.objects.create(sku='MUG', name='M', total_stock=10, reserved_stock=2)",
            "cup = Product.objects.create(sku='CUP', name='C', total_stock=5)",
        ),
        # As values: its property of the same name lets no object be made of them.
        free="list(Product.objects.with_available_stock().order_by('sku')"
        ".values_list('available_stock', flat=True))",
        in_stock="list(Product.objects.in_stock().order_by('sku').values_list('sku', flat=True))",
        take="bool(Product.objects.filter(pk={id}, total_stock__gte=F('reserved_stock') + {units})"
        ".update(reserved_stock=F('reserved_stock') + {units}))",
        give="bool(Product.objects.filter(pk={id})"
        ".update(reserved_stock=F('reserved_stock') - {units}))",
    ),
    "c": Words(
        stock=(
            "mug = Product.objects.create(sku='MUG', name='M', price=5)",
            "cup = Product.objects.create(sku='CUP', name='C', price=4)",
            "Stock.objects.create(product=mug, quantity=10, reserved_quantity=2)",
            "Stock.objects.create(product=cup, quantity=5)",
        ),
        free="[Stock.objects.get_available_quantities([1, 2])[id] for id in (2, 1)]",
        in_stock="sorted(each.product.sku for each in Stock.objects.all() "
        "if each.available_quantity)",
        take="Stock.objects.bulk_reserve({{{id}: {units}}})",
        give="bool(Stock.objects.filter(product_id={id})"
        ".update(reserved_quantity=F('reserved_quantity') - {units}))",
    ),
}
MUG_ID: Final = 1
CUP_ID: Final = 2


@dataclass(frozen=True)
class Asked:
    """A shop that is asked in its own words."""

    shop: Adopted
    words: Words

    def free(self) -> tuple[int, int]:
        """Return what is free of cup and mug."""
        cup, mug = self.shop.code(self.words.free)
        return cup, mug

    def in_stock(self) -> list[str]:
        return list(self.shop.code(self.words.in_stock))

    def take(self, id: int, units: int) -> bool:
        return bool(self.shop.code(self.words.take.format(id=id, units=units)))

    def give(self, id: int, units: int) -> None:
        assert self.shop.code(self.words.give.format(id=id, units=units))


@pytest.mark.parametrize("letter", SHOPS)
def test_its_methods_and_scopes_answer_right_before_during_and_after(
    open_adopted: OpenAdopted, letter: str
):
    shop, words = open_adopted(letter), SHOPS[letter]
    for statement in words.stock:
        shop.code(statement)
    asked = Asked(shop, words)
    assert (asked.free(), asked.in_stock()) == ((5, 8), ["CUP", "MUG"])
    shop.adopt()
    assert (asked.free(), asked.in_stock()) == ((5, 8), ["CUP", "MUG"])
    _while_holdfast_sells(asked)
    steps.leave(shop.engine, shop.plan)
    assert (asked.free(), asked.in_stock()) == ((2, 8), ["CUP", "MUG"])
    assert not asked.take(CUP_ID, 3)
    assert asked.take(CUP_ID, 2)
    assert (asked.free(), asked.in_stock()) == ((0, 8), ["MUG"])


def _while_holdfast_sells(asked: Asked) -> None:
    shop = asked.shop
    assert isinstance(shop.reserve("c1", CUP=3), Held)
    assert isinstance(shop.reserve("c2", CUP=2), Held)
    assert (asked.free(), asked.in_stock()) == ((0, 8), ["MUG"])
    assert not asked.take(CUP_ID, 1)
    assert asked.take(MUG_ID, 3)
    assert asked.free() == (0, 5)
    asked.give(MUG_ID, 3)
    shop.close("c1", "fulfilled")
    assert (asked.free(), asked.in_stock()) == ((0, 8), ["MUG"])
    shop.close("c2", "cancelled")
    assert (asked.free(), asked.in_stock()) == ((2, 8), ["CUP", "MUG"])
    assert shop.breaches() == []


@dataclass(frozen=True)
class Told:
    """A cart of three cups, one of five, and what the shop's code says of it.

    Args:
        begin: makes them; the checkout's cart is "1", of B the session "s-1".
        question: what its further methods and scopes say.
        before: the answer until the cart is held.
        held: while it is.
        paid: from then on, also after the shop is left.
    """

    begin: tuple[str, ...]
    question: str
    before: list[object]
    held: list[object]
    paid: list[object]


TOLD: Final = {
    "a": Told(
        begin=(
            'cup = Product.create!(sku: "CUP", name: "C", stock_quantity: 5)',
            "CartItem.create!(cart: Cart.create!, product: cup, quantity: 3)",
            "Cart.create!",
            "Cart.update_all(updated_at: 2.hours.ago)",
        ),
        question="[Cart.find(1).total_items, Cart.active.count, Cart.stale.order(:id).pluck(:id), "
        "Product.low_stock(2).pluck(:sku), Product.low_stock.count, cup.reload.available_quantity, "
        "cup.sufficient_stock?(3)]",
        before=[3, 2, [1, 2], [], 1, 5, True],
        held=[3, 2, [1, 2], ["CUP"], 1, 2, False],
        paid=[3, 1, [2], ["CUP"], 1, 2, False],
    ),
    "b": Told(
        begin=(
            "cup = Product.objects.create(sku='CUP', name='C', total_stock=5)",
            "cart = Cart.objects.create(session_key='s-1')",
            "CartItem.objects.create(cart=cart, product=cup, quantity=3)",
        ),
        question="[sum(each.quantity for each in cart.items.all()), "
        "Product.objects.get().available_stock, Product.objects.get().has_stock(3), "
        "StockReservation.objects.for_session('s-1').active().count(), "
        "StockReservation.objects.expired().count()]",
        before=[3, 5, True, 0, 0],
        held=[3, 2, False, 1, 0],
        paid=[0, 2, False, 0, 0],
    ),
    "c": Told(
        begin=(
            "cup = Product.objects.create(sku='CUP', name='C', price=4)",
            "Stock.objects.create(product=cup, quantity=5)",
            "CartItem.objects.create(cart_id='1', product=cup, quantity=3)",
        ),
        question="[[str(each.total_price) for each in "
        "CartItem.objects.for_cart('1').with_products()], "
        "Stock.objects.get().available_quantity, "
        "Stock.objects.get_available_quantities([cup.pk])[cup.pk]]",
        before=[["12.00"], 5, 5],
        held=[["12.00"], 2, 2],
        paid=[[], 2, 2],
    ),
    "d": Told(
        begin=(
            "cup = Product.objects.create(name='C', price=4)",
            "ann = User.objects.create(username='ann')",
            "cart = Cart.objects.get_or_create_for_user(ann)[0]",
            "CartItem.objects.create(cart=cart, product=cup, quantity=3)",
        ),
        question="[cart.total_items, CartItem.objects.for_cart(cart).count(), "
        "CartItem.objects.for_user_cart(ann).count(), Cart.objects.for_user(ann).count(), "
        "Cart.objects.get_or_create_for_user(ann)[1]]",
        before=[3, 1, 1, 1, False],
        held=[3, 1, 1, 1, False],
        paid=[0, 0, 0, 1, False],
    ),
}


@pytest.mark.parametrize("letter", TOLD)
def test_what_it_says_of_carts_and_of_what_runs_low_is_right_before_during_and_after(
    open_adopted: OpenAdopted, letter: str
):
    shop, told = open_adopted(letter), TOLD[letter]
    for statement in told.begin:
        shop.code(statement)
    assert shop.code(told.question) == told.before
    shop.adopt()
    assert shop.code(told.question) == told.before
    sku = "product_1" if letter == "d" else "CUP"
    if letter == "d":
        shop.ledger.load_stock([StockRow("product-1", "main", 5)])
    assert isinstance(shop.reserve("c1", "s-1" if letter == "b" else "1", None, **{sku: 3}), Held)
    assert shop.code(told.question) == told.held
    shop.close("c1")
    assert shop.code(told.question) == told.paid
    assert shop.breaches() == []
    steps.leave(shop.engine, shop.plan)
    assert shop.code(told.question) == told.paid
