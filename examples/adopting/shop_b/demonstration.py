"""Shop B before and after, in a few lines: five mugs, and a cart of two."""

from __future__ import annotations

import time
from collections.abc import Iterator

from examples.adopting.shop_b import checkout
from examples.adopting.shop_b.models import Cart, CartItem, Product, StockReservation
from holdfast_client import SyncReservations


def begin() -> None:
    # A session of its own each time, as buyers have.
    cart = Cart.objects.create(session_key=f"demo-{int(time.time())}")
    mug = Product.objects.create(sku="ADOPTED-B", name="Mug", total_stock=5)
    CartItem.objects.create(cart=cart, product=mug, quantity=2)


def before() -> Iterator[str]:
    yield f"hold the cart: {checkout.hold_before(Cart.objects.get())}; {_figures()}"


def after(client: SyncReservations) -> Iterator[str]:
    cart = Cart.objects.get()
    yield f"hold the cart: {checkout.hold(client, cart, 1)}; {_figures()}"
    yield f"its own code, once more: {checkout.hold_before(cart)}; {_figures()}"
    yield f"pay: {checkout.pay(client, cart, 1, f'pay-{cart.session_key}')}; {_figures()}"


def _figures() -> str:
    mug, rows = Product.objects.get(), StockReservation.objects.active().count()
    return f"{mug.total_stock} mugs, {mug.reserved_stock} reserved, {rows} rows of reservations"
