"""The checkout of shop D, before and after: no stock of its own, and one cart a user for ever."""

from __future__ import annotations

import zlib

from django.contrib.auth.models import User

from examples.adopting.shop_d.models import Cart
from holdfast_client import Fulfilled, Held, SyncReservations


def by_holdfast(user: User, percent: int) -> bool:
    """Say whether Holdfast is to have it: one in a hundred, and then more, always the same ones."""
    return zlib.crc32(str(user.pk).encode()) % 100 < percent


def buy_before(user: User) -> int:
    """Sell whatever is in the cart, as if there were always enough; return how many units."""
    cart, _ = Cart.objects.get_or_create_for_user(user)
    sold = cart.total_items
    cart.clear()
    return sold


def hold(client: SyncReservations, user: User, order: int) -> bool:
    """Hold what is in the cart, or nothing. The number of the next order names the attempt."""
    cart, _ = Cart.objects.get_or_create_for_user(user)
    checkout_id = f"cart-{cart.pk}-order-{order}"
    outcome = client.reserve_cart(checkout_id, str(cart.pk), customer_id=str(user.pk))
    return isinstance(outcome, Held)


def pay(client: SyncReservations, user: User, order: int, payment: str) -> bool:
    """Sell what is held: the cart is cleared of what was bought, and the next order may begin."""
    return isinstance(client.confirm(f"cart-{user.cart.pk}-order-{order}", payment), Fulfilled)
