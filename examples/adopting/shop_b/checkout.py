"""The checkout of shop B, before and after: a cart by its session, reservations as rows."""

from __future__ import annotations

import zlib

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from examples.adopting.shop_b.models import Cart, Product, StockReservation
from holdfast_client import Fulfilled, Held, SyncReservations


def by_holdfast(cart: Cart, percent: int) -> bool:
    """Say whether Holdfast is to have it: one in a hundred, and then more, always the same ones."""
    return zlib.crc32(str(cart.session_key).encode()) % 100 < percent


def hold_before(cart: Cart) -> bool:
    """Reserve what is in the cart, or nothing; a job must take off what expires."""
    with transaction.atomic():
        for item in cart.items.all():
            free = Product.objects.filter(
                pk=item.product_id, total_stock__gte=F("reserved_stock") + item.quantity
            )
            if not free.update(reserved_stock=F("reserved_stock") + item.quantity):
                transaction.set_rollback(True)
                return False
            StockReservation.objects.create(
                product_id=item.product_id,
                session_key=cart.session_key,
                user_id=cart.user_id,
                quantity=item.quantity,
                expires_at=timezone.now() + StockReservation.RESERVATION_DURATION,
            )
    return True


def hold(client: SyncReservations, cart: Cart, attempt: int) -> bool:
    """Hold what is in the cart, or nothing; its rows of reservations come and go by themselves."""
    user = str(cart.user_id) if cart.user_id else None
    checkout_id = f"session-{cart.session_key}-{attempt}"
    outcome = client.reserve_cart(checkout_id, cart.session_key, customer_id=user)
    return isinstance(outcome, Held)


def pay(client: SyncReservations, cart: Cart, attempt: int, payment: str) -> bool:
    """Sell what is held: what was bought leaves the cart in the same transaction."""
    return isinstance(client.confirm(f"session-{cart.session_key}-{attempt}", payment), Fulfilled)
