"""The carts of a shop in memory: what is in them when a checkout leaves its lines to one."""

from __future__ import annotations

from holdfast_client.contract.errors import InvalidRequest
from holdfast_client.contract.messages import CheckoutRequest
from holdfast_client.contract.names import DEFAULT_LOCATION
from holdfast_client.contract.outcomes import HeldLine
from holdfast_client.fake.shop import MemoryShop


def lines_of_cart(shop: MemoryShop, request: CheckoutRequest) -> tuple[HeldLine, ...]:
    """Return what is in the cart of a new request, in order; nothing where it has its own lines.

    Raises:
        InvalidRequest: there is no such cart, or it is empty.
    """
    if not request.from_cart:
        return ()
    cart = shop.carts.get(str(request.cart_id))
    if not cart:
        is_known = cart is not None
        words = f"cart {request.cart_id} is empty" if is_known else _unknown(request)
        raise InvalidRequest("cart_id", words)
    return tuple(
        HeldLine(sku=sku, location=DEFAULT_LOCATION, quantity=quantity)
        for sku, quantity in sorted(cart.items())
    )


def _unknown(request: CheckoutRequest) -> str:
    return f"there is no cart {request.cart_id}"
