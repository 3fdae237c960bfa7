"""The checkout of shop C, before and after: a cart is an id on its lines."""

from __future__ import annotations

import zlib

from examples.adopting.shop_c.models import CartItem, Stock
from holdfast_client import Fulfilled, Held, SyncReservations


def by_holdfast(cart_id: str, percent: int) -> bool:
    """Say whether Holdfast is to have it: one in a hundred, and then more, always the same ones."""
    return zlib.crc32(cart_id.encode()) % 100 < percent


def hold_before(cart_id: str) -> bool:
    """Reserve what is in the cart; of one that falls short, what came before stays reserved."""
    wanted = CartItem.objects.for_cart(cart_id).values_list("product_id", "quantity")
    return Stock.objects.bulk_reserve(dict(wanted))


def hold(client: SyncReservations, cart_id: str, attempt: int) -> bool:
    """Hold what is in the cart, or nothing."""
    return isinstance(client.reserve_cart(f"cart-{cart_id}-{attempt}", cart_id), Held)


def pay(client: SyncReservations, cart_id: str, attempt: int, payment: str) -> bool:
    """Sell what is held: what was bought leaves the cart in the same transaction."""
    return isinstance(client.confirm(f"cart-{cart_id}-{attempt}", payment), Fulfilled)
