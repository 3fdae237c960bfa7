"""Shop C before and after, in a few lines: five mugs, and a cart of two."""

from __future__ import annotations

import time
from collections.abc import Iterator

from examples.adopting.shop_c import checkout
from examples.adopting.shop_c.models import CartItem, Product, Stock
from holdfast_client import SyncReservations


def begin() -> None:
    mug = Product.objects.create(sku="ADOPTED-C", name="Mug", price=5)
    Stock.objects.create(product=mug, quantity=5)
    # A cart of its own each time, as buyers have.
    CartItem.objects.create(cart_id=f"demo-{int(time.time())}", product=mug, quantity=2)


def before() -> Iterator[str]:
    cart_id = CartItem.objects.get().cart_id
    yield f"hold the cart: {checkout.hold_before(cart_id)}; {_figures()}"


def after(client: SyncReservations) -> Iterator[str]:
    cart_id = CartItem.objects.get().cart_id
    yield f"hold the cart: {checkout.hold(client, cart_id, 1)}; {_figures()}"
    yield f"its own code, once more: {checkout.hold_before(cart_id)}; {_figures()}"
    yield f"pay: {checkout.pay(client, cart_id, 1, f'pay-{cart_id}')}; {_figures()}"


def _figures() -> str:
    stock, lines = Stock.objects.get(), CartItem.objects.count()
    return f"{stock.quantity} mugs, {stock.reserved_quantity} reserved, {lines} lines in the cart"
